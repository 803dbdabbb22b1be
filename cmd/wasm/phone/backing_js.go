package main

import (
	"context"
	"errors"
	"fmt"
	"syscall/js"

	"github.com/postern/postern/phone/vault"
)

// backing is a [vault.Backing] in the page's store.
type backing struct{ host js.Value }

// Read implements [vault.Backing].
func (b backing) Read(ctx context.Context, names ...string) (map[string]vault.Record, error) {
	asked := js.Null()
	if len(names) > 0 {
		asked = js.Global().Get("Array").New()
		for _, name := range names {
			asked.Call("push", name)
		}
	}
	found, err := await(ctx, b.host, "read", asked)
	if err != nil {
		return nil, err
	}
	if found.Type() != js.TypeObject {
		return nil, errors.New("the page's store gave no records")
	}
	keys := js.Global().Get("Object").Call("keys", found)
	out := make(map[string]vault.Record, keys.Length())
	for i := range keys.Length() {
		name := keys.Index(i).String()
		record := found.Get(name)
		if record.Type() != js.TypeObject {
			return nil, fmt.Errorf("the page's store gave a record %q that is none", name)
		}
		data, version := record.Get("data"), record.Get("version")
		if version.Type() != js.TypeNumber || !data.InstanceOf(js.Global().Get("Uint8Array")) {
			return nil, fmt.Errorf("the page's store gave a record %q that is none", name)
		}
		r := vault.Record{Version: uint64(version.Float()), Data: make([]byte, data.Length())}
		js.CopyBytesToGo(r.Data, data)
		out[name] = r
	}
	return out, nil
}

// Replace implements [vault.Backing].
func (b backing) Replace(ctx context.Context, changes ...vault.Change) error {
	list := js.Global().Get("Array").New()
	for _, c := range changes {
		data := js.Null()
		if c.Data != nil {
			data = js.Global().Get("Uint8Array").New(len(c.Data))
			js.CopyBytesToJS(data, c.Data)
		}
		list.Call("push", map[string]any{"name": c.Name, "from": float64(c.From), "data": data})
	}
	done, err := await(ctx, b.host, "replace", list)
	switch {
	case err != nil:
		return err
	case done.Type() != js.TypeBoolean:
		return errors.New("the page's store did not say whether it made the change")
	case !done.Bool():
		return vault.ErrConflict
	}
	return nil
}

// await calls an asynchronous function of the host and waits for what it gives. A change that was begun goes on when ctx
// ends, as the store's contract allows.
func await(ctx context.Context, host js.Value, function string, args ...any) (result js.Value, err error) {
	if err := ctx.Err(); err != nil {
		return js.Undefined(), err
	}
	defer func() {
		if r := recover(); r != nil { // it threw before it gave a promise
			err = fmt.Errorf("the page's %s failed: %v", function, r)
		}
	}()
	type settled struct {
		value js.Value
		err   error
	}
	done := make(chan settled, 1)
	yes := js.FuncOf(func(_ js.Value, args []js.Value) any {
		value := js.Undefined()
		if len(args) > 0 {
			value = args[0]
		}
		done <- settled{value: value}
		return nil
	})
	no := js.FuncOf(func(_ js.Value, args []js.Value) any {
		reason := "no reason given"
		if len(args) > 0 {
			reason = js.Global().Get("String").Invoke(args[0]).String()
		}
		done <- settled{err: fmt.Errorf("the page's %s failed: %s", function, reason)}
		return nil
	})
	release := func() { yes.Release(); no.Release() }
	js.Global().Get("Promise").Call("resolve", host.Call(function, args...)).Call("then", yes, no)
	select {
	case s := <-done:
		release()
		return s.value, s.err
	case <-ctx.Done():
		go func() { <-done; release() }()
		return js.Undefined(), ctx.Err()
	}
}
