package entra

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"slices"
	"time"

	"github.com/postern/postern"
)

// ErrOutcomeUnknown marks an error after which nobody knows whether Graph did what it was asked: the connection broke,
// or a fault was answered after the request had left. Look at what is there before trying again.
var ErrOutcomeUnknown = errors.New("whether Graph acted on the request is unknown")

// Permissions of Microsoft Graph for passkeys, least first.
var (
	readPasskeys  = []string{"UserAuthMethod-Passkey.Read.All", "UserAuthMethod-Passkey.ReadWrite.All", "UserAuthenticationMethod.Read.All", "UserAuthenticationMethod.ReadWrite.All"}
	writePasskeys = []string{"UserAuthMethod-Passkey.ReadWrite.All", "UserAuthenticationMethod.ReadWrite.All"}
)

var (
	opListPasskeys = operation{name: "fido2Methods.list", doing: "list a user's passkeys", needs: readPasskeys, lane: laneMethods, repeatable: true}
	opGetPasskey   = operation{name: "fido2Methods.get", doing: "read a passkey", needs: readPasskeys, lane: laneMethods, repeatable: true}
	opDelPasskey   = operation{name: "fido2Methods.delete", doing: "delete a passkey", needs: writePasskeys, lane: laneMethods, repeatable: true}
)

// Passkey is a fido2AuthenticationMethod as Graph shows it.
type Passkey struct {
	ID                      string    `json:"id"` // opaque; usually the credential id in another alphabet, see [MatchesCredential]
	DisplayName             string    `json:"displayName"`
	CreatedAt               time.Time `json:"createdDateTime"`
	AAGUID                  string    `json:"aaGuid"` // lower-case GUID, zeros if unattested
	Model                   string    `json:"model"`
	AttestationCertificates []string  `json:"attestationCertificates"` // hex thumbprints
	AttestationLevel        string    `json:"attestationLevel"`        // attested or notAttested
	PasskeyType             string    `json:"passkeyType"`             // deviceBound or synced; empty where Graph does not say
	// LastUsedAt is only told by beta, hours behind; see [Tenant.InventoryPasskeys].
	LastUsedAt *time.Time `json:"lastUsedDateTime"`
}

// Attested reports whether Entra verified the passkey's attestation.
func (p Passkey) Attested() bool { return p.AttestationLevel == "attested" }

// Synced reports whether the passkey's provider may copy it between devices.
func (p Passkey) Synced() bool { return p.PasskeyType == "synced" }

// UserPasskeys are the passkeys of one user.
type UserPasskeys struct {
	User     string // as given
	Passkeys []Passkey
	// LastUseKnown says that Graph was asked in a form that tells when they were last used: a passkey without a time was
	// not used.
	LastUseKnown bool
}

// Passkeys lists a user's passkeys. An unknown user is CodeEntraUserNotFound.
func (t *Tenant) Passkeys(ctx context.Context, user string) ([]Passkey, error) {
	path, err := userPath(user)
	if err != nil {
		return nil, err
	}
	return collect(each[Passkey](ctx, t, call{op: opListPasskeys, method: http.MethodGet, path: path + "/authentication/fido2Methods", on: object{"user", user}}), 0)
}

// Passkey reads one passkey. One that is gone, or a user who is, is CodeEntraNotFound.
func (t *Tenant) Passkey(ctx context.Context, user, methodID string) (Passkey, error) {
	path, err := passkeyPath(user, methodID)
	if err != nil {
		return Passkey{}, err
	}
	return do[Passkey](ctx, t, call{op: opGetPasskey, method: http.MethodGet, path: path, on: object{"passkey", methodID}})
}

// DeletePasskey removes a passkey from Entra. One that is gone already is done.
func (t *Tenant) DeletePasskey(ctx context.Context, user, methodID string) error {
	path, err := passkeyPath(user, methodID)
	if err != nil {
		return err
	}
	_, err = t.send(ctx, call{op: opDelPasskey, method: http.MethodDelete, path: path, on: object{"passkey", methodID}})
	if postern.IsCode(err, postern.CodeEntraNotFound) {
		return nil
	}
	return err
}

func passkeyPath(user, methodID string) (string, error) {
	path, err := userPath(user)
	if err != nil {
		return "", err
	}
	id, err := segment("passkey", methodID)
	return path + "/authentication/fido2Methods/" + id, err
}

// PasskeysOf lists the passkeys of many users, twenty in one request. An error belongs to the user of the value it comes
// with, and the listing goes on with the next one; after the end of ctx it stops.
func (t *Tenant) PasskeysOf(ctx context.Context, users []string) iter.Seq2[UserPasskeys, error] {
	return func(yield func(UserPasskeys, error) bool) {
		for chunk := range slices.Chunk(users, batchSize) {
			found, failed := t.passkeysOf(ctx, opListPasskeys, chunk)
			for i := range chunk {
				if !yield(found[i], failed[i]) || ctx.Err() != nil {
					return
				}
			}
		}
	}
}

// passkeysOf lists the passkeys of at most batchSize users in one request. Each user has an error of their own.
func (t *Tenant) passkeysOf(ctx context.Context, op operation, users []string) (found []UserPasskeys, failed []error) {
	found, failed = make([]UserPasskeys, len(users)), make([]error, len(users))
	calls := make([]call, 0, len(users))
	index := make([]int, 0, len(users))
	for i, user := range users {
		found[i].User = user
		path, err := userPath(user)
		if err != nil {
			failed[i] = err
			continue
		}
		calls = append(calls, call{op: op, method: http.MethodGet, path: path + "/authentication/fido2Methods", on: object{"user", user}})
		index = append(index, i)
	}
	for n, part := range t.batch(ctx, calls) {
		i := index[n]
		if failed[i] = part.err; part.err == nil {
			found[i].Passkeys, failed[i] = t.firstPage(ctx, op, part.body, users[i])
		}
	}
	return found, failed
}

// firstPage decodes a page that came in a batch and follows its link to the next, if it has one.
func (t *Tenant) firstPage(ctx context.Context, op operation, body []byte, user string) ([]Passkey, error) {
	c := call{op: op, method: http.MethodGet, on: object{"user", user}}
	var first page[Passkey]
	if err := t.decode(c, body, &first); err != nil {
		return nil, err
	}
	if first.Next == "" {
		return first.Value, nil
	}
	rest, err := collect(eachFrom[Passkey](ctx, t, c, first.Next), 0)
	return append(first.Value, rest...), err
}
