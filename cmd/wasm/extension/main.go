//go:build js

package main

import (
	"context"
	"crypto/rand"
	"log/slog"
	"os"
	"syscall/js"
	"time"

	"github.com/postern/postern/extension"
	"github.com/postern/postern/link/signed"
	"github.com/postern/postern/link/websocket"
	"github.com/postern/postern/link/workstation"
)

func main() {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil)) // the worker's console
	h := host{js.Global().Get("posternHost")}
	info := h.Get("info")
	policy, err := extension.ParsePolicy([]byte(info.Get("policy").String()))
	if err != nil {
		log.Error("the policy is not readable and does not count", "err", err)
	}
	app := extension.New(extension.Config{
		Host: h, Policy: policy,
		Version: info.Get("version").String(), Browser: info.Get("browser").String(), OS: info.Get("os").String(),
		Env: workstation.Env{
			Transport: signed.Fetch(), Dial: websocket.Dial, Random: rand.Reader, Now: time.Now, Log: log,
		},
	})
	js.Global().Set("postern", surface(app, log))
	if err := app.Run(context.Background()); err != nil {
		log.Error("the extension stopped", "err", err)
		os.Exit(1)
	}
}
