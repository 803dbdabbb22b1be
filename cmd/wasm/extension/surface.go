//go:build js

package main

import (
	"context"
	"log/slog"
	"syscall/js"

	"github.com/postern/postern"
	"github.com/postern/postern/extension"
)

// surface is globalThis.postern.
func surface(app *extension.App, log *slog.Logger) js.Value {
	object := js.Global().Get("Object").New()
	object.Set("call", js.FuncOf(func(_ js.Value, args []js.Value) any {
		command, data := args[0].String(), []byte(args[1].String())
		return promise(func() error { return app.Call(context.Background(), command, data) }, log)
	}))
	object.Set("begin", js.FuncOf(func(_ js.Value, args []js.Value) any {
		app.Begin(args[0].String(), args[1].Int(), []byte(args[2].String()))
		return nil
	}))
	object.Set("cancel", js.FuncOf(func(_ js.Value, args []js.Value) any {
		app.Cancel(args[0].Int())
		return nil
	}))
	object.Set("policy", js.FuncOf(func(_ js.Value, args []js.Value) any {
		policy, err := extension.ParsePolicy([]byte(args[0].String()))
		if err != nil {
			log.Error("the policy is not readable and does not count", "err", err)
			return nil
		}
		go app.SetPolicy(policy)
		return nil
	}))
	return object
}

// promise runs do beside the event loop, which it must not hold up.
func promise(do func() error, log *slog.Logger) js.Value {
	var executor js.Func
	executor = js.FuncOf(func(_ js.Value, args []js.Value) any {
		resolve, reject := args[0], args[1]
		go func() {
			defer executor.Release()
			err := do()
			if err == nil {
				resolve.Invoke(js.Null())
				return
			}
			e := postern.AsError(err)
			if e.Code == postern.CodeInternal {
				log.Error("a command failed", "err", err)
			}
			problem := js.Global().Get("Error").New(e.Message)
			problem.Set("problem", js.ValueOf(map[string]any{
				"code": string(e.Code), "field": e.Field, "message": e.Message, "next": e.Next,
			}))
			reject.Invoke(problem)
		}()
		return nil
	})
	return js.Global().Get("Promise").New(executor)
}
