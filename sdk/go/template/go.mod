module actor/{{name}}

go 1.27

require greenroom v0.0.0

replace greenroom => ./third_party/greenroom/sdk/go
