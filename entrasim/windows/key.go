package windows

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/fxamacker/cbor/v2"
)

// Commands of CTAP2 (CTAP 2.1 §6).
const (
	cmdGetAssertion = 0x02
	cmdGetInfo      = 0x04
	cmdClientPIN    = 0x06
)

// Status is a status byte of CTAP2 other than success (CTAP 2.1 §8.2).
type Status byte

// The statuses that make a difference here.
const (
	StatusPending      Status = 0x23
	StatusDenied       Status = 0x27
	StatusUnsupported  Status = 0x2B
	StatusCancelled    Status = 0x2D
	StatusNoCredential Status = 0x2E
	StatusTimeout      Status = 0x2F
	StatusNotAllowed   Status = 0x30
	StatusPINInvalid   Status = 0x31
	StatusPINBlocked   Status = 0x32
	StatusPINAuthWrong Status = 0x33
	StatusPINAuthBlock Status = 0x34
	StatusPINNotSet    Status = 0x35
	StatusPUATRequired Status = 0x36
	StatusPINPolicy    Status = 0x37
	StatusUVBlocked    Status = 0x3C
	StatusUVInvalid    Status = 0x3F
)

func (s Status) Error() string {
	return fmt.Sprintf("the security key answers with CTAP status %02X", byte(s))
}

// Info is what a key says of itself (CTAP 2.1 §6.4), as far as Windows cares.
type Info struct {
	Versions   []string        `cbor:"1,keyasint"`
	Extensions []string        `cbor:"2,keyasint,omitempty"`
	AAGUID     []byte          `cbor:"3,keyasint"`
	Options    map[string]bool `cbor:"4,keyasint,omitempty"`
	Protocols  []uint          `cbor:"6,keyasint,omitempty"`
}

// Model is the AAGUID as people write it.
func (i Info) Model() string {
	h := hex.EncodeToString(i.AAGUID)
	if len(h) != 32 {
		return h
	}
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// lacks says what Windows misses in a key ("Microsoft-compatible security key"), in words; empty: nothing.
func (i Info) lacks() string {
	switch {
	case !slices.ContainsFunc(i.Versions, func(v string) bool { return len(v) >= 6 && v[:6] == "FIDO_2" }):
		return "it speaks no FIDO2"
	case !i.Options["rk"]:
		return "it keeps no discoverable credentials"
	case !slices.Contains(i.Extensions, "hmac-secret"):
		return "it has no hmac-secret, which offline sign-in needs"
	case !i.Options["uv"] && !i.Options["clientPin"]:
		return "it has neither a PIN nor a way of its own to verify its user"
	}
	return ""
}

// protocol is the PIN/UV auth protocol to use; nil: none that is known.
func (i Info) protocol() *pinProtocol {
	switch {
	case slices.Contains(i.Protocols, 2):
		return &pinProtocol{2}
	case slices.Contains(i.Protocols, 1), len(i.Protocols) == 0:
		return &pinProtocol{1}
	}
	return nil
}

// key is a security key with a channel.
type key struct {
	*channel
	info Info
}

// encoding is the canonical CBOR of CTAP2; decoding takes nothing else that would matter, and nothing big.
var (
	encoding, _ = cbor.CTAP2EncOptions().EncMode() // the options are valid
	decoding, _ = cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, MaxNestedLevels: 8, MaxArrayElements: 256, MaxMapPairs: 256, IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden,
	}.DecMode()
)

// call asks one question. out nil: no answer but the status is wanted.
func (k *key) call(ctx context.Context, command byte, in, out any) error {
	request := []byte{command}
	if in != nil {
		body, err := encoding.Marshal(in)
		if err != nil {
			return err
		}
		request = append(request, body...)
	}
	answer, err := k.cbor(ctx, request)
	switch {
	case err != nil:
		return err
	case answer[0] != 0:
		return Status(answer[0])
	case out == nil:
		return nil
	}
	if err := decoding.Unmarshal(answer[1:], out); err != nil {
		return fmt.Errorf("the key's answer to command %02X is malformed: %w", command, err)
	}
	return nil
}

func (k *key) learn(ctx context.Context) error {
	return k.call(ctx, cmdGetInfo, nil, &k.info)
}

// assertion is what a key signed.
type assertion struct {
	credential []byte
	authData   []byte
	signature  []byte
	user       []byte // user handle
	secret     []byte // output of hmac-secret for one salt, 32 bytes
}

type descriptor struct {
	ID   []byte `cbor:"id"`
	Type string `cbor:"type"`
}

type assertionRequest struct {
	RP         string          `cbor:"1,keyasint"`
	ClientData []byte          `cbor:"2,keyasint"`
	Extensions map[string]any  `cbor:"4,keyasint,omitempty"`
	Options    map[string]bool `cbor:"5,keyasint,omitempty"`
	Auth       []byte          `cbor:"6,keyasint,omitempty"`
	Protocol   uint            `cbor:"7,keyasint,omitempty"`
}

type assertionAnswer struct {
	Credential *descriptor `cbor:"1,keyasint,omitempty"`
	AuthData   []byte      `cbor:"2,keyasint"`
	Signature  []byte      `cbor:"3,keyasint"`
	User       *struct {
		ID []byte `cbor:"id"`
	} `cbor:"4,keyasint,omitempty"`
}

// Flags of authenticator data (WebAuthn §6.1).
const (
	flagUP = 0x01
	flagUV = 0x04
	flagAT = 0x40
	flagED = 0x80
)

// assert has the key sign for a relying party: no allow list, user verification, hmac-secret with one salt. Of several
// accounts a key answers with the one that was added last (CTAP 2.1 §6.2.2), and Windows takes that.
func (k *key) assert(ctx context.Context, rp string, clientDataHash, salt []byte, pin PIN) (assertion, error) {
	p := k.info.protocol()
	if p == nil {
		return assertion{}, errors.New("the key has no PIN/UV auth protocol that Windows knows")
	}
	request := assertionRequest{RP: rp, ClientData: clientDataHash, Options: map[string]bool{"up": true}}
	token, err := k.verified(ctx, p, rp, pin)
	if err != nil {
		return assertion{}, err
	}
	if token != nil {
		request.Auth, request.Protocol = p.authenticate(token, clientDataHash), p.version
	} else {
		request.Options["uv"] = true
	}
	shared, ours, err := k.agree(ctx, p)
	if err != nil {
		return assertion{}, err
	}
	sealed := p.encrypt(shared, salt)
	secret := map[int]any{1: ours, 2: sealed, 3: p.authenticate(p.macKey(shared), sealed)}
	if p.version != 1 {
		secret[4] = p.version
	}
	request.Extensions = map[string]any{"hmac-secret": secret}
	var answer assertionAnswer
	if err := k.call(ctx, cmdGetAssertion, request, &answer); err != nil {
		return assertion{}, err
	}
	a := assertion{authData: answer.AuthData, signature: answer.Signature}
	if answer.Credential == nil || answer.User == nil || len(answer.User.ID) == 0 || len(answer.Signature) == 0 {
		return assertion{}, errors.New("the key signed without saying for which credential and user")
	}
	a.credential, a.user = answer.Credential.ID, answer.User.ID
	extensions, err := readAuthData(rp, answer.AuthData)
	if err != nil {
		return assertion{}, err
	}
	a.secret, err = p.decrypt(shared, extensions.Secret)
	if err != nil || len(a.secret) != sha256.Size {
		return assertion{}, errors.New("the key gave no output of hmac-secret")
	}
	return a, nil
}

type extensionOutputs struct {
	Secret []byte `cbor:"hmac-secret"`
}

// readAuthData holds authenticator data to the relying party and to user verification.
func readAuthData(rp string, data []byte) (out extensionOutputs, err error) {
	const fixed = 37
	hash := sha256.Sum256([]byte(rp))
	switch {
	case len(data) < fixed:
		return out, errors.New("authenticator data is too short")
	case string(data[:32]) != string(hash[:]):
		return out, errors.New("the key signed for another relying party")
	case data[32]&flagUP == 0 || data[32]&flagUV == 0:
		return out, errors.New("the key signed without its user's gesture or without verifying its user")
	case data[32]&flagAT != 0:
		return out, errors.New("the key put a new credential into an assertion")
	case data[32]&flagED == 0 && len(data) != fixed, data[32]&flagED != 0 && len(data) == fixed:
		return out, errors.New("authenticator data is malformed")
	case data[32]&flagED == 0:
		return out, nil
	}
	err = decoding.Unmarshal(data[fixed:], &out)
	return out, err
}

// counter is the signature counter of authenticator data.
func counter(data []byte) uint32 { return binary.BigEndian.Uint32(data[33:]) }
