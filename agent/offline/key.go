package offline

import (
	"context"
	"encoding/hex"
	"strings"
	"sync/atomic"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/ctap"
	codes "github.com/postern/postern/link/offline"
)

// Key is the security key that hosts see. It is one power cycle: plugged in again there is another one.
type Key struct {
	core    *authenticator.Authenticator
	limit   uint64
	blocked atomic.Bool
}

// Key gives the security key of an active passkey, for messages of at most limit bytes.
func (p *Passkey) Key(limit uint64) (*Key, error) {
	core, err := authenticator.New(authenticator.Config{
		AAGUID: model(), Store: store{p}, User: typist{}, Random: p.env.Random, Now: p.env.Now, Algorithms: []ctap.Algorithm{ctap.ES256},
		PINVerifier: verifier{p}, ResetWindow: time.Nanosecond, Transports: []string{"usb"},
		// A silent question whether a credential is here costs no code and advances no counter.
		SilentByThrowaway: true,
	})
	return &Key{core: core, limit: limit}, err
}

// model is the AAGUID of workstations' passkeys.
func model() (a ctap.AAGUID) {
	_, _ = hex.Decode(a[:], []byte(strings.ReplaceAll(postern.WorkstationAAGUID, "-", ""))) // a constant, held to its form by a test
	return a
}

// typist is the user of the offline key: whoever types the code. Typing is the gesture, and there is no button; so presence is
// answered at once, and what a host may do with it is nothing without the code, which the store holds it to.
type typist struct{}

func (typist) Verification() authenticator.Verification                  { return authenticator.VerificationNone }
func (typist) Present(ctx context.Context, _ authenticator.Prompt) error { return ctx.Err() }
func (typist) Verify(context.Context, authenticator.Prompt) error {
	return authenticator.ErrNotVerified
}

// AwaitingUser tells that nobody is waited for, ever.
func (k *Key) AwaitingUser() bool { return false }

// Blocked reports whether the host was told to take the key out and put it back, after three wrong codes (CTAP 2.1 §6.5.5.7).
// Nobody can do that with a key that has no body, so whoever plugged it in does.
func (k *Key) Blocked() bool { return k.blocked.Load() }

// Handle answers a message of a host.
func (k *Key) Handle(ctx context.Context, request []byte) []byte {
	if len(request) == 0 {
		return []byte{byte(ctap.ErrInvalidLength)}
	}
	switch c := ctap.Command(request[0]); c {
	case ctap.GetInfo:
		return k.info(ctx, request)
	case ctap.MakeCredential, ctap.GetAssertion, ctap.GetNextAssertion, ctap.Selection:
		return k.core.Handle(ctx, request)
	case ctap.ClientPIN:
		answer := k.core.Handle(ctx, request)
		if ctap.Status(answer[0]) == ctap.ErrPINAuthBlocked {
			k.blocked.Store(true)
		}
		return answer
	}
	return []byte{byte(ctap.ErrInvalidCommand)} // it signs in, and that is all
}

// info is what the core says of itself, less what a host cannot do here.
func (k *Key) info(ctx context.Context, request []byte) []byte {
	answer := k.core.Handle(ctx, request)
	body, err := ctap.SplitResponse(answer)
	if err != nil {
		return answer
	}
	info, err := ctap.DecodeInfo(body)
	if err != nil {
		return []byte{byte(ctap.ErrOther)}
	}
	for _, option := range []string{ctap.OptionCredMgmt, ctap.OptionReadOnlyMgmt, ctap.OptionConfig, ctap.OptionMinPINLength} {
		delete(info.Options, option)
	}
	info.Extensions = []string{ctap.ExtCredProtect, ctap.ExtHMACSecret}
	info.AuthenticatorConfigCommands, info.MaxCredBlobLength, info.LongTouchForReset, info.TransportsForReset = nil, nil, nil, nil
	longest := uint64(codes.MaxLength)
	info.MaxPINLength = &longest
	if info.MaxMsgSize != nil && *info.MaxMsgSize > k.limit {
		info.MaxMsgSize = &k.limit
	}
	if answer, err = info.Encode(); err != nil {
		return []byte{byte(ctap.ErrOther)}
	}
	return answer
}
