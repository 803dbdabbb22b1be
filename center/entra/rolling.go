package entra

import (
	"bytes"
	"context"
	"crypto/sha1" //nolint:gosec // the thumbprint by which Entra names certificates
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"github.com/postern/postern"
)

var writeApplications = []string{"Application.ReadWrite.OwnedBy", "Application.ReadWrite.All", "Directory.ReadWrite.All"}

// An application needs no permission to roll its own keys (Microsoft Graph documentation, application: addKey); an
// administrator needs the ones named. That it may read its own registration without one is observed and nowhere documented,
// so whoever reads it has to bear a refusal.
var (
	opRegistration = operation{name: "applications.get", doing: "read the app registration", needs: readApplications, repeatable: true}
	opAddKey       = operation{name: "applications.addKey", doing: "register a new certificate for the application", needs: writeApplications}
	opRemoveKey    = operation{name: "applications.removeKey", doing: "remove a certificate of the application", needs: writeApplications, repeatable: true}
	opSetKeys      = operation{name: "applications.update", doing: "change the certificates of the application", needs: writeApplications, repeatable: true}
	opAddSecret    = operation{name: "applications.addPassword", doing: "make a client secret for the application", needs: writeApplications}
	opRemoveSecret = operation{name: "applications.removePassword", doing: "remove a client secret of the application", needs: writeApplications, repeatable: true}
)

// AppRegistration is an app registration, as far as its credentials go.
type AppRegistration struct {
	ObjectID string // not the client ID
	ClientID string
	Name     string
	Keys     []RegisteredKey
	Secrets  []RegisteredSecret
}

// RegisteredKey is a certificate that proves an application.
type RegisteredKey struct {
	KeyID       string
	Name        string
	Thumbprint  string // SHA-1 over the DER form, upper-case hex; empty if Graph does not say it in a form we know
	Certificate []byte // DER; Graph may leave it out
	Starts      time.Time
	Ends        time.Time
	wire        keyWire
}

// RegisteredSecret is a client secret, without the secret.
type RegisteredSecret struct {
	KeyID string
	Name  string
	Hint  string // its first three characters
	Ends  time.Time
}

type keyWire struct {
	CustomKeyIdentifier *string    `json:"customKeyIdentifier,omitempty"`
	DisplayName         *string    `json:"displayName,omitempty"`
	EndDateTime         *time.Time `json:"endDateTime,omitempty"`
	Key                 *string    `json:"key,omitempty"`
	KeyID               string     `json:"keyId,omitempty"`
	StartDateTime       *time.Time `json:"startDateTime,omitempty"`
	Type                string     `json:"type"`
	Usage               string     `json:"usage"`
}

type secretWire struct {
	DisplayName *string    `json:"displayName"`
	EndDateTime *time.Time `json:"endDateTime"`
	Hint        *string    `json:"hint"`
	KeyID       string     `json:"keyId"`
	SecretText  *string    `json:"secretText"`
}

type appRegistrationWire struct {
	ID          string       `json:"id"`
	AppID       string       `json:"appId"`
	DisplayName string       `json:"displayName"`
	Keys        []keyWire    `json:"keyCredentials"`
	Passwords   []secretWire `json:"passwordCredentials"`
}

// Has reports whether the key is that certificate.
func (k RegisteredKey) Has(c *x509.Certificate) bool {
	if len(k.Certificate) > 0 {
		return bytes.Equal(k.Certificate, c.Raw)
	}
	return k.Thumbprint != "" && k.Thumbprint == thumbprint(c.Raw)
}

// KeyOf finds a certificate among the keys.
func (r AppRegistration) KeyOf(c *x509.Certificate) (RegisteredKey, bool) {
	n := slices.IndexFunc(r.Keys, func(k RegisteredKey) bool { return k.Has(c) })
	if n < 0 {
		return RegisteredKey{}, false
	}
	return r.Keys[n], true
}

func thumbprint(der []byte) string {
	sum := sha1.Sum(der) //nolint:gosec // a name, not a protection
	return strings.ToUpper(hex.EncodeToString(sum[:]))
}

func (w keyWire) key(t *Tenant) RegisteredKey {
	k := RegisteredKey{KeyID: w.KeyID, Name: t.tidy(value(w.DisplayName)), Starts: value(w.StartDateTime), Ends: value(w.EndDateTime), wire: w}
	k.Certificate, _ = base64.StdEncoding.DecodeString(value(w.Key))
	// Graph tells the thumbprint as hex in some places and as base64 of its 20 bytes in others.
	id := value(w.CustomKeyIdentifier)
	if raw, err := hex.DecodeString(id); err == nil && len(raw) == sha1.Size {
		k.Thumbprint = strings.ToUpper(id)
	} else if raw, err := base64.StdEncoding.DecodeString(id); err == nil && len(raw) == sha1.Size {
		k.Thumbprint = strings.ToUpper(hex.EncodeToString(raw))
	}
	return k
}

func value[T any](p *T) T {
	var zero T
	if p == nil {
		return zero
	}
	return *p
}

// AppRegistration reads the registration of an application by its client ID.
func (t *Tenant) AppRegistration(ctx context.Context, clientID string) (AppRegistration, error) {
	w, err := do[appRegistrationWire](ctx, t, call{
		op: opRegistration, method: http.MethodGet, path: "/applications(appId=" + literal(clientID) + ")", on: object{"app registration", clientID},
		// Graph tells the public keys only to who asks for them by name.
		query: query{{"$select", "id,appId,displayName,keyCredentials,passwordCredentials"}},
	})
	if err != nil {
		return AppRegistration{}, err
	}
	r := AppRegistration{ObjectID: w.ID, ClientID: w.AppID, Name: t.tidy(w.DisplayName)}
	if r.ObjectID == "" {
		return r, t.unexpected(call{op: opRegistration}, "a registration without an id")
	}
	for _, k := range w.Keys {
		r.Keys = append(r.Keys, k.key(t))
	}
	for _, p := range w.Passwords {
		r.Secrets = append(r.Secrets, RegisteredSecret{KeyID: p.KeyID, Name: t.tidy(value(p.DisplayName)), Hint: value(p.Hint), Ends: value(p.EndDateTime)})
	}
	return r, nil
}

// proofFor is for how long a proof of possession is good. Graph takes ten minutes at most.
const proofFor = 10 * time.Minute

// proofAudience is whom a proof of possession is made out to (Microsoft Graph documentation, "Generate proof of
// possession tokens for rolling keys").
const proofAudience = "00000002-0000-0000-c000-000000000000"

// proof shows that the caller holds the key of a certificate that is registered (RFC 7519).
func (t *Tenant) proof(objectID string) (string, error) {
	if t.cert == nil {
		return "", postern.Errorf(postern.CodeRotationAdministrator, "Only an application that uses a certificate can renew it by itself.")
	}
	now := t.opts.Now()
	sum := sha1.Sum(t.cert.chain[0].Raw) //nolint:gosec // the name of the certificate
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{
		"aud": proofAudience, "iss": objectID, "nbf": now.Unix(), "iat": now.Unix(), "exp": now.Add(proofFor).Unix(), "jti": uuid.NewString(),
	})
	token.Header["kid"] = t.cert.info.Thumbprint
	token.Header["x5t"] = base64.RawURLEncoding.EncodeToString(sum[:])
	signed, err := token.SignedString(t.cert.key)
	if err != nil {
		return "", postern.Errorf(postern.CodeInternal, "").Because(t.scrubbed(err))
	}
	return signed, nil
}

// AddOwnKey registers a further certificate for the application that calls, which proves that it holds the key of the
// present one. It is repeated like [Tenant.RegisterPasskey]: after an error with ErrOutcomeUnknown look for the
// certificate before adding it again.
func (t *Tenant) AddOwnKey(ctx context.Context, objectID string, certificate []byte) (keyID string, err error) {
	path, err := applicationPath(objectID, "/addKey")
	if err != nil {
		return "", err
	}
	proof, err := t.proof(objectID)
	if err != nil {
		return "", err
	}
	w, err := do[keyWire](ctx, t, call{op: opAddKey, method: http.MethodPost, path: path, on: object{"app registration", objectID}, body: map[string]any{
		"keyCredential":      map[string]any{"type": "AsymmetricX509Cert", "usage": "Verify", "key": base64.StdEncoding.EncodeToString(certificate)},
		"passwordCredential": nil, "proof": proof,
	}})
	return w.KeyID, err
}

// RemoveOwnKey removes a certificate of the application that calls. One that is gone is done.
func (t *Tenant) RemoveOwnKey(ctx context.Context, objectID, keyID string) error {
	path, err := applicationPath(objectID, "/removeKey")
	if err != nil {
		return err
	}
	proof, err := t.proof(objectID)
	if err != nil {
		return err
	}
	_, err = t.send(ctx, call{op: opRemoveKey, method: http.MethodPost, path: path, on: object{"app registration", objectID}, body: map[string]any{
		"keyId": keyID, "proof": proof,
	}})
	return err
}

// SetKeys replaces the certificates of an application by those, of which new ones have a Certificate and no KeyID. Graph
// replaces the whole collection, so what was read is written back as it was.
func (t *Tenant) SetKeys(ctx context.Context, objectID string, keys []RegisteredKey) error {
	path, err := applicationPath(objectID, "")
	if err != nil {
		return err
	}
	all := make([]keyWire, 0, len(keys))
	for _, k := range keys {
		w := k.wire
		if k.KeyID == "" {
			key, name := base64.StdEncoding.EncodeToString(k.Certificate), k.Name
			w = keyWire{Type: "AsymmetricX509Cert", Usage: "Verify", Key: &key, DisplayName: &name}
		}
		if value(w.Key) == "" {
			return postern.Errorf(postern.CodeRotationAdministrator, "Graph does not tell the public key of the certificate %q, so it could be lost when the certificates are written.", k.Name).
				WithNext("Upload the new certificate by hand, or remove the one named first if nobody uses it.")
		}
		all = append(all, w)
	}
	_, err = t.send(ctx, call{op: opSetKeys, method: http.MethodPatch, path: path, on: object{"app registration", objectID}, body: map[string]any{"keyCredentials": all}})
	return err
}

// NewSecret is a client secret that was just made, with the secret, which nobody tells again.
type NewSecret struct {
	RegisteredSecret
	Text string
}

// String names the secret without telling it.
func (s NewSecret) String() string { return "entra.NewSecret{" + s.KeyID + "}" }

// GoString is String, so that %#v hides as much.
func (s NewSecret) GoString() string { return s.String() }

// AddSecret makes a client secret. After an error with ErrOutcomeUnknown there may be one that nobody knows: look for it
// by its name, and remove it.
func (t *Tenant) AddSecret(ctx context.Context, objectID, name string, ends time.Time) (NewSecret, error) {
	path, err := applicationPath(objectID, "/addPassword")
	if err != nil {
		return NewSecret{}, err
	}
	c := call{op: opAddSecret, method: http.MethodPost, path: path, on: object{"app registration", objectID}, body: map[string]any{
		"passwordCredential": map[string]any{"displayName": name, "endDateTime": ends.UTC().Format(time.RFC3339)},
	}}
	w, err := do[secretWire](ctx, t, c)
	if err != nil {
		return NewSecret{}, err
	}
	if value(w.SecretText) == "" || w.KeyID == "" {
		return NewSecret{}, t.unexpected(c, "a client secret without its value")
	}
	return NewSecret{RegisteredSecret{KeyID: w.KeyID, Name: name, Hint: value(w.Hint), Ends: value(w.EndDateTime)}, *w.SecretText}, nil
}

// RemoveSecret removes a client secret.
func (t *Tenant) RemoveSecret(ctx context.Context, objectID, keyID string) error {
	path, err := applicationPath(objectID, "/removePassword")
	if err != nil {
		return err
	}
	_, err = t.send(ctx, call{op: opRemoveSecret, method: http.MethodPost, path: path, on: object{"app registration", objectID}, body: map[string]any{"keyId": keyID}})
	return err
}

func applicationPath(objectID, more string) (string, error) {
	s, err := segment("app registration", objectID)
	return "/applications/" + s + more, err
}

// Prove buys a fresh token with the credential, and nothing else.
func (t *Tenant) Prove(ctx context.Context) error {
	w, err := t.newWire()
	if err != nil {
		return err
	}
	_, _, err = w.claims(ctx)
	return err
}

// Unproven reports whether an error of [Tenant.Prove] says that the identity platform does not know the credential, as it
// says for a while of one that was just registered.
func Unproven(err error) bool {
	var refused *TokenError
	return errors.As(err, &refused) &&
		(postern.IsCode(err, postern.CodeEntraCertUnknown) || postern.IsCode(err, postern.CodeEntraSecretWrong))
}
