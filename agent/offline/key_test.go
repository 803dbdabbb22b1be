package offline

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/fido/client"
	"github.com/postern/postern/fido/ctap"
)

// TestSignIn is the whole way of a host: it asks what the key is, signs in with codes in order, gets hmac-secret, and no code
// is good twice.
func TestSignIn(t *testing.T) {
	b := newBench(t)
	b.p.Online(true, b.now)
	info, err := b.host().Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if info.AAGUID.String() != postern.WorkstationAAGUID || info.Options["uv"] || !info.Options["clientPin"] || !info.Options["pinUvAuthToken"] || !info.Options["rk"] ||
		info.Options["credMgmt"] || info.Options["authnrCfg"] || !info.Options["alwaysUv"] || !slices.Equal(info.Extensions, []string{"credProtect", "hmac-secret"}) ||
		*info.RemainingDiscoverableCredentials != 0 || *info.MinPINLength != 6 || *info.MaxPINLength != 13 {
		t.Errorf("getInfo %+v", info)
	}
	if _, said := info.Options["uv"]; said {
		t.Error("the key speaks of a verification of its own")
	}
	var secrets [][]byte
	for i, code := range []int{0, 1, 12} { // the last one skips ten
		b.now = b.now.Add(time.Minute)
		a, err := b.signIn(b.code(code))
		if err != nil {
			t.Fatalf("code %d: %v", code, err)
		}
		data, err := ctap.ParseAuthenticatorData(a.AuthenticatorData)
		if err != nil || !b.holds(a) || string(a.UserHandle) != "Offline" || data.Flags&(ctap.FlagUP|ctap.FlagUV) != ctap.FlagUP|ctap.FlagUV || data.SignCount != uint32(i+1) {
			t.Errorf("signed in with %+v, %v", data, err)
		}
		secrets = append(secrets, a.Extensions.HMACGetSecret.Output1)
		for _, used := range []int{0, code} {
			if _, err := b.signIn(b.code(used)); err == nil {
				t.Errorf("code %d is good again", used)
			}
		}
	}
	if len(secrets[0]) != 32 || !bytes.Equal(secrets[0], secrets[1]) || !bytes.Equal(secrets[0], secrets[2]) {
		t.Error("hmac-secret is not the same each time")
	}
	s := b.p.Standing()
	if s.Left != 7 || s.ProvenAt == nil || !b.p.Used().Equal(b.now) || s.TriesLeft != 6 {
		t.Errorf("it stands as %+v", s)
	}
	want := []postern.OfflineEventKind{}
	for range 3 {
		want = append(want, postern.OfflineSignedIn, postern.OfflineWrongCode, postern.OfflineWrongCode)
	}
	if got := kinds(b.p); !slices.Equal(got, want) {
		t.Errorf("events %v", got)
	}
	if _, err := b.signIn(b.code(13), b.code(13)); err != nil {
		t.Errorf("after wrong codes: %v", err)
	}
	if b.p.Standing().TriesLeft != 8 {
		t.Error("a right code did not forgive the wrong ones")
	}
}

// TestOneCodeOneSignature: what a code opens is one assertion, soon.
func TestOneCodeOneSignature(t *testing.T) {
	b := newBench(t)
	if right, err := b.try(b.code(0)); !right || err != nil {
		t.Fatal(err)
	}
	s, id := store{b.p}, b.p.content.Key.Credential.ID
	if _, err := s.Secret(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Advance(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Secret(t.Context(), id); err == nil {
		t.Error("the secret is to be had again")
	}
	if _, err := s.Advance(t.Context(), id); err == nil {
		t.Error("a second signature")
	}
	if _, err := b.try(b.code(1)); err != nil {
		t.Fatal(err)
	}
	b.now = b.now.Add(grantLife)
	if _, err := s.Secret(t.Context(), id); err == nil || b.p.Busy() {
		t.Error("a code opens the key long after it was typed")
	}
}

// TestNothingButSigningIn: hosts change nothing, and get nothing signed without a code.
func TestNothingButSigningIn(t *testing.T) {
	b := newBench(t)
	before := slices.Clone(b.disk.data)
	key, err := b.p.Key(2048)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []ctap.Command{ctap.Reset, ctap.Config, ctap.CredentialManagement, ctap.CredentialManagementPreview, ctap.LargeBlobs, 0x50, 0x09} {
		if answer := key.Handle(t.Context(), []byte{byte(c)}); len(answer) != 1 || ctap.Status(answer[0]) != ctap.ErrInvalidCommand {
			t.Errorf("%#x answers %x", c, answer)
		}
	}
	if answer := key.Handle(t.Context(), nil); ctap.Status(answer[0]) != ctap.ErrInvalidLength {
		t.Errorf("nothing answers %x", answer)
	}
	for name, request := range map[string]ctap.GetAssertionRequest{
		"without a code":             {RPID: rp, ClientDataHash: make([]byte, 32)},
		"and verification by itself": {RPID: rp, ClientDataHash: make([]byte, 32), Options: map[string]bool{"uv": true}},
	} {
		encoded, err := request.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if answer := key.Handle(t.Context(), encoded); len(answer) != 1 || answer[0] == 0 {
			t.Errorf("%s: %x", name, answer)
		}
	}
	silent, err := (&ctap.GetAssertionRequest{
		RPID: rp, ClientDataHash: make([]byte, 32), Options: map[string]bool{"up": false},
		AllowList: []ctap.CredentialDescriptor{{Type: ctap.PublicKeyType, ID: b.p.content.Key.Credential.ID}},
	}).Encode()
	if err != nil {
		t.Fatal(err)
	}
	if answer := key.Handle(t.Context(), silent); answer[0] != 0 {
		t.Errorf("a host that looks whether the credential is here gets %x", answer)
	}
	if !bytes.Equal(before, b.disk.data) {
		t.Error("something was written")
	}
	if _, err := b.host(b.code(0)).Create(t.Context(), &client.CreationOptions{
		RP: client.RelyingParty{ID: "example.com", Name: "Example"}, User: client.UserAccount{ID: []byte("x"), Name: "x"}, Challenge: []byte("a challenge of sixteen bytes"),
		Parameters: []client.CredentialParameter{{Type: "public-key", Algorithm: -7}},
	}, "https://example.com"); !errors.Is(err, ctap.ErrKeyStoreFull) {
		t.Errorf("making a credential: %v", err)
	}
	if got := b.p.content.Key.Credential.RP.ID; got != rp {
		t.Errorf("the passkey is for %s", got)
	}
}

// TestLockout: three wrong codes ask for a new power cycle, eight lock until the phone has signed in online.
func TestLockout(t *testing.T) {
	b := newBench(t)
	wrong := "00000000"
	for tries := 0; tries < 8; {
		key, err := b.p.Key(2048)
		if err != nil {
			t.Fatal(err)
		}
		platform := b.host()
		platform.Channel = client.ChannelFunc(func(ctx context.Context, r []byte) ([]byte, error) { return key.Handle(ctx, r), nil })
		platform.PIN = func(context.Context, client.PINPrompt) (string, error) { tries++; return wrong, nil }
		_, err = platform.Get(t.Context(), &client.RequestOptions{Challenge: []byte("a challenge of sixteen bytes"), RPID: rp, UserVerification: "required"}, "https://"+rp)
		if err == nil {
			t.Fatal("a wrong code signs in")
		}
		if key.Blocked() != (tries == 3 || tries == 6) {
			t.Errorf("after %d tries blocked is %v", tries, key.Blocked())
		}
		b.restart() // which buys nothing
	}
	s := b.p.Standing()
	if !s.Locked || s.Why == nil || s.TriesLeft != 0 {
		t.Errorf("after eight wrong codes it stands as %+v", s)
	}
	if _, err := b.signIn(b.code(0)); !errors.Is(err, ctap.ErrPINBlocked) {
		t.Errorf("a right code: %v", err)
	}
	b.p.Online(true, b.now)
	if !b.p.Standing().Locked {
		t.Error("being online is enough")
	}
	if err := b.p.SignedInByPhone(); err != nil {
		t.Fatal(err)
	}
	if _, err := b.signIn(b.code(0)); err != nil {
		t.Errorf("after the phone signed in: %v", err)
	}
	got := kinds(b.p)
	if n := len(got); n != 11 || got[7] != postern.OfflineWrongCode || got[8] != postern.OfflineLocked || got[9] != postern.OfflineUnlocked || got[10] != postern.OfflineSignedIn {
		t.Errorf("events %v", got)
	}
}
