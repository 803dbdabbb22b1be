package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/postern/postern"
)

// How long the agent waits before it tries again what an install file asks for: twice as long each time, from the first
// to the last. A refusal, which no waiting mends, waits longest: somebody may put another file there.
const (
	installFirst = 5 * time.Second
	installLast  = 10 * time.Minute
)

// ReadInstallFile reads the file that came with the installer.
func ReadInstallFile(path string) (postern.DesktopConfiguration, error) {
	data, err := readInstallFile(path)
	if err != nil {
		return postern.DesktopConfiguration{}, err
	}
	return postern.ReadDesktopConfiguration(data)
}

func readInstallFile(path string) ([]byte, error) {
	f, err := os.Open(path) // #nosec G304 -- named by whoever runs the agent
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, postern.MaxDesktopFile+1))
}

// ForgetInstallToken takes the install token out of the file and leaves the rest as it is, whatever an older agent knows
// of it. Nobody finds half a file: the new one takes the place of the old.
func ForgetInstallToken(path string) error {
	data, err := readInstallFile(path)
	if err != nil {
		return err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(strings.TrimPrefix(string(data), "\ufeff")), &members); err != nil {
		return err
	}
	if _, there := members["install_token"]; !there {
		return nil
	}
	delete(members, "install_token")
	if data, err = json.MarshalIndent(members, "", "  "); err != nil {
		return err
	}
	return replaceFile(path, append(data, '\n'))
}

// FindInstallFile gives the first of the paths at which there is an install file, and what it says. It fails with
// [fs.ErrNotExist] where there is none.
func FindInstallFile(paths []string) (string, postern.DesktopConfiguration, error) {
	for _, path := range paths {
		c, err := ReadInstallFile(path)
		if !errors.Is(err, fs.ErrNotExist) {
			return path, c, err
		}
	}
	return "", postern.DesktopConfiguration{}, fs.ErrNotExist
}

// install enrols with an install file that lies there, and erases its token after. It goes on trying until ctx ends, this
// machine is enrolled, or there is no file with a token.
func (a *Agent) install(ctx context.Context) {
	for pause := installFirst; ; pause = min(2*pause, installLast) {
		path, file, err := FindInstallFile(a.c.InstallFiles)
		if errors.Is(err, fs.ErrNotExist) || err == nil && file.InstallToken == "" {
			return
		}
		if err == nil {
			err = a.enrolFrom(ctx, file)
		}
		if err == nil {
			if err := ForgetInstallToken(path); err != nil {
				a.c.Log.Error("the install token could not be erased; delete the file", "file", path, "error", err)
			}
			return
		}
		if ctx.Err() != nil {
			return
		}
		a.c.Log.Warn("this workstation could not be enrolled with its install file; it is tried again", "file", path, "error", err)
		e := postern.AsError(err)
		switch e.Code {
		case postern.CodeUnavailable, postern.CodeTooMany, postern.CodeInternal, postern.CodeWorkstationClock:
		default:
			pause = installLast
		}
		a.mu.Lock()
		if a.w == nil {
			a.fatal = problemOf(err)
		}
		a.mu.Unlock()
		a.notify()
		if a.c.Sleep(ctx, max(pause, e.After)) != nil {
			return
		}
	}
}

// enrolFrom enrols with what an install file says. A workstation that is enrolled already stays what it is.
func (a *Agent) enrolFrom(ctx context.Context, file postern.DesktopConfiguration) error {
	if w, _ := a.current(); w != nil {
		if s := w.Status(); s.Server != file.Server {
			a.c.Log.Warn("this workstation is enrolled with another control center than its install file names; it stays there", "enrolled", s.Server, "file", file.Server)
		}
		return nil
	}
	err := a.Enrol(ctx, EnrolmentOf(file))
	if postern.IsCode(err, postern.CodeConflict) {
		if w, _ := a.current(); w != nil { // somebody was quicker
			return nil
		}
	}
	return err
}

// EnrolmentOf is the enrolment that an install file asks for.
func EnrolmentOf(file postern.DesktopConfiguration) Enrolment {
	return Enrolment{Server: file.Server, Integration: string(file.IntegrationID), InstallToken: file.InstallToken}
}

// sleep waits, or fails when ctx ends first.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting: %w", ctx.Err())
	}
}
