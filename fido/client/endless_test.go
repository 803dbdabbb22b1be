package client_test

import (
	"context"
	"math"
	"testing"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/client"
	"github.com/postern/postern/fido/ctap"
)

// replacing is a device with one command of its own.
func replacing(t *testing.T, d client.Channel, command ctap.Command, answer func(request []byte) ([]byte, error)) client.Channel {
	return counting(t, client.ChannelFunc(func(ctx context.Context, request []byte) ([]byte, error) {
		if ctap.Command(request[0]) == command {
			return answer(request)
		}
		return d.CBOR(ctx, request)
	}))
}

// TestEndlessAccounts: an authenticator that never comes to the last account.
func TestEndlessAccounts(t *testing.T) {
	c, d := newClient(t)
	mustCreate(t, c, creation())
	var first []byte
	endless := answeringGet(d, func(r *ctap.GetAssertionResponse, _ *ctap.AuthenticatorData) { r.NumberOfCredentials = math.MaxUint64 })
	c.Channel = replacing(t, client.ChannelFunc(func(ctx context.Context, request []byte) ([]byte, error) {
		response, err := endless.CBOR(ctx, request)
		if ctap.Command(request[0]) == ctap.GetAssertion {
			first = response
		}
		return response, err
	}), ctap.GetNextAssertion, func([]byte) ([]byte, error) { return first, nil })
	offered := 0
	c.Choose = func(_ context.Context, accounts []ctap.User) (int, error) { offered = len(accounts); return 0, nil }
	if _, err := c.Get(t.Context(), request(), origin); err != nil || offered != 128 {
		t.Errorf("%d accounts, %v", offered, err)
	}
}

// TestEndlessPIN: an authenticator that has every PIN wrong, or finds every new
// one against its policy, and never locks.
func TestEndlessPIN(t *testing.T) {
	for name, tc := range map[string]struct {
		set    bool
		status ctap.Status
	}{
		"wrong": {true, ctap.ErrPINInvalid}, "against the policy": {false, ctap.ErrPINPolicyViolation},
		"to be changed for ever": {true, ctap.ErrPINPolicyViolation},
	} {
		c, d := newClient(t)
		none := authenticator.VerificationNone
		d.User.State = &none
		asked := 0
		c.PIN = func(_ context.Context, p client.PINPrompt) (string, error) {
			if asked++; p.Retries > 255 || p.MinLength > 63 || p.MaxLength > 63 || p.MaxLength < p.MinLength {
				t.Fatalf("%s: prompt %+v", name, p)
			}
			return "12345678901234567890123456789012345678901234567890123456789012", nil
		}
		c.Channel = reporting(replacing(t, d, ctap.ClientPIN, func(request []byte) ([]byte, error) {
			r, err := ctap.DecodeClientPINRequest(request[1:])
			if err != nil {
				return nil, err
			}
			switch r.Subcommand {
			case ctap.GetPINRetries:
				return (&ctap.ClientPINResponse{PINRetries: new(uint64(math.MaxUint64))}).Encode()
			case ctap.GetKeyAgreement:
				return d.Handle(t.Context(), request), nil
			}
			return []byte{byte(tc.status)}, nil
		}), func(i *ctap.Info) {
			i.Options[ctap.OptionClientPIN] = tc.set
			i.MinPINLength, i.MaxPINLength = new(uint64(62)), new(uint64(math.MaxUint64))
		})
		_, err := c.Create(t.Context(), creation(), origin)
		wantName(t, name, err, client.NotAllowedError)
		if asked > 40 {
			t.Errorf("%s: asked %d times", name, asked)
		}
	}
}

// TestEndlessListings: totals that are larger than any authenticator.
func TestEndlessListings(t *testing.T) {
	c, d := newClient(t)
	r := mustCreate(t, c, creation())
	hash := ctap.HashRPID(rpID)
	entry := ctap.CredentialManagementResponse{
		RP: &ctap.RelyingParty{ID: rpID}, RPIDHash: &hash, User: &ctap.User{ID: []byte("user-1")},
		CredentialID: &ctap.CredentialDescriptor{ID: r.ID, Type: "public-key"}, TotalRPs: 2, TotalCredentials: 2,
	}
	for _, tc := range []struct {
		name   string
		change func(*ctap.CredentialManagementResponse)
		listed int // credentials; -1: an error
	}{
		{"honest", func(*ctap.CredentialManagementResponse) {}, 4},
		{"endless relying parties", func(r *ctap.CredentialManagementResponse) { r.TotalRPs = math.MaxUint64 }, -1},
		{"endless credentials", func(r *ctap.CredentialManagementResponse) { r.TotalCredentials = math.MaxUint64 }, -1},
		{"endless together", func(r *ctap.CredentialManagementResponse) { r.TotalRPs, r.TotalCredentials = 2048, 2048 }, -1},
		{"no totals", func(r *ctap.CredentialManagementResponse) { r.TotalRPs, r.TotalCredentials = 0, 0 }, 0},
		{"no relying party", func(r *ctap.CredentialManagementResponse) { r.RP = nil }, -1},
		{"no hash", func(r *ctap.CredentialManagementResponse) { r.RPIDHash = nil }, -1},
		{"no user", func(r *ctap.CredentialManagementResponse) { r.User = nil }, -1},
		{"no credential", func(r *ctap.CredentialManagementResponse) { r.CredentialID = nil }, -1},
		{"a short blob key", func(r *ctap.CredentialManagementResponse) { r.LargeBlobKey = []byte{1} }, -1},
	} {
		c.Channel = replacing(t, d, ctap.CredentialManagement, func([]byte) ([]byte, error) {
			changed := entry
			tc.change(&changed)
			return changed.Encode()
		})
		list, err := c.Credentials(t.Context())
		n := 0
		for _, rp := range list {
			n += len(rp.Credentials)
		}
		if (err != nil) != (tc.listed < 0) || (err == nil && n != tc.listed) || (err != nil && list != nil) {
			t.Errorf("%s: %d credentials, %v", tc.name, n, err)
		}
	}
}

// TestEndlessBlobs: an array of large blobs that goes on for ever, or comes in
// larger parts than asked for.
func TestEndlessBlobs(t *testing.T) {
	c, d := newClient(t, withBlobs)
	for name, tc := range map[string]struct {
		extra   int
		message uint64
	}{
		"endless": {0, 1024}, "endless in short messages": {0, 128}, "more than asked for": {1, 1024}, "messages too short": {0, 100}, "no message at all": {0, 0},
	} {
		c.Channel = reporting(replacing(t, d, ctap.LargeBlobs, func(request []byte) ([]byte, error) {
			r, err := ctap.DecodeLargeBlobsRequest(request[1:])
			if err != nil {
				return nil, err
			}
			return (&ctap.LargeBlobsResponse{Config: make([]byte, int(*r.Get)+tc.extra)}).Encode()
		}), func(i *ctap.Info) { i.MaxMsgSize = &tc.message })
		if blob, found, err := c.LargeBlob(t.Context(), make([]byte, 32)); err == nil || found || blob != nil {
			t.Errorf("%s: %d bytes, %v, %v", name, len(blob), found, err)
		}
	}
}
