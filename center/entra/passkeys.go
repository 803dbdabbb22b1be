package entra

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"time"
)

// ErrOutcomeUnknown marks an error after which nobody knows whether Graph did what it was asked: the connection broke
// or a fault was answered after the request had left. List before trying again.
var ErrOutcomeUnknown = errors.New("the request left, and whether Graph acted on it is unknown")

// Passkey is a fido2AuthenticationMethod as Graph shows it.
type Passkey struct {
	ID                      string    `json:"id"` // opaque; usually the credential id in another alphabet, see [MatchesCredential]
	DisplayName             string    `json:"displayName"`
	CreatedAt               time.Time `json:"createdDateTime"`
	AAGUID                  string    `json:"aaGuid"` // lower-case GUID
	Model                   string    `json:"model"`
	AttestationCertificates []string  `json:"attestationCertificates"`
	AttestationLevel        string    `json:"attestationLevel"` // attested or notAttested
	PasskeyType             string    `json:"passkeyType"`      // deviceBound or synced; empty where Graph does not say
}

// Attested reports whether Entra verified the passkey's attestation.
func (p Passkey) Attested() bool { return p.AttestationLevel == "attested" }

// Synced reports whether the passkey may be copied between devices by its provider.
func (p Passkey) Synced() bool { return p.PasskeyType == "synced" }

// CreationOptions are Graph's options for making one passkey for one user.
type CreationOptions struct {
	Raw                json.RawMessage // publicKey as received, without a wrapper
	PublicKey          json.RawMessage // the same in the WebAuthn JSON form: every binary member strict base64url, no OData members
	Expires            time.Time       // when the challenge runs out
	RPID               string
	UserHandle         []byte
	UserName           string
	Challenge          []byte // some kilobytes; a secret until it is used
	Algorithms         []int  // COSE, most wanted first
	ExcludeCredentials [][]byte
	Attestation        string
	Timeout            time.Duration // zero means the client's default
}

// NewCredential is what an authenticator made, ready for Graph.
type NewCredential struct {
	ID                     []byte
	ClientDataJSON         []byte
	AttestationObject      []byte
	ClientExtensionResults map[string]any
}

// UserPasskeys are the passkeys of one user.
type UserPasskeys struct {
	User     string // as given
	Passkeys []Passkey
}

var errSkeleton = errors.New("not reachable yet")

func (t *Tenant) CreationOptions(ctx context.Context, user string, minutes int) (CreationOptions, error) {
	return CreationOptions{}, errSkeleton
}

func (t *Tenant) RegisterPasskey(ctx context.Context, user, displayName string, c NewCredential) (Passkey, error) {
	return Passkey{}, errSkeleton
}

func (t *Tenant) Passkeys(ctx context.Context, user string) ([]Passkey, error) {
	return nil, errSkeleton
}

func (t *Tenant) Passkey(ctx context.Context, user, methodID string) (Passkey, error) {
	return Passkey{}, errSkeleton
}

func (t *Tenant) DeletePasskey(ctx context.Context, user, methodID string) error { return errSkeleton }

func (t *Tenant) PasskeysOf(ctx context.Context, users []string) iter.Seq2[UserPasskeys, error] {
	return func(yield func(UserPasskeys, error) bool) { yield(UserPasskeys{}, errSkeleton) }
}

// MatchesCredential reports whether Graph's method id names the credential.
func MatchesCredential(methodID string, credentialID []byte) bool { return false }
