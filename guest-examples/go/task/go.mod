module task

go 1.27

require greenroom v0.0.0

replace greenroom => ../../../sdk/go
