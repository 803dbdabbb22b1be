// Command postern-agent is the workstation's service, and the commands of the people who sit at it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"

	"github.com/postern/postern"
	"github.com/postern/postern/agent"
	"github.com/postern/postern/agent/doctor"
	"github.com/postern/postern/agent/page"
	"github.com/postern/postern/fido/authenticator/sealedfile"
	"github.com/postern/postern/fido/transport/hid"
	"github.com/postern/postern/internal/cli"
	"github.com/postern/postern/link/websocket"
)

// commands is the command tree. What stands beside the commands goes with all of them.
type commands struct {
	options

	Run     runCmd      `cmd:"" help:"Be the service: keep the connection, and plug in a security key for each phone that is there."`
	Enroll  enrollCmd   `cmd:"" aliases:"enrol" help:"Make this workstation known to a control center."`
	Pair    pairCmd     `cmd:"" help:"Pair a phone with this workstation."`
	Phones  phonesCmd   `cmd:"" help:"List the phones that are paired."`
	Unpair  unpairCmd   `cmd:"" help:"End the pairing with a phone."`
	Offline offlineCmd  `cmd:"" help:"Sign in at this machine without a network: how it stands, and setting it up."`
	Rename  renameCmd   `cmd:"" help:"Give this workstation another name."`
	Status  statusCmd   `cmd:"" help:"Show how this workstation stands."`
	Doctor  doctorCmd   `cmd:"" help:"Find out why phones do not work here, and what to do."`
	Open    openCmd     `cmd:"" help:"Open the local page in the browser."`
	Leave   leaveCmd    `cmd:"" help:"Give this workstation up: end its pairings and forget its keys."`
	Version cli.Version `cmd:"" help:"Print the version."`
}

// options go with every command.
type options struct {
	Dir  string `help:"Directory of the state." env:"POSTERN_AGENT_DIR" placeholder:"DIR"`
	Door string `help:"File with the address of the local page, and the key to it." env:"POSTERN_AGENT_DOOR" placeholder:"FILE"`
	JSON bool   `help:"Print JSON."`

	host *host `kong:"-"`
}

const description = `Makes phones with Postern usable as security keys at this machine.

The service is postern-agent run. The other commands speak to it, by the address in FILE, which lies in DIR or in
/run/postern-agent; where no service runs, they do the work themselves, as far as it needs no service.

Exit codes: 0 done, 1 failed, 2 wrong usage or value, 3 not found or not enrolled, 4 conflict or changed meanwhile,
5 not allowed, 7 the time was over, 130 stopped. Those of doctor are told by doctor --help.`

func main() {
	if service() {
		return
	}
	program().Main()
}

func program() cli.Program { return programOf(new(host)) }

func programOf(h *host) cli.Program {
	tree := new(commands)
	tree.host = h
	return cli.Program{Name: "postern-agent", Description: description, Tree: tree, Bind: []any{&tree.options}, Explain: explain}
}

// explain finds or makes the error for people; nil if err speaks for itself.
func explain(err error) *postern.Error {
	if e, ok := errors.AsType[*postern.Error](err); ok {
		return e
	}
	if u, ok := errors.AsType[*hid.Unavailable](err); ok {
		return postern.Errorf(postern.CodeUnavailable, "%s", u.Message).WithNext(u.Next).Because(err)
	}
	switch {
	case errors.Is(err, agent.ErrRunning):
		return postern.Errorf(postern.CodeConflict, "A postern-agent is at work with this directory already.").
			WithNext("Stop it, or give another --dir. If it is the service, run this command as an account that may speak to it.").Because(err)
	case errors.Is(err, page.ErrNoAgent):
		return postern.Errorf(postern.CodeNotFound, "No postern-agent runs here.").WithNext("Start the service, or run postern-agent run.").Because(err)
	case errors.Is(err, sealedfile.ErrUnreadable):
		return postern.Errorf(postern.CodeForbidden, "The state does not open: %v.", err).
			WithNext("Put agent and agent.key back from the same backup, or delete both and enrol again.").Because(err)
	case errors.Is(err, fs.ErrPermission):
		return postern.Errorf(postern.CodeForbidden, "This account may not do that: %v.", err).
			WithNext("Run the command as the service's account or as root; on Linux, or join the group that may use the page.").Because(err)
	}
	return nil
}

// sharedDoor is where the service of a Linux machine leaves its door, for those who may.
const sharedDoor = "/run/postern-agent/" + page.DoorFile

// dir is where the state lies.
func (o *options) dir() (string, error) {
	switch {
	case o.Dir != "":
		return filepath.Abs(o.Dir)
	case runtime.GOOS == "windows", os.Geteuid() == 0:
		return agent.MachineDir()
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("where the state lies: %w; give --dir", err)
	}
	return filepath.Join(dir, "postern", "agent"), nil
}

// door is where a running agent leaves its door.
func (o *options) door() (string, error) {
	if o.Door != "" {
		return filepath.Abs(o.Door)
	}
	dir, err := o.dir()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, page.DoorFile)
	if o.Dir == "" {
		if _, err := os.Stat(sharedDoor); err == nil {
			return sharedDoor, nil
		}
	}
	return path, nil
}

// client is the agent that runs here; [page.ErrNoAgent] if none does.
func (o *options) client(ctx context.Context) (*page.Client, error) {
	path, err := o.door()
	if err != nil {
		return nil, err
	}
	door, err := page.ReadDoor(path)
	if err != nil {
		return nil, err
	}
	c := &page.Client{Door: door}
	if _, err := c.View(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

// config is an agent of this machine.
func (o *options) config(log *slog.Logger) (agent.Config, error) {
	dir, err := o.dir()
	return agent.Config{Dir: dir, Software: "postern-agent " + postern.Version(), System: systemName(), Log: log}, err
}

// looker looks for what is wrong.
var looker = doctor.Looker{Dial: websocket.Dial, Tunnels: doctor.Tunnels}
