package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"github.com/postern/postern"
	"github.com/postern/postern/agent"
	"github.com/postern/postern/agent/doctor"
	"github.com/postern/postern/agent/page"
	"github.com/postern/postern/internal/cli"
)

// runCmd is the service.
type runCmd struct {
	Key      string `help:"Where security keys are plugged in: uhid or vhci on Linux, usbip on Windows, udp for tests, none to plug in none." enum:"auto,uhid,vhci,usbip,udp,none" default:"auto" env:"POSTERN_AGENT_KEY"`
	UDP      string `name:"udp" help:"Address of the simulator port of --key udp, on this machine alone. For tests: every program here reaches it." default:"127.0.0.1:8111" env:"POSTERN_AGENT_UDP" placeholder:"ADDRESS"`
	Page     string `help:"Address of the local page, on this machine alone; port 0 is any free one." default:"127.0.0.1:0" env:"POSTERN_AGENT_PAGE" placeholder:"ADDRESS"`
	Group    string `help:"Let the members of this group use the local page too; on Windows any name means whoever sits at the machine." env:"POSTERN_AGENT_GROUP" placeholder:"GROUP"`
	LogLevel string `help:"debug, info, warn or error; what the install file says, or info, if left out." env:"POSTERN_AGENT_LOG_LEVEL" placeholder:"LEVEL"`

	InstallFile string `help:"The postern.json that came with the installer: enrol with it, and erase its install token. Looked for in DIR and beside the program if left out." env:"POSTERN_AGENT_INSTALL_FILE" placeholder:"FILE"`
}

// socket is where keys are plugged in; nil is nowhere.
func (c *runCmd) socket(log *slog.Logger) (agent.Socket, error) {
	switch c.Key {
	case "none":
		return nil, nil
	case "udp":
		return agent.UDP{Address: c.UDP}, nil
	}
	usual := agent.DefaultSocket(log)
	switch {
	case c.Key == "auto", c.Key == usual.Name():
		return usual, nil
	case usual.Name() == "uhid" && c.Key == "vhci":
		return agent.VHCI{}, nil
	}
	return nil, postern.FieldErrorf("key", "This system has no --key %s.", c.Key).WithNext("Leave --key out, or give none.")
}

// installFiles are where the file of the installer may lie: where it was told, or with the state, where the installer puts
// it, or beside the program.
func (c *runCmd) installFiles(dir string) ([]string, error) {
	if c.InstallFile != "" {
		path, err := filepath.Abs(c.InstallFile)
		return []string{path}, err
	}
	files := []string{filepath.Join(dir, postern.DesktopFile)}
	if program, err := os.Executable(); err == nil {
		files = append(files, filepath.Join(filepath.Dir(program), postern.DesktopFile))
	}
	return files, nil
}

// adopt takes over what the install file says and nobody said here. A file that cannot be read is told of later, by the
// agent, which goes on trying.
func (c *runCmd) adopt(files []string) (slog.Level, error) {
	settings := postern.DefaultDesktopClientSettings()
	if _, file, err := agent.FindInstallFile(files); err == nil {
		settings = file.Settings
		// On Windows any group means whoever sits at the machine; elsewhere the installer cannot know one.
		if runtime.GOOS == "windows" && c.Group == "" && settings.LocalPage == postern.DesktopPageUsers {
			c.Group = "Users"
		}
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(cmp.Or(c.LogLevel, settings.LogLevel))); err != nil {
		return level, postern.FieldErrorf("log-level", "There is no log level %q.", c.LogLevel).WithNext("Use debug, info, warn or error.")
	}
	return level, nil
}

// Run serves until it is stopped.
func (c *runCmd) Run(ctx context.Context, std cli.Streams, o *options) (err error) {
	dir, err := o.dir()
	if err != nil {
		return err
	}
	files, err := c.installFiles(dir)
	if err != nil {
		return err
	}
	taken := agent.TakeProperties(dir)
	level, err := c.adopt(files)
	if err != nil {
		return err
	}
	log := o.host.logger(slog.NewTextHandler(std.Err, &slog.HandlerOptions{Level: level}))
	if taken != nil {
		log.Error("what was said to the installer could not be taken over", "error", taken)
	}
	config, err := o.config(log)
	if err != nil {
		return err
	}
	config.InstallFiles = files
	if config.Socket, err = c.socket(log); err != nil {
		return err
	}
	a, err := agent.New(config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	defer o.host.listens(a)()
	inside := looker
	inside.Inside = true
	check := func(ctx context.Context) postern.DoctorReport {
		return doctor.Judge(inside.Gather(ctx, a.View(), true))
	}
	server, err := page.New(ctx, c.Page, a, check, log)
	if err != nil {
		return err
	}
	path, err := o.ownDoor(config.Dir)
	if err != nil {
		return err
	}
	if err := server.Door().Write(path, c.Group); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(path)) }()
	if err := started(std, o.JSON, server.Door().URL, path); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var tasks sync.WaitGroup
	tasks.Go(func() { cancel(server.Serve(ctx)) })
	err = a.Run(ctx)
	cancel(nil)
	tasks.Wait()
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		err = errors.Join(err, cause)
	}
	return err
}

// ownDoor is where this service leaves its door: where it is told, in the directory systemd made for it, or beside the state.
func (o *options) ownDoor(dir string) (string, error) {
	if o.Door != "" {
		return filepath.Abs(o.Door)
	}
	if runtime, _, _ := strings.Cut(os.Getenv("RUNTIME_DIRECTORY"), ":"); runtime != "" {
		return filepath.Join(runtime, page.DoorFile), nil
	}
	return filepath.Join(dir, page.DoorFile), nil
}

// started tells that the service runs, in one line.
func started(std cli.Streams, asJSON bool, url, door string) error {
	if asJSON {
		return json.NewEncoder(std.Out).Encode(map[string]string{"page": url, "door": door})
	}
	_, err := fmt.Fprintf(std.Out, "The agent runs. Its page is %s; open it with postern-agent open.\n", url)
	return err
}
