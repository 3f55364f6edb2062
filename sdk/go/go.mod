module greenroom

go 1.27
