package main

import (
	"path/filepath"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/authenticator/filestore"
	"github.com/postern/postern/fido/authenticator/memory"
)

// storeInMemory is the --store that leaves nothing behind.
const storeInMemory = "memory"

// store opens the passkeys; release closes them.
func (c *serveCmd) store(o *options) (s authenticator.Store, release func() error, err error) {
	switch c.Store {
	case storeInMemory:
		return memory.New(0), func() error { return nil }, nil
	case "":
		v, err := o.open()
		if err != nil {
			return nil, nil, err
		}
		return v.passkeys, v.close, nil
	}
	path, err := filepath.Abs(c.Store)
	if err != nil {
		return nil, nil, err
	}
	unlock, err := unlocker(path, true)
	if err != nil {
		return nil, nil, err
	}
	f, err := filestore.Open(path, unlock, 0)
	if err != nil {
		return nil, nil, err
	}
	return f, f.Close, nil
}
