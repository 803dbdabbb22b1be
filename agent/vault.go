package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/google/go-tpm/tpm2/transport"

	"github.com/postern/postern"
	"github.com/postern/postern/agent/seal"
	"github.com/postern/postern/fido/authenticator/sealedfile"
	"github.com/postern/postern/link/workstation"
)

// Files of the state directory, readable by the service's account alone.
const (
	stateFile    = "agent" // sealed: [content]; its key lies beside it where no TPM seals it
	stateLabel   = "postern agent"
	stateVersion = 1
)

// content is what the state file holds, as JSON.
type content struct {
	Workstation *workstation.State         `json:"workstation,omitempty"`
	Told        *postern.WorkstationUpdate `json:"told,omitempty"` // what the control center was last told of this machine
}

// A command holds the state for a moment where no service runs, and a service that starts in that moment waits for it.
const (
	inUsePause = 100 * time.Millisecond
	inUseTries = 30
)

// ErrRunning says that another process has the state open.
var ErrRunning = errors.New("a postern-agent is at work with this directory already")

// vault is the open state file. It is the [workstation.Keeper].
type vault struct {
	file *sealedfile.File
	seal Seal

	mu      sync.Mutex
	content content
}

// openVault opens the state in dir, making what is missing. New state is sealed by the TPM where there is one that can be
// used, and by a key beside it otherwise.
func openVault(dir string, tpm func() (transport.TPMCloser, error), log *slog.Logger) (*vault, error) {
	if err := makeDir(dir); err != nil {
		return nil, fmt.Errorf("the directory of the state: %w", err)
	}
	file, seal, err := openSealed(dir, tpm, log)
	for tries := 0; errors.Is(err, sealedfile.ErrInUse) && tries < inUseTries; tries++ {
		time.Sleep(inUsePause)
		file, seal, err = openSealed(dir, tpm, log)
	}
	if errors.Is(err, sealedfile.ErrInUse) {
		return nil, fmt.Errorf("%w (%s)", ErrRunning, dir)
	}
	if err != nil {
		return nil, err
	}
	v := &vault{file: file, seal: seal}
	version, data, exists := file.Read()
	defer clear(data)
	switch {
	case !exists:
		return v, nil
	case version != stateVersion:
		err = fmt.Errorf("the state in %s is of version %d, this program knows %d: use a newer postern-agent", dir, version, stateVersion)
	default:
		err = json.Unmarshal(data, &v.content)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return v, nil
}

func openSealed(dir string, tpm func() (transport.TPMCloser, error), log *slog.Logger) (*sealedfile.File, Seal, error) {
	return seal.Open(filepath.Join(dir, stateFile), seal.Options{Label: stateLabel, Version: stateVersion, TPM: tpm, Log: log})
}

// Save implements [workstation.Keeper].
func (v *vault) Save(_ context.Context, s *workstation.State) error {
	return v.write(func(c *content) { c.Workstation = s })
}

func (v *vault) write(change func(*content)) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	next := v.content
	change(&next)
	data, err := json.Marshal(next)
	if err != nil {
		return err
	}
	defer clear(data)
	if err := v.file.Write(stateVersion, data); err != nil {
		return fmt.Errorf("keep the state: %w", err)
	}
	v.content = next
	return nil
}

func (v *vault) read() content {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.content
}

func (v *vault) close() error { return v.file.Close() }
