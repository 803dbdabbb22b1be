package agent

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/google/go-tpm/tpm2/transport"

	"github.com/postern/postern"
	"github.com/postern/postern/fido/authenticator/sealedfile"
	"github.com/postern/postern/fido/authenticator/tpmseal"
	"github.com/postern/postern/link/workstation"
)

// Files of the state directory, readable by the service's account alone.
const (
	stateFile    = "agent"     // sealed: [content]
	keyFile      = "agent.key" // the key of it in hexadecimal, where no TPM seals it
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
	path, keyPath := filepath.Join(dir, stateFile), filepath.Join(dir, keyFile)
	byTPM := Seal{"tpm", "sealed by the TPM of this machine: a copy opens nowhere else"}
	byFile := Seal{"key file", "encrypted with a key in " + keyPath + ", as no TPM can be used here: whoever copies both files has the state"}
	if _, err := os.Stat(keyPath); err == nil {
		return openWithKey(path, keyPath, byFile)
	}
	_, err := os.Stat(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, Seal{}, err
	}
	file, failure := sealedfile.Open(path, stateLabel, tpmseal.New(tpmseal.Options{Open: tpm}))
	switch {
	case failure == nil:
		if !errors.Is(err, fs.ErrNotExist) {
			return file, byTPM, nil
		}
		if failure = file.Write(stateVersion, []byte("{}")); failure == nil { // a TPM that opens but does not seal is noticed now
			return file, byTPM, nil
		}
		_ = file.Close()
	case err == nil || errors.Is(failure, sealedfile.ErrInUse):
		return nil, Seal{}, failure
	}
	log.Info("the state is not sealed by a TPM", "reason", failure)
	if err := makeKey(keyPath); err != nil {
		return nil, Seal{}, err
	}
	return openWithKey(path, keyPath, byFile)
}

func openWithKey(path, keyPath string, seal Seal) (*sealedfile.File, Seal, error) {
	info, err := os.Stat(keyPath)
	if err != nil {
		return nil, Seal{}, err
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, Seal{}, fmt.Errorf("%s may be read by others: run chmod 600 %[1]s", keyPath)
	}
	text, err := os.ReadFile(keyPath) // #nosec G304 -- the service's own directory
	if err != nil {
		return nil, Seal{}, err
	}
	defer clear(text)
	key, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != sealedfile.KeySize {
		return nil, Seal{}, fmt.Errorf("%s holds no key", keyPath)
	}
	defer clear(key)
	file, err := sealedfile.Open(path, stateLabel, sealedfile.WithKey(key))
	return file, seal, err
}

func makeKey(path string) error {
	key := make([]byte, sealedfile.KeySize)
	_, _ = rand.Read(key) // never fails: package crypto/rand ends the program instead
	defer clear(key)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) // #nosec G304 -- the service's own directory
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, hex.EncodeToString(key))
	return errors.Join(err, f.Sync(), f.Close())
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
