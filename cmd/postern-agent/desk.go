package main

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"github.com/postern/postern"
	"github.com/postern/postern/agent"
	"github.com/postern/postern/agent/page"
)

// desk is the agent as a command has it: the service that runs, or one of the command's own.
type desk interface {
	View(ctx context.Context) (agent.View, error)
	// Watch calls see with the view, now and at every change, until see is false.
	Watch(ctx context.Context, see func(agent.View) bool) error
	Enrol(ctx context.Context, in agent.Enrolment) error
	Leave(ctx context.Context, local bool) error
	Rename(ctx context.Context, name string) error
	Pair(ctx context.Context, typed bool) error
	Compared(ctx context.Context, same bool) error
	EndPairing(ctx context.Context) error
	Unpair(ctx context.Context, id postern.PairingID) error
	IssueOffline(ctx context.Context, id postern.PairingID) error
	TryOffline(ctx context.Context, id postern.PairingID) error
	ForgetOffline(ctx context.Context, id postern.PairingID) error
	Refresh(ctx context.Context) error
}

var (
	_ desk         = (*page.Client)(nil)
	_ page.Machine = (*agent.Agent)(nil)
)

// desk finds the service, or opens the state itself. running tells which; leave ends it.
func (o *options) desk(ctx context.Context) (d desk, running bool, leave func() error, err error) {
	client, err := o.client(ctx)
	if err == nil {
		return client, true, func() error { return nil }, nil
	}
	if !errors.Is(err, page.ErrNoAgent) {
		return nil, false, nil, err
	}
	config, err := o.config(slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, false, nil, err
	}
	a, err := agent.New(config)
	if err != nil {
		return nil, false, nil, err
	}
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	var work sync.WaitGroup
	work.Go(func() { _ = a.Run(working) }) // never fails
	return own{a}, false, func() error {
		stop()
		work.Wait()
		return a.Close()
	}, nil
}

// own is an agent within the command, which plugs no key in.
type own struct{ *agent.Agent }

func (o own) View(context.Context) (agent.View, error) { return o.Agent.View(), nil }

func (o own) Watch(ctx context.Context, see func(agent.View) bool) error {
	for {
		changed := o.Changed()
		if !see(o.Agent.View()) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// with runs a command at the desk.
func (o *options) with(ctx context.Context, do func(d desk, running bool) error) (err error) {
	d, running, leave, err := o.desk(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, leave()) }()
	return do(d, running)
}
