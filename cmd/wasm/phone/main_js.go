package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"syscall/js"
	"time"

	"github.com/postern/postern/link/signed"
	"github.com/postern/postern/link/websocket"
	"github.com/postern/postern/phone/app"
)

func main() {
	host := js.Global().Get("posternHost")
	if host.IsUndefined() {
		fmt.Fprintln(os.Stderr, "postern: the page did not provide posternHost before the app started")
		os.Exit(1)
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelInfo}))
	info := host.Get("info")
	a := app.New(app.Host{
		Server: info.Get("origin").String(), Platform: info.Get("platform").String(), Version: info.Get("version").String(),
		Backing: backing{host}, Erase: func(ctx context.Context) error { _, err := await(ctx, host, "erase"); return err },
		Transport: signed.Fetch(), Dial: websocket.Dial, Random: rand.Reader, Now: time.Now,
		View: func(v app.View) { show(host, v) }, Log: log,
	})
	ctx := context.Background()
	js.Global().Set("postern", map[string]any{"call": call(ctx, a)})
	if err := a.Start(ctx); err != nil {
		// The view says it to people.
		log.Error("the app could not start", "code", app.ProblemOf(err).Code)
	}
	select {}
}

// show gives the page a view. A page that cannot take one does not take the app with it.
func show(host js.Value, v app.View) {
	defer func() {
		if r := recover(); r != nil {
			fmt.Fprintln(os.Stderr, "postern: the page could not show a change:", r)
		}
	}()
	data, err := json.Marshal(v)
	if err != nil {
		fmt.Fprintln(os.Stderr, "postern: a view cannot be written as JSON")
		return
	}
	host.Call("view", string(data))
}

// call is postern.call. The command runs on its own, so that the page's event loop goes on.
func call(ctx context.Context, a *app.App) js.Func {
	return js.FuncOf(func(_ js.Value, args []js.Value) any {
		var name, in string
		var output []byte
		if len(args) > 0 && args[0].Type() == js.TypeString {
			name = args[0].String()
		}
		if len(args) > 1 && args[1].Type() == js.TypeString {
			in = args[1].String()
		}
		if len(args) > 2 && args[2].InstanceOf(js.Global().Get("Uint8Array")) {
			output = make([]byte, min(args[2].Length(), maxOutput))
			js.CopyBytesToGo(output, args[2])
		}
		executor := js.FuncOf(func(_ js.Value, settle []js.Value) any {
			resolve, reject := settle[0], settle[1]
			go func() {
				defer clear(output)
				if err := a.Do(ctx, name, []byte(in), output); err != nil {
					reject.Invoke(failure(err))
					return
				}
				resolve.Invoke(js.Null())
			}()
			return nil
		})
		defer executor.Release() // the constructor has called it by then
		return js.Global().Get("Promise").New(executor)
	})
}

// maxOutput bounds what is taken of a gate's output, in bytes; the vault refuses what is not 32.
const maxOutput = 64

// failure is an Error whose problem is an [app.Problem].
func failure(err error) js.Value {
	p := app.ProblemOf(err)
	e := js.Global().Get("Error").New(p.Message)
	if data, err := json.Marshal(p); err == nil {
		e.Set("problem", js.Global().Get("JSON").Call("parse", string(data)))
	}
	return e
}
