package offline

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/google/go-tpm/tpm2/transport"

	"github.com/postern/postern"
	"github.com/postern/postern/agent/seal"
	"github.com/postern/postern/fido/client"
	"github.com/postern/postern/fido/ctap"
	codes "github.com/postern/postern/link/offline"
)

const rp = "login.microsoft.com"

var (
	pairing  = postern.NewPairingID([16]byte{1})
	settings = postern.OfflineSettings{Enabled: true, Length: 8, Codes: 20, DisplaySeconds: 30, Days: 30, WarnAt: 5}
	options  = postern.OfflineOptions{PublicKey: json.RawMessage(`{"rp":{"id":"login.microsoft.com","name":"Microsoft"},
		"user":{"id":"T2ZmbGluZQ","name":"alex@contoso.com","displayName":"Alex"},"challenge":"Y2hhbGxlbmdlIG9mIHNpeHRlZW4gYnl0ZXM",
		"pubKeyCredParams":[{"type":"public-key","alg":-7},{"type":"public-key","alg":-257}],"attestation":"direct",
		"authenticatorSelection":{"authenticatorAttachment":"cross-platform","requireResidentKey":true,"residentKey":"required","userVerification":"required"},
		"extensions":{"hmacCreateSecret":true,"enforceCredentialProtectionPolicy":true,"credentialProtectionPolicy":"userVerificationOptional"}}`)}
)

// disk is a file in memory. What is on it outlives a loss of power.
type disk struct {
	data   []byte
	writes int
	// cut is asked before and after each write whether the power fails there.
	cut func(n int, after bool) bool
}

var errPower = errors.New("the power failed")

func (d *disk) Read() (uint16, []byte, bool) {
	return contentVersion, slices.Clone(d.data), d.data != nil
}
func (d *disk) Close() error { return nil }

func (d *disk) Write(_ uint16, data []byte) error {
	d.writes++
	if d.cut != nil && d.cut(d.writes, false) {
		return errPower
	}
	d.data = slices.Clone(data)
	if d.cut != nil && d.cut(d.writes, true) {
		return errPower
	}
	return nil
}

// bench is a passkey on a disk, a clock, and the phone's batch.
type bench struct {
	testing.TB
	disk  *disk
	now   time.Time
	p     *Passkey
	phone codes.Message
}

func (b *bench) env() Env {
	return Env{
		Random: rand.Reader, Now: func() time.Time { return b.now }, Log: slog.New(slog.DiscardHandler), Changed: func() {}, Cost: codes.Cost{Time: 1, Memory: 8},
		TPM: func() (transport.TPMCloser, error) { return nil, errors.New("there is none in a test") },
	}
}

// restart opens the passkey as after a loss of power.
func (b *bench) restart() {
	b.Helper()
	b.disk.cut = nil
	p, err := load(pairing, b.env(), b.disk, seal.Seal{Kind: postern.SealKeyFile})
	if err != nil {
		b.Fatal(err)
	}
	b.p = p
}

func (b *bench) ok(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// newBench gives an active passkey.
func newBench(t testing.TB) *bench {
	t.Helper()
	b := &bench{TB: t, disk: new(disk), now: time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)}
	b.restart()
	b.ok(b.p.Draw(settings, b.now))
	b.ok(b.p.Answered())
	b.refill()
	b.ok(b.p.Make(t.Context(), options))
	b.ok(b.p.Registering())
	b.ok(b.p.Activate())
	if why := b.p.Standing().Why; why != nil {
		t.Fatal(why)
	}
	return b
}

// send brings the phone the batch that is on its way; refill has it answer too.
func (b *bench) send() {
	b.Helper()
	message, err := b.p.Sending()
	b.ok(err)
	b.phone, err = codes.Decode(message)
	b.ok(err)
}

func (b *bench) refill() {
	b.Helper()
	b.send()
	b.ok(b.p.Accepted())
}

func (b *bench) code(i int) string { return b.phone.Batch.Code(i) }

func (b *bench) try(pin string) (bool, error) {
	return verifier{b.p}.Try(b.Context(), codes.Hash(pin))
}

// host is a platform before the key; it types the PINs in turn and then gives up.
func (b *bench) host(pins ...string) *client.Client {
	b.Helper()
	key, err := b.p.Key(2048)
	b.ok(err)
	return &client.Client{
		Random:  rand.Reader,
		Channel: client.ChannelFunc(func(ctx context.Context, r []byte) ([]byte, error) { return key.Handle(ctx, r), nil }),
		PIN: func(context.Context, client.PINPrompt) (string, error) {
			if len(pins) == 0 {
				return "", errors.New("the person gave up")
			}
			pin := pins[0]
			pins = pins[1:]
			return pin, nil
		},
	}
}

func (b *bench) signIn(pins ...string) (*client.Assertion, error) {
	b.Helper()
	return b.host(pins...).Get(b.Context(), &client.RequestOptions{
		Challenge: []byte("a challenge of sixteen bytes"), RPID: rp, UserVerification: "required",
		Extensions: client.ExtensionInputs{HMACGetSecret: &client.HMACSalts{Salt1: make([]byte, 32)}},
	}, "https://"+rp)
}

// holds reports whether an assertion is one of this passkey.
func (b *bench) holds(a *client.Assertion) bool {
	b.Helper()
	_, public, err := ctap.DecodePublicKey(b.p.content.Key.Credential.PublicKey)
	b.ok(err)
	client := sha256.Sum256(a.ClientDataJSON)
	digest := sha256.Sum256(append(slices.Clone(a.AuthenticatorData), client[:]...))
	return ecdsa.VerifyASN1(public.(*ecdsa.PublicKey), digest[:], a.Signature)
}

func kinds(p *Passkey) (all []postern.OfflineEventKind) {
	for _, e := range p.Report().Events {
		all = append(all, e.Kind)
	}
	return all
}
