package model_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/backbone"
	"github.com/postern/postern/center/device"
	"github.com/postern/postern/center/directory"
	"github.com/postern/postern/center/entra"
	"github.com/postern/postern/center/integration"
	"github.com/postern/postern/center/job"
	"github.com/postern/postern/center/job/jobtest"
	"github.com/postern/postern/center/lifecycle"
	"github.com/postern/postern/center/provision"
	"github.com/postern/postern/center/seal"
	"github.com/postern/postern/center/store"
)

// center is a running control center: what a process has in memory, on a database that outlives it.
type center struct {
	store        *store.Store
	queue        *jobtest.Queue
	trail        *audit.Log
	integrations *integration.Service
	users        *lifecycle.Service
	phones       *device.Service
	passkeys     *provision.Service
	directory    *directory.Service
}

// points is the database with points to die at around every transaction.
type points struct {
	*store.Store
	*crasher
}

func (p points) Atomically(ctx context.Context, do func(ctx context.Context) error) error {
	if _, inside := p.Tx(ctx); inside {
		return p.Store.Atomically(ctx, do)
	}
	p.here("before a transaction")
	err := p.Store.Atomically(ctx, func(ctx context.Context) error {
		if err := do(ctx); err != nil {
			return err
		}
		p.here("before a commit")
		return nil
	})
	p.here("after a transaction")
	return err
}

type queuePoints struct {
	job.Queue
	*crasher
}

func (q queuePoints) Enqueue(ctx context.Context, args job.Args, options ...job.Option) error {
	q.here("before Enqueue " + args.Kind())
	err := q.Queue.Enqueue(ctx, args, options...)
	q.here("after Enqueue " + args.Kind())
	return err
}

// graphs gives package provision the connector in the shape it asks for.
type graphs struct{ *integration.Service }

func (g graphs) Graph(ctx context.Context, id postern.IntegrationID) (provision.Graph, postern.Integration, error) {
	tenant, i, err := g.Tenant(ctx, id)
	return tenant, i, err
}

// open starts a control center on the database of the sequence, as a starting process does.
func (w *world) open() error {
	db, err := store.Open(w.ctx, "sqlite:"+w.database, store.Options{Now: w.lab.clock})
	if err != nil {
		return err
	}
	sealer, err := seal.NewKey(make([]byte, 32))
	if err != nil {
		return errors.Join(err, db.Close())
	}
	now := w.lab.clock
	log := slog.New(slog.NewTextHandler(&w.log, nil))
	c := &center{store: db}
	s := points{db, w.crash}
	c.trail = &audit.Log{Store: s, Sealer: sealer, Now: now, Origin: "model"}
	var registry job.Registry
	c.queue = jobtest.New(w.t, db, &registry, now)
	var queue job.Queue = queuePoints{c.queue, w.crash}
	notices := &backbone.InProcess{}
	sleep := func(_ context.Context, d time.Duration) error { w.lab.now = w.lab.now.Add(d); return nil }
	c.integrations = &integration.Service{
		Store: s, Sealer: sealer, Audit: c.trail, Queue: queue, Notices: notices, Logger: log, Now: now, Sleep: sleep,
		Cloud: entra.Cloud{Authority: "https://localhost", Graph: "https://localhost"}, Transport: w.wire,
	}
	c.users = &lifecycle.Service{Store: s, Tenants: c.integrations, Audit: c.trail, Queue: queue, Notices: notices, Logger: log, Now: now}
	c.phones = &device.Service{
		Store: s, Integrations: c.integrations, Users: c.users, Sealer: sealer, Audit: c.trail, Notices: notices, Logger: log, Now: now,
	}
	c.passkeys = &provision.Service{
		Store: s, Integrations: graphs{c.integrations}, Users: c.users, Phones: c.phones, Audit: c.trail, Queue: queue,
		Notices: notices, Logger: log, Now: now,
	}
	c.directory = &directory.Service{
		Store: s, Tenants: c.integrations, Followers: c.users, Audit: c.trail, Queue: queue, Notices: notices, Logger: log, Now: now,
	}
	c.phones.Enrolled = c.passkeys.Enrolled
	c.integrations.Enabled = c.passkeys.Resume
	c.integrations.Follow = c.users.FollowGroups
	c.passkeys.Disable = c.integrations.Disable
	c.users.CancelOpen = c.passkeys.CancelOpen
	c.users.RevokeUser = func(ctx context.Context, user postern.UserID, reason postern.RevocationReason, note string) error {
		_, err := c.passkeys.RevokeUser(ctx, user, reason, note)
		return err
	}
	if w.mutant != nil && w.mutant.wrap != nil {
		w.mutant.wrap(w, c)
	}
	c.integrations.Handle(&registry)
	c.users.Handle(&registry)
	c.passkeys.Handle(&registry)
	c.directory.Handle(&registry)
	if w.mutant != nil && w.mutant.jobs != nil {
		w.mutant.jobs(registry.Kinds())
	}
	w.center = c
	return nil
}

// world is one sequence under way.
type world struct {
	t        testing.TB
	ctx      context.Context
	lab      *lab
	wire     *wire
	crash    *crasher
	mutant   *mutant
	database string
	log      bytes.Buffer
	*center

	tenant, domain string
	token          string // of the tiny client
	integration    postern.IntegrationID
	model
}

// newWorld connects a fresh control center to a fresh tenant with people in it.
func newWorld(t testing.TB, l *lab, m *mutant) (*world, error) {
	w := &world{t: t, ctx: postern.WithActor(t.Context(), administrator), lab: l, crash: &crasher{}, mutant: m, model: emptyModel()}
	w.wire = &wire{lab: l, crash: w.crash}
	if m != nil {
		w.wire.lies = m.lies
	}
	tenant, client, secret, domain, err := l.tenant()
	if err != nil {
		return nil, err
	}
	w.tenant, w.domain = tenant, domain
	w.secrets = append(w.secrets, secret)
	w.database = filepath.Join(l.folder, "sequence.db")
	if err := w.remove(); err != nil {
		return nil, err
	}
	if err := os.WriteFile(w.database, l.template, 0o600); err != nil {
		return nil, err
	}
	if err := w.signIn(client, secret); err != nil {
		return nil, err
	}
	if err := w.populate(); err != nil {
		return nil, err
	}
	if err := w.open(); err != nil {
		return nil, err
	}
	i, err := w.integrations.Add(w.ctx, postern.IntegrationInput{
		ApplicationName: applicationName, TenantID: tenant, ClientID: client, ClientSecret: secret, AllowLowAssurance: true,
	})
	if err != nil {
		return nil, err
	}
	w.integration = i.ID
	_, err = w.integrations.SetState(w.ctx, i.ID, i.Version, postern.StateEnabled)
	return w, err
}

const applicationName = "Postern"

var administrator = postern.Actor{Kind: postern.ActorAdministrator, ID: "adm_model", Name: "Ada"}

func (w *world) remove() error {
	var all error
	for _, end := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(w.database + end); err != nil && !errors.Is(err, os.ErrNotExist) {
			all = errors.Join(all, err)
		}
	}
	return all
}

func (w *world) close() {
	if w.center != nil {
		_ = w.store.Close()
		w.center = nil
	}
	_ = w.remove()
}

// restart is the end of a process and the beginning of the next.
func (w *world) restart() error {
	if err := w.store.Close(); err != nil {
		return err
	}
	w.crash.left = 0
	return w.open()
}

// dies reports whether the control center was killed in do.
func (w *world) dies(do func()) (died bool) {
	defer func() {
		if cause := recover(); cause != nil {
			var crash jobtest.Crash
			if c, ok := cause.(jobtest.Crash); ok {
				crash = c
			} else if p, ok := cause.(error); !ok || !errors.As(p, &crash) {
				panic(cause)
			}
			died = true
		}
	}()
	do()
	return false
}
