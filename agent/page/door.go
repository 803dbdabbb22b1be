package page

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Door is how programs get in: the address of the page and the token. It lies in a file while the agent runs.
type Door struct {
	URL   string `json:"url"`
	Token string `json:"token"`
}

// DoorFile is its name.
const DoorFile = "page.json"

// Write puts the door into a file for the owner alone, or with a group's name for its members too. The file is there whole
// or not at all.
func (d Door) Write(path, group string) (err error) {
	data, err := json.Marshal(d)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), DoorFile+".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err = share(f.Name(), group); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// ErrNoAgent means that no agent has left its door here.
var ErrNoAgent = errors.New("no postern-agent runs here")

// ReadDoor finds the door of a running agent. An agent that ended without a word may have left its file.
func ReadDoor(path string) (d Door, err error) {
	data, err := os.ReadFile(path) // #nosec G304 -- the caller's own path
	if errors.Is(err, fs.ErrNotExist) {
		return d, ErrNoAgent
	}
	if err != nil {
		return d, err
	}
	if err := json.Unmarshal(data, &d); err != nil || d.URL == "" {
		return d, fmt.Errorf("%s is damaged: start the agent anew", path)
	}
	return d, nil
}
