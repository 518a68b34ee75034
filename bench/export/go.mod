module export

go 1.22
