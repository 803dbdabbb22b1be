package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/entra"
	"github.com/postern/postern/entrasim"
	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/authenticator/authtest"
	"github.com/postern/postern/fido/authenticator/memory"
	"github.com/postern/postern/fido/client"
	"github.com/postern/postern/fido/ctap"
)

// provisioned is how many users the overhead is measured over; the median counts.
const provisioned = 30

// refill is how long the connector's pace needs to forget one round.
const refill = 500 * time.Millisecond

// measureProvision times one user's way from the one-time code to the active passkey, one user after another, against
// the bare Graph calls that it cannot do without, made by hand on the same emulator.
func measureProvision(ctx context.Context) (figures []figure, err error) {
	w, err := newWorld(ctx, 200, 1, entrasim.Levers{})
	if err != nil {
		return nil, err
	}
	defer func() {
		if stopped := w.stop(); err == nil {
			err = stopped
		}
	}()
	users, err := w.take(2 * provisioned)
	if err != nil {
		return nil, err
	}
	var whole, bare []time.Duration
	for n := range provisioned {
		// The connector paces itself; what is measured must not stand in that queue.
		if err := w.clock.sleep(ctx, refill); err != nil {
			return nil, err
		}
		invited, err := w.center.Users.Invite(ctx, w.integration.ID, postern.InvitationInput{User: users[n].ObjectID})
		if err != nil {
			return nil, err
		}
		begin := time.Now()
		if err := w.obtainPasskey(ctx, invited.Code); err != nil {
			return nil, err
		}
		whole = append(whole, time.Since(begin))
		begin = time.Now()
		if err := w.bareCalls(ctx, users[provisioned+n].ObjectID); err != nil {
			return nil, err
		}
		bare = append(bare, time.Since(begin))
	}
	slices.Sort(whole)
	slices.Sort(bare)
	mid := provisioned / 2
	return []figure{{
		Name: "provision.user", Value: whole[mid].Seconds() * 1000, Unit: "ms", Baseline: bare[mid].Seconds() * 1000,
		Against: "the bare Graph calls and the credential",
	}, {
		Name: "provision.overhead", Value: (whole[mid] - bare[mid]).Seconds() * 1000, Unit: "ms", Baseline: bare[mid].Seconds() * 1000,
		Against: "the emulator's own time",
	}}, nil
}

// bareCalls registers a passkey with nothing but the connector and an authenticator.
func (w *world) bareCalls(ctx context.Context, user string) error {
	tenant, err := w.tenant(ctx)
	if err != nil {
		return err
	}
	if _, err := tenant.User(ctx, user); err != nil {
		return err
	}
	o, err := tenant.CreationOptions(ctx, user, postern.MaxChallengeTimeout)
	if err != nil {
		return err
	}
	options, err := client.ParseCreationOptions(o.PublicKey)
	if err != nil {
		return err
	}
	key, err := authenticator.New(authenticator.Config{
		AAGUID: ctap.AAGUID{1}, Store: memory.New(4), User: &authtest.User{}, Random: rand.Reader, Now: time.Now,
	})
	if err != nil {
		return err
	}
	c := client.Client{Random: rand.Reader, Channel: client.ChannelFunc(func(ctx context.Context, request []byte) ([]byte, error) {
		return key.Handle(ctx, request), nil
	})}
	options.Attestation = client.AttestationNone
	made, err := c.Create(ctx, options, "https://"+options.RP.ID)
	if err != nil {
		return err
	}
	registered, err := tenant.RegisterPasskey(ctx, user, "bench", entra.NewCredential{
		ID: made.ID, ClientDataJSON: made.ClientDataJSON, AttestationObject: made.AttestationObject,
	})
	if err != nil {
		return err
	}
	_, err = tenant.Passkey(ctx, user, registered.ID)
	return err
}

const (
	bulkUsers = 1000
	bulkSpeed = 100 // clocks run that much faster
	// Each user needs three calls on authentication methods: the options, the registration, the read-back. The
	// documentation allows five such calls in ten seconds.
	bulkCalls = 3
	bulkLimit = 5.0 / 10
)

// measureBulk provisions a thousand users under the documented throttle of the service that lists authentication
// methods, with all clocks running faster, against the time that the throttle alone would take.
func measureBulk(ctx context.Context) (figures []figure, err error) {
	levers := entrasim.DefaultLevers()
	levers.ThrottleMethods = true
	w, err := newWorld(ctx, bulkUsers*13/10, bulkSpeed, levers)
	if err != nil {
		return nil, err
	}
	defer func() {
		if stopped := w.stop(); err == nil {
			err = stopped
		}
	}()
	users, err := w.take(bulkUsers)
	if err != nil {
		return nil, err
	}
	codes := make([]string, len(users))
	for n, u := range users {
		invited, err := w.center.Users.Invite(ctx, w.integration.ID, postern.InvitationInput{User: u.ObjectID, ValidMinutes: 43200})
		if err != nil {
			return nil, err
		}
		codes[n] = invited.Code
	}
	fmt.Fprintf(os.Stderr, "bench: bulk: %d users invited, their phones come now\n", len(codes))
	begin := w.clock.now()
	if err := each(ctx, codes, 64, func(ctx context.Context, code string) error { return w.obtainPasskey(ctx, code) }); err != nil {
		return nil, err
	}
	took := w.clock.now().Sub(begin)
	refused := 0
	calls, _ := w.sim.Server.Calls()
	for _, c := range calls {
		if c.Status == 429 {
			refused++
		}
	}
	ideal := float64(bulkUsers*bulkCalls) / bulkLimit
	return []figure{
		{Name: "bulk.1000_users", Value: took.Minutes(), Unit: "min", Baseline: ideal / 60, Against: "5 calls in 10 s, the documented throttle, used to the full"},
		{Name: "bulk.refused", Value: float64(refused), Unit: "of the last calls", Baseline: float64(len(calls)), Against: "calls remembered by the emulator"},
	}, nil
}
