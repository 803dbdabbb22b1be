package main

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/authenticator/filestore"
	"github.com/postern/postern/fido/authenticator/memory"
)

// storeInMemory is the --store that leaves nothing behind.
const storeInMemory = "memory"

// opened is where passkeys lie.
type opened struct {
	authenticator.Store
	answered func(request, response []byte) // is told of everything that programs ask
	release  func() error
}

// store opens the passkeys.
func (c *serveCmd) store(o *options) (opened, error) {
	unheard := func([]byte, []byte) {}
	switch c.Store {
	case storeInMemory:
		return opened{memory.New(0), unheard, func() error { return nil }}, nil
	case "":
		v, err := o.open()
		if err != nil {
			return opened{}, err
		}
		return opened{v.passkeys, v.noteAnswer, func() error { return errors.Join(v.keepUses(context.Background()), v.close()) }}, nil
	}
	path, err := filepath.Abs(c.Store)
	if err != nil {
		return opened{}, err
	}
	unlock, err := unlocker(path, true)
	if err != nil {
		return opened{}, err
	}
	f, err := filestore.Open(path, unlock, 0)
	if err != nil {
		return opened{}, err
	}
	return opened{f, unheard, f.Close}, nil
}
