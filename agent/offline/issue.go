package offline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/client"
	"github.com/postern/postern/fido/ctap"
	codes "github.com/postern/postern/link/offline"
)

// refusedFor is how long a phone's user is left alone who said no.
const refusedFor = 24 * time.Hour

// Stage is how far the passkey has come; empty where nothing is written.
func (p *Passkey) Stage() Stage {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.content.Stage
}

// Usable reports whether its file opens.
func (p *Passkey) Usable() error { return p.broken }

// LeftAlone reports whether the phone's user refused within the last day.
func (p *Passkey) LeftAlone(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	since := now.Sub(p.content.Refused)
	return !p.content.Refused.IsZero() && since >= 0 && since < refusedFor
}

// Draw draws a batch of codes by the settings, for a first issue or, once the passkey is active, for a renewal. One that is
// drawn already and still fits is kept: what was cut off is asked again with the same batch.
func (p *Passkey) Draw(s postern.OfflineSettings, now time.Time) error {
	if p.Fits(s, now) {
		return nil
	}
	drawn, err := codes.NewBatch(p.env.Random, s.Length, s.Codes, now.AddDate(0, 0, s.Days))
	if err != nil {
		return err
	}
	b := &batch{
		ID: drawn.ID, Seed: drawn.Seed, Length: drawn.Length, Codes: drawn.Count, From: now.UTC(), Expires: drawn.Expires,
		Display: s.DisplaySeconds, WarnAt: s.WarnAt, Sheet: drawn.Sheet(p.env.Cost),
	}
	return p.change(func(c *content) {
		c.Next = b
		if c.Stage != Active {
			c.Stage = Drawn
		}
	})
}

// Fits reports whether the batch that is on its way is as the settings ask and not half over, or the phone has its codes. A
// renewal that the phone may have already is kept whatever the settings say: the user may be looking at its codes.
func (p *Passkey) Fits(s postern.OfflineSettings, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.content.Next
	return p.pastDrawing() || n != nil && !n.old(now) && (n.Length == s.Length && n.Codes == s.Codes || n.Sent && p.content.Stage == Active)
}

// pastDrawing tells the stages at which the phone has its codes and the passkey is on its way. p.mu is held.
func (p *Passkey) pastDrawing() bool {
	switch p.content.Stage {
	case Taken, Made, Told:
		return true
	}
	return false
}

// old reports whether half of the days of a batch are over.
func (b *batch) old(now time.Time) bool { return now.Sub(b.From) > b.Expires.Sub(now) }

// Asking is what the control center is asked: for the batch that is on its way.
func (p *Passkey) Asking() (postern.OfflineRequest, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := p.content.Next
	if b == nil {
		return postern.OfflineRequest{}, p.nothingDrawn()
	}
	return postern.OfflineRequest{BatchID: b.ID, Length: b.Length, Codes: b.Codes, ExpiresAt: b.Expires, Seal: p.seal.Kind}, nil
}

func (p *Passkey) nothingDrawn() error {
	if p.broken != nil {
		return p.broken
	}
	return errors.New("no batch of codes was drawn")
}

// Answered notes that the control center took the request.
func (p *Passkey) Answered() error {
	return p.change(func(c *content) {
		if c.Next != nil {
			c.Next.Told = true
		}
		if c.Stage == Drawn {
			c.Stage = Asked
		}
	})
}

// Sending gives the message for the phone; from here on the phone may have the batch.
func (p *Passkey) Sending() ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.content.Next == nil {
		return nil, p.nothingDrawn()
	}
	if !p.content.Next.Sent {
		if err := p.write(func(c *content) { c.Next.Sent = true }); err != nil {
			return nil, err
		}
	}
	b := p.content.Next
	what := codes.Issue
	if p.content.Stage == Active {
		what = codes.Refill
	}
	return codes.Message{
		What: what, Display: time.Duration(b.Display) * time.Second, WarnAt: b.WarnAt,
		Batch: codes.Batch{ID: b.ID, Seed: b.Seed, Length: b.Length, Count: b.Codes, Expires: b.Expires},
	}.Encode()
}

// Accepted notes that the phone took the batch: its seed is forgotten here.
func (p *Passkey) Accepted() error {
	return p.change(func(c *content) {
		c.promote()
		if c.Stage != Active {
			c.Stage = Taken
		}
		c.Refused = time.Time{}
	})
}

// Declined notes that the phone's user said no.
func (p *Passkey) Declined(now time.Time) error {
	return p.change(func(c *content) { c.Refused = now.UTC() })
}

// Dropped gives a renewal up for a while: the phone does not take it. The batch in use stays.
func (p *Passkey) Dropped(now time.Time) error {
	return p.change(func(c *content) {
		if c.Stage == Active {
			c.Next, c.Refused = nil, now.UTC()
		}
	})
}

// Restart begins anew with another batch: this one ran out, or the control center never heard of the phone's consent to it.
func (p *Passkey) Restart() error {
	return p.change(func(c *content) {
		if c.Stage != Active {
			c.Stage, c.Key, c.Next, c.Batch = "", nil, nil, nil
		}
	})
}

// Make makes the passkey from the control center's options. A sheet of recovery codes that came with them is kept.
func (p *Passkey) Make(ctx context.Context, o postern.OfflineOptions) error {
	options, err := client.ParseCreationOptions(o.PublicKey)
	if err != nil {
		return fmt.Errorf("the options for the offline passkey: %w", err)
	}
	// What vouches for this passkey is that the control center asked for it; there is no certificate of a maker.
	options.Attestation, options.AttestationFormats = client.AttestationNone, nil
	made := new(maker)
	core, err := authenticator.New(authenticator.Config{
		AAGUID: model(), Store: made, User: agreed{}, Random: p.env.Random, Now: p.env.Now, Algorithms: []ctap.Algorithm{ctap.ES256}, Transports: []string{"usb"},
	})
	if err != nil {
		return err
	}
	platform := client.Client{Random: p.env.Random, Channel: client.ChannelFunc(func(ctx context.Context, request []byte) ([]byte, error) {
		return core.Handle(ctx, request), nil
	})}
	registration, err := platform.Create(ctx, options, "https://"+options.RP.ID)
	if err != nil {
		return fmt.Errorf("make the offline passkey: %w", err)
	}
	return p.change(func(c *content) {
		c.Key = &credential{
			Credential: made.credential, Secret: made.secret, ClientDataJSON: registration.ClientDataJSON, AttestationObject: registration.AttestationObject,
		}
		c.Stage = Made
		c.takeRecovery(o.Recovery, p)
	})
}

// maker is a store with room for the one credential that is being made.
type maker struct {
	store
	credential authenticator.Credential
	secret     authenticator.Secret
}

func (*maker) Get(context.Context, ctap.RPIDHash, []byte) (*authenticator.Credential, error) {
	return nil, authenticator.ErrNotFound
}

func (*maker) State(context.Context) (*authenticator.State, error) {
	return &authenticator.State{}, nil
}
func (*maker) Remaining(context.Context) (uint64, error) { return 1, nil }

func (m *maker) Put(_ context.Context, c *authenticator.Credential, s *authenticator.Secret) error {
	m.credential = *c
	m.secret = authenticator.Secret{ // the caller wipes its own
		PrivateKey: append([]byte(nil), s.PrivateKey...), CredRandomWithUV: append([]byte(nil), s.CredRandomWithUV...),
		CredRandomWithoutUV: append([]byte(nil), s.CredRandomWithoutUV...),
	}
	return nil
}

// agreed is the user while the passkey is made: they agreed on the phone, with their biometric, and the control center has
// heard it from the phone before it gave out options.
type agreed struct{}

func (agreed) Verification() authenticator.Verification            { return authenticator.VerificationReady }
func (agreed) Present(context.Context, authenticator.Prompt) error { return nil }
func (agreed) Verify(context.Context, authenticator.Prompt) error  { return nil }

// Credential is what the control center is told of the passkey that was made.
func (p *Passkey) Credential() (postern.OfflineCredential, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	k := p.content.Key
	if k == nil {
		return postern.OfflineCredential{}, errors.New("no offline passkey was made")
	}
	return postern.OfflineCredential{CredentialID: k.Credential.ID, ClientDataJSON: k.ClientDataJSON, AttestationObject: k.AttestationObject}, nil
}

// Remake goes back to asking for options: the control center did not take the passkey that was made.
func (p *Passkey) Remake() error {
	return p.change(func(c *content) {
		if c.Stage == Made || c.Stage == Told {
			c.Stage, c.Key = Taken, nil
		}
	})
}

// Registering notes that the control center took the passkey.
func (p *Passkey) Registering() error {
	return p.change(func(c *content) {
		if c.Stage == Made {
			c.Stage = Told
		}
	})
}

// Activate notes that Entra lists the passkey.
func (p *Passkey) Activate() error {
	return p.change(func(c *content) {
		if c.Stage == Told || c.Stage == Made {
			c.Stage, c.Unsaid = Active, true
			k := *c.Key
			k.ClientDataJSON, k.AttestationObject = nil, nil
			c.Key = &k
		}
	})
}

// Is reports whether a batch is one of this passkey.
func (p *Passkey) Is(id []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, b := range []*batch{p.content.Batch, p.content.Next} {
		if b != nil && string(b.ID) == string(id) {
			return true
		}
	}
	return false
}

// Forgetting gives the message by which the phone forgets its codes, nil where it never had any.
func (p *Passkey) Forgetting() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := p.content.Batch
	if b == nil {
		if b = p.content.Next; !b.sent() {
			return nil
		}
	}
	message, err := codes.Message{What: codes.Forget, Batch: codes.Batch{ID: b.ID}}.Encode()
	if err != nil {
		return nil
	}
	return message
}
