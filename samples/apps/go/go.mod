module example.com/qrcode

go 1.24

require (
	github.com/go-chi/chi/v5 v5.5.0
	github.com/skip2/go-qrcode v0.0.0-20200617195104-da1b6568686e
)
