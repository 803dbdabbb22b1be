package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center"
	"github.com/postern/postern/center/entra"
	"github.com/postern/postern/entrasim"
	"github.com/postern/postern/fido/authenticator/authtest"
	"github.com/postern/postern/fido/authenticator/memory"
	"github.com/postern/postern/internal/testport"
	"github.com/postern/postern/link/signed"
	"github.com/postern/postern/phone"
)

// timeLapse runs a clock some times faster than the world's, so that a throttle of minutes is measured in seconds.
type timeLapse struct {
	begin time.Time
	speed float64
}

func (c timeLapse) now() time.Time {
	return c.begin.Add(time.Duration(float64(time.Since(c.begin)) * c.speed))
}

func (c timeLapse) sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(time.Duration(float64(d) / c.speed))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// world is an emulated tenant and a control center connected to it, in this process but over real connections.
type world struct {
	clock       timeLapse
	dir         string
	sim         *entrasim.Running
	center      *center.Center
	integration postern.Integration
	users       []postern.DirectoryUser
	stop        func() error
}

// newWorld makes one that serves, and whose jobs run.
func newWorld(ctx context.Context, users int, speed float64, levers entrasim.Levers) (w *world, err error) {
	if w, err = openWorld(ctx, users, speed, levers); err != nil {
		return nil, err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", w.center.Config.Listen)
	if err != nil {
		return nil, errors.Join(err, w.stop())
	}
	serving, stopServing := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- w.center.Serve(serving, l) }()
	closeAll := w.stop
	w.stop = func() error {
		stopServing()
		return errors.Join(<-done, closeAll())
	}
	if err := w.connect(ctx); err != nil {
		return nil, errors.Join(err, w.stop())
	}
	return w, nil
}

// openWorld makes one that serves nobody, and whose jobs wait.
func openWorld(ctx context.Context, users int, speed float64, levers entrasim.Levers) (w *world, err error) {
	w = &world{clock: timeLapse{time.Now(), speed}}
	if w.dir, err = os.MkdirTemp("", "bench-"); err != nil {
		return nil, err
	}
	undo := func() { os.RemoveAll(w.dir) }
	defer func() {
		if err != nil {
			undo()
		}
	}()
	levers.TokenLifetime = entrasim.Duration(10000 * time.Hour) // token caches go by the world's clock
	caFile := filepath.Join(w.dir, "ca.pem")
	if w.sim, err = entrasim.Listen(ctx, entrasim.Config{Users: users, Now: w.clock.now, Levers: &levers, CAFile: caFile}); err != nil {
		return nil, err
	}
	address, err := testport.Reserve(ctx, "tcp")
	if err != nil {
		return nil, errors.Join(err, w.sim.Close())
	}
	config, err := center.Config{
		Data: w.dir, Listen: address,
		Entra: center.EntraConfig{Authority: w.sim.AuthorityURL, Graph: w.sim.GraphURL, CAFile: caFile},
	}.Complete()
	if err != nil {
		return nil, err
	}
	if w.center, err = center.New(ctx, config, center.Options{
		Logger: slog.New(slog.DiscardHandler), Now: w.clock.now, Sleep: w.clock.sleep,
	}); err != nil {
		return nil, errors.Join(err, w.sim.Close())
	}
	w.stop = func() error {
		err := errors.Join(w.center.Close(), w.sim.Close())
		os.RemoveAll(w.dir)
		return err
	}
	return w, nil
}

// connect adds and enables the integration and lists who can be given a passkey.
func (w *world) connect(ctx context.Context) error {
	i, err := w.center.Integrations.Add(ctx, postern.IntegrationInput{
		ApplicationName: "Bench", TenantID: w.sim.TenantID, ClientID: w.sim.ClientID, ClientSecret: w.sim.ClientSecret,
		ChallengeTimeout: postern.MaxChallengeTimeout, AllowLowAssurance: true,
	})
	if err != nil {
		return err
	}
	if w.integration, err = w.center.Integrations.SetState(ctx, i.ID, i.Version, postern.StateEnabled); err != nil {
		return err
	}
	tenant, err := w.tenant(ctx)
	if err != nil {
		return err
	}
	privileged, err := tenant.PrivilegedUsers(ctx)
	if err != nil {
		return err
	}
	for u, err := range tenant.AllUsers(ctx) {
		if err != nil {
			return err
		}
		if u.Enabled && !u.Guest && len(privileged[u.ObjectID]) == 0 {
			w.users = append(w.users, u)
		}
	}
	return nil
}

func (w *world) tenant(ctx context.Context) (*entra.Tenant, error) {
	tenant, _, err := w.center.Integrations.Tenant(ctx, w.integration.ID)
	return tenant, err
}

// take gives n users that nobody took before.
func (w *world) take(n int) ([]postern.DirectoryUser, error) {
	if len(w.users) < n {
		return nil, fmt.Errorf("the tenant has only %d users left, not %d", len(w.users), n)
	}
	taken := w.users[:n]
	w.users = w.users[n:]
	return taken, nil
}

// memoryKeeper keeps a phone's state nowhere.
type memoryKeeper struct{}

func (memoryKeeper) Save(context.Context, *phone.State) error { return nil }

// obtainPasskey is one user's whole way with a phone: enrol with the code, make the credential, wait until it is active.
func (w *world) obtainPasskey(ctx context.Context, code string) error {
	p, _, err := phone.Enrol(ctx, phone.Enrolment{
		Server: w.center.Config.PublicURL, Code: code, Name: "bench", Platform: "bench", Assurance: postern.AssuranceFile,
	}, w.phoneEnv())
	if err != nil {
		return fmt.Errorf("enrol: %w", err)
	}
	return w.provision(ctx, p)
}

// phoneEnv is what a phone runs on that keeps nothing and whose user agrees to everything.
func (w *world) phoneEnv() phone.Env {
	return phone.Env{
		Keeper: memoryKeeper{}, Passkeys: memory.New(4), User: &authtest.User{}, Random: rand.Reader, Now: w.clock.now, Transport: signed.HTTP(nil),
	}
}

// provision has a phone make its passkey, and waits until it is active.
func (w *world) provision(ctx context.Context, p *phone.Phone) error {
	const enough = 1000 * time.Hour
	made, err := p.Provision(ctx, phone.Provisioning{OfferWait: enough, Wait: enough})
	if err != nil {
		return fmt.Errorf("provision: %w", err)
	}
	if made.State != postern.ProvisioningActive {
		return fmt.Errorf("the provisioning is %s: %s", made.State, made.Message)
	}
	return nil
}

// each runs do for all, some at once, and returns the first error.
func each[T any](ctx context.Context, all []T, atOnce int, do func(ctx context.Context, v T) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	work := make(chan T)
	var wg sync.WaitGroup
	for range atOnce {
		wg.Go(func() {
			for v := range work {
				if ctx.Err() == nil {
					if err := do(ctx, v); err != nil {
						cancel(err)
					}
				}
			}
		})
	}
	for _, v := range all {
		work <- v
	}
	close(work)
	wg.Wait()
	return context.Cause(ctx)
}
