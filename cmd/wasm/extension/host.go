//go:build js

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"syscall/js"

	"github.com/postern/postern/extension"
)

// host is posternHost as an [extension.Host].
type host struct{ js.Value }

// Load implements [extension.Host].
func (h host) Load(ctx context.Context) ([]byte, error) {
	data, err := await(ctx, h.Call("load"))
	if err != nil || data.IsNull() || data.IsUndefined() {
		return nil, err
	}
	out := make([]byte, data.Length())
	js.CopyBytesToGo(out, data)
	data.Call("fill", 0) // it holds keys
	return out, nil
}

// Save implements [extension.Host].
func (h host) Save(ctx context.Context, data []byte) error {
	if data == nil {
		_, err := await(ctx, h.Call("save", js.Null()))
		return err
	}
	array := js.Global().Get("Uint8Array").New(len(data))
	js.CopyBytesToJS(array, data)
	_, err := await(ctx, h.Call("save", array))
	array.Call("fill", 0)
	return err
}

// Attach implements [extension.Host].
func (h host) Attach(ctx context.Context) error {
	answer, err := await(ctx, h.Call("attach"))
	if err != nil {
		return err
	}
	switch answer.String() {
	case "":
		return nil
	case "missing":
		return extension.ErrMissing
	}
	return extension.ErrHeld
}

// Detach implements [extension.Host].
func (h host) Detach(ctx context.Context) error {
	_, err := await(ctx, h.Call("detach"))
	return err
}

// Complete implements [extension.Host].
func (h host) Complete(ctx context.Context, a extension.Answer) error {
	out, err := json.Marshal(struct {
		ID       int                 `json:"id"`
		Kind     string              `json:"kind"`
		Response string              `json:"response,omitempty"`
		Error    *extension.DOMError `json:"error,omitempty"`
	}{a.ID, a.Kind, string(a.Response), a.Error})
	if err != nil {
		return err
	}
	_, err = await(ctx, h.Call("complete", string(out)))
	return err
}

// Window implements [extension.Host].
func (h host) Window(ctx context.Context, open bool) error {
	_, err := await(ctx, h.Call("window", open))
	return err
}

// View implements [extension.Host].
func (h host) View(data []byte) { h.Call("view", string(data)) }

// await waits for a promise, or for ctx.
func await(ctx context.Context, promise js.Value) (js.Value, error) {
	type settled struct {
		value js.Value
		err   error
	}
	done := make(chan settled, 1)
	yes := js.FuncOf(func(_ js.Value, args []js.Value) any { done <- settled{value: first(args)}; return nil })
	no := js.FuncOf(func(_ js.Value, args []js.Value) any {
		done <- settled{err: errors.New(fmt.Sprint(js.Global().Call("String", first(args))))}
		return nil
	})
	promise.Call("then", yes, no)
	select {
	case s := <-done:
		yes.Release()
		no.Release()
		return s.value, s.err
	case <-ctx.Done():
		go func() { <-done; yes.Release(); no.Release() }()
		return js.Undefined(), ctx.Err()
	}
}

func first(args []js.Value) js.Value {
	if len(args) == 0 {
		return js.Undefined()
	}
	return args[0]
}
