// Program qrcode draws QR codes: an ordinary web application that knows nothing of buildpacks.
package main

import (
	"context"
	_ "embed"
	"errors"
	"html/template"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/skip2/go-qrcode"
)

const title = "QR codes"

//go:embed home.html
var homePage string

var home = template.Must(template.New("home").Parse(homePage))

func main() {
	router := chi.NewRouter()
	router.Use(middleware.Logger)
	router.Get("/", func(writer http.ResponseWriter, request *http.Request) {
		text := request.URL.Query().Get("text")
		if err := home.Execute(writer, map[string]string{"Title": title, "Text": text}); err != nil {
			log.Print(err)
		}
	})
	router.Get("/code.png", code)

	port := os.Getenv("PORT")
	if port == "" {
		port = "8080"
	}
	server := &http.Server{Addr: ":" + port, Handler: router, ReadHeaderTimeout: 10 * time.Second}

	stop, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	go func() {
		<-stop.Done()
		_ = server.Shutdown(context.Background())
	}()
	log.Printf("listening on port %s", port)
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		log.Fatal(err)
	}
}

// code draws the text of the request.
func code(writer http.ResponseWriter, request *http.Request) {
	png, err := qrcode.Encode(request.URL.Query().Get("text"), qrcode.Medium, 256)
	if err != nil {
		http.Error(writer, err.Error(), http.StatusBadRequest)
		return
	}
	writer.Header().Set("Content-Type", "image/png")
	_, _ = writer.Write(png)
}
