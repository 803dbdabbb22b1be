package model_test

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/backbone"
	"github.com/postern/postern/center/bulk"
	"github.com/postern/postern/center/device"
	"github.com/postern/postern/center/directory"
	"github.com/postern/postern/center/enrolment"
	"github.com/postern/postern/center/entra"
	"github.com/postern/postern/center/integration"
	"github.com/postern/postern/center/job"
	"github.com/postern/postern/center/job/jobtest"
	"github.com/postern/postern/center/lifecycle"
	"github.com/postern/postern/center/mail"
	"github.com/postern/postern/center/provision"
	"github.com/postern/postern/center/reconcile"
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
	reconcile    *reconcile.Service
	mail         *mail.Service
	enrolment    *enrolment.Service
	bulk         *bulk.Service
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

// listings gives package reconcile the connector in the shape it asks for.
type listings struct{ *integration.Service }

func (l listings) Graph(ctx context.Context, id postern.IntegrationID) (reconcile.Graph, postern.Integration, error) {
	tenant, i, err := l.Tenant(ctx, id)
	return tenant, i, err
}

// mirror gives package reconcile the directory in the shape it asks for.
type mirror struct{ *directory.Service }

func (m mirror) Refresh(ctx context.Context, id postern.IntegrationID) error {
	_, err := m.Sync(ctx, id)
	return err
}

// bulkTenants gives package bulk the integrations in the shape it asks for. The model names users by list only.
type bulkTenants struct{ *integration.Service }

func (bulkTenants) GroupMembers(context.Context, postern.IntegrationID, string, int) ([]postern.DirectoryUser, error) {
	return nil, postern.Errorf(postern.CodeNotFound, "")
}

// openDoor lets everybody do everything: permissions are not what the model is about.
type openDoor struct{}

func (openDoor) Require(context.Context, postern.Permission) error { return nil }

const publicURL = "https://postern.test"

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
	c.reconcile = &reconcile.Service{
		Store: s, Integrations: listings{c.integrations}, Directory: mirror{c.directory}, Groups: c.integrations, Passkeys: c.passkeys,
		Audit: c.trail, Queue: queue, Notices: notices, Logger: log, Now: now,
	}
	c.mail = &mail.Service{
		Store: s, Integrations: c.integrations, Sealer: sealer, Audit: c.trail, Queue: queue, Notices: notices, PublicURL: publicURL,
		Logger: log, Now: now,
	}
	c.users.Mail, c.passkeys.Mail = c.mail, c.mail
	c.enrolment = &enrolment.Service{
		Store: s, Tenants: c.integrations, Sealer: sealer, Audit: c.trail, Notices: notices, Logger: log, Now: now, PublicURL: publicURL,
		Proven: c.passkeys.Proven, Revoke: c.passkeys.RevokePhone,
		Person: func(ctx context.Context) postern.AdministratorID {
			return postern.AdministratorID(postern.ActorFrom(ctx).ID)
		},
	}
	c.passkeys.Proofs = c.enrolment
	c.bulk = &bulk.Service{
		Store: s, Tenants: bulkTenants{c.integrations}, Door: openDoor{}, Sealer: sealer, Audit: c.trail, Queue: queue, Notices: notices,
		Logger: log, Now: now, Width: 1, // the order of rows is the sequence's to decide
	}
	c.phones.Enrolled = func(ctx context.Context, p postern.Phone) error {
		return errors.Join(c.enrolment.Enrolled(ctx, p, postern.ProofCode), c.passkeys.Enrolled(ctx, p))
	}
	c.integrations.Enabled = c.passkeys.Resume
	c.integrations.Follow = c.users.FollowGroups
	c.passkeys.Disable = c.integrations.Disable
	c.users.CancelOpen = c.passkeys.CancelOpen
	c.users.RevokeUser = func(ctx context.Context, user postern.UserID, reason postern.RevocationReason, note string) error {
		_, err := c.passkeys.RevokeUser(ctx, user, reason, note)
		return err
	}
	for kind, act := range map[postern.BulkKind]bulk.Act{
		postern.BulkInvite: bulk.Invite{Users: c.users, PublicURL: publicURL}, postern.BulkRemind: bulk.Remind{Mail: c.mail, Store: s},
		postern.BulkProvision:  bulk.Provision{Passkeys: c.passkeys, Phones: c.phones, Now: now},
		postern.BulkRevokeUser: bulk.RevokeUser{Passkeys: c.passkeys},
		postern.BulkSuspend:    bulk.Suspend{Users: c.users}, postern.BulkResume: bulk.Resume{Users: c.users},
	} {
		if w.mutant != nil && w.mutant.act != nil {
			act = w.mutant.act(c, act)
		}
		c.bulk.Register(kind, postern.PermUsersInvite, act)
	}
	if w.mutant != nil && w.mutant.wrap != nil {
		w.mutant.wrap(w, c)
	}
	c.integrations.Handle(&registry)
	c.users.Handle(&registry)
	c.passkeys.Handle(&registry)
	c.directory.Handle(&registry)
	c.reconcile.Handle(&registry)
	c.mail.Handle(&registry)
	c.bulk.Handle(&registry)
	if w.mutant != nil && w.mutant.jobs != nil {
		w.mutant.jobs(registry.Kinds())
	}
	w.center = c
	return nil
}
