package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
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
	Key      string     `help:"Where security keys are plugged in: uhid or vhci on Linux, usbip on Windows, none to plug in none." enum:"auto,uhid,vhci,usbip,none" default:"auto" env:"POSTERN_AGENT_KEY"`
	Page     string     `help:"Address of the local page, on this machine alone; port 0 is any free one." default:"127.0.0.1:0" env:"POSTERN_AGENT_PAGE" placeholder:"ADDRESS"`
	Group    string     `help:"Let the members of this group use the local page too; on Windows any name means whoever sits at the machine." env:"POSTERN_AGENT_GROUP" placeholder:"GROUP"`
	LogLevel slog.Level `help:"debug, info, warn or error." default:"info" env:"POSTERN_AGENT_LOG_LEVEL" placeholder:"LEVEL"`
}

// socket is where keys are plugged in; nil is nowhere.
func (c *runCmd) socket(log *slog.Logger) (agent.Socket, error) {
	if c.Key == "none" {
		return nil, nil
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

// Run serves until it is stopped.
func (c *runCmd) Run(ctx context.Context, std cli.Streams, o *options) (err error) {
	log := slog.New(slog.NewTextHandler(std.Err, &slog.HandlerOptions{Level: c.LogLevel}))
	config, err := o.config(log)
	if err != nil {
		return err
	}
	if config.Socket, err = c.socket(log); err != nil {
		return err
	}
	a, err := agent.New(config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	inside := looker
	inside.Inside = true
	check := func(ctx context.Context) doctor.Report { return doctor.Judge(inside.Gather(ctx, a.View(), true)) }
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
