package entra

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/postern/postern"
)

var (
	opCreationOptions = operation{
		name: "fido2Methods.creationOptions", doing: "get the options for a new passkey", needs: writePasskeys,
		lane: laneMethods, repeatable: true,
	}
	opCreationOptionsBeta = withBeta(opCreationOptions)
	opRegister            = operation{name: "fido2Methods.create", doing: "register a passkey", needs: writePasskeys, lane: laneMethods}
)

func withBeta(op operation) operation {
	op.beta = true
	return op
}

// CreationOptions are Graph's options for making one passkey for one user (WebAuthn §5.4). They hold the challenge and
// do not print it.
type CreationOptions struct {
	Raw                json.RawMessage // publicKey as received, without a wrapper
	PublicKey          json.RawMessage // the same in WebAuthn's JSON form (§5.1.9): binary members strict base64url, no OData members
	Expires            time.Time       // when the challenge runs out
	RPID               string
	UserHandle         []byte
	UserName           string
	Challenge          []byte // some kilobytes
	Algorithms         []int  // COSE, most wanted first
	ExcludeCredentials [][]byte
	Attestation        string
	Timeout            time.Duration // zero means the client's default
}

// String hides the challenge.
func (o CreationOptions) String() string {
	return fmt.Sprintf("entra.CreationOptions{%s, %s, until %s}", o.RPID, o.UserName, o.Expires.UTC().Format(time.RFC3339))
}

// GoString is String.
func (o CreationOptions) GoString() string { return o.String() }

// LogValue is String.
func (o CreationOptions) LogValue() slog.Value { return slog.StringValue(o.String()) }

// CreationOptions asks Graph for the options of a new passkey. The challenge lives for minutes, which must lie between 5
// and 43200; that is checked before the call. Only beta takes the time; where beta does not answer, five minutes are
// asked of v1.0, whose challenge always lives that long.
//
// Graph refuses with CodeEntraPasskeyOff or CodeEntraSelfServiceOff where Postern may read the policy and sees the
// reason there, otherwise with CodeEntraPasskeyRefused.
func (t *Tenant) CreationOptions(ctx context.Context, user string, minutes int) (CreationOptions, error) {
	if minutes < postern.MinChallengeTimeout || minutes > postern.MaxChallengeTimeout {
		return CreationOptions{}, postern.Errorf(postern.CodeEntraChallengeRange, "A challenge timeout of %d minutes is not possible; it must lie between %d and %d.",
			minutes, postern.MinChallengeTimeout, postern.MaxChallengeTimeout).OnField("challenge_timeout_minutes")
	}
	path, err := userPath(user)
	if err != nil {
		return CreationOptions{}, err
	}
	path += "/authentication/fido2Methods/creationOptions"
	c := call{op: opCreationOptionsBeta, method: http.MethodGet, on: object{"user", user}}
	c.path = fmt.Sprintf("%s(challengeTimeoutInMinutes=%d)", path, minutes)
	a, err := t.send(ctx, c)
	if err != nil && minutes == postern.DefaultChallengeTimeout && formRefused(err) {
		c.op, c.path = opCreationOptions, path
		a, err = t.send(ctx, c)
	}
	if err != nil {
		return CreationOptions{}, t.explain(ctx, user, err)
	}
	o, err := decodeCreationOptions(a.body)
	if err != nil {
		return CreationOptions{}, t.unexpected(c, err.Error())
	}
	return o, nil
}

// formRefused reports whether a refusal may be about the form of the request, as beta's function had it for a while,
// rather than about the user.
func formRefused(err error) bool {
	e, ok := graphErrorOf(err)
	if !ok {
		return false
	}
	switch e.Status {
	case http.StatusMethodNotAllowed, http.StatusNotImplemented, http.StatusGone:
		return true
	case http.StatusBadRequest:
		return true
	case http.StatusNotFound:
		return !strings.EqualFold(e.Code, "Request_ResourceNotFound") && !strings.EqualFold(e.Code, "ResourceNotFound")
	}
	return false
}

// creationWire is webauthnCredentialCreationOptions.
type creationWire struct {
	Expires   time.Time       `json:"challengeTimeoutDateTime"`
	PublicKey json.RawMessage `json:"publicKey"`
	Value     *creationWire   `json:"value"` // a wrapper that Graph's documentation shows
}

type publicKeyWire struct {
	RP struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	} `json:"rp"`
	User struct {
		ID          string `json:"id"`
		Name        string `json:"name"`
		DisplayName string `json:"displayName"`
	} `json:"user"`
	Challenge  string `json:"challenge"`
	Parameters []struct {
		Type string `json:"type"`
		Alg  int    `json:"alg"`
	} `json:"pubKeyCredParams"`
	Timeout int64 `json:"timeout"`
	Exclude []struct {
		Type       string   `json:"type"`
		ID         string   `json:"id"`
		Transports []string `json:"transports"`
	} `json:"excludeCredentials"`
	Selection struct {
		Attachment  string `json:"authenticatorAttachment"`
		ResidentKey bool   `json:"requireResidentKey"`
		UV          string `json:"userVerification"`
	} `json:"authenticatorSelection"`
	Attestation string                     `json:"attestation"`
	Extensions  map[string]json.RawMessage `json:"extensions"`
}

// Bounds of what is taken from Graph into the options.
const (
	maxChallenge = 64 << 10
	maxExclude   = 256
)

// decodeCreationOptions reads Graph's answer: with or without a wrapper, whatever alphabet its binary members are in.
func decodeCreationOptions(body []byte) (CreationOptions, error) {
	var w creationWire
	if err := json.Unmarshal(body, &w); err != nil {
		return CreationOptions{}, fmt.Errorf("options that are not the expected JSON")
	}
	if w.Value != nil && w.PublicKey == nil {
		w = *w.Value
	}
	var p publicKeyWire
	if w.PublicKey == nil || json.Unmarshal(w.PublicKey, &p) != nil {
		return CreationOptions{}, fmt.Errorf("options without a readable publicKey member")
	}
	o := CreationOptions{
		Raw: w.PublicKey, Expires: w.Expires.UTC(), RPID: p.RP.ID, UserName: p.User.Name, Attestation: p.Attestation,
		Timeout: time.Duration(min(max(p.Timeout, 0), 1<<31)) * time.Millisecond,
	}
	var err error
	if o.Challenge, err = decodeBinary(p.Challenge); err != nil || len(o.Challenge) < 16 || len(o.Challenge) > maxChallenge {
		return CreationOptions{}, fmt.Errorf("options without a usable challenge")
	}
	if o.UserHandle, err = decodeBinary(p.User.ID); err != nil || len(o.UserHandle) == 0 || len(o.UserHandle) > 64 {
		return CreationOptions{}, fmt.Errorf("options whose user handle is not 1 to 64 bytes (WebAuthn §5.4.3)")
	}
	if o.RPID == "" {
		return CreationOptions{}, fmt.Errorf("options without a relying party")
	}
	for _, a := range p.Parameters {
		if a.Type == "" || a.Type == "public-key" {
			o.Algorithms = append(o.Algorithms, a.Alg)
		}
	}
	if len(o.Algorithms) == 0 {
		return CreationOptions{}, fmt.Errorf("options without an algorithm")
	}
	if len(p.Exclude) > maxExclude {
		return CreationOptions{}, fmt.Errorf("options that exclude more than %d credentials", maxExclude)
	}
	for _, x := range p.Exclude {
		// An id that can be read in two ways is excluded in both: too many does no harm, too few makes a second passkey on
		// the same phone.
		o.ExcludeCredentials = append(o.ExcludeCredentials, readings(x.ID)...)
	}
	o.PublicKey, err = o.canonical(p)
	return o, err
}

// canonical writes PublicKeyCredentialCreationOptionsJSON.
func (o CreationOptions) canonical(p publicKeyWire) (json.RawMessage, error) {
	type descriptor struct {
		Type string `json:"type"`
		ID   string `json:"id"`
	}
	type parameter struct {
		Type string `json:"type"`
		Alg  int    `json:"alg"`
	}
	exclude := make([]descriptor, 0, len(o.ExcludeCredentials))
	for _, id := range o.ExcludeCredentials {
		exclude = append(exclude, descriptor{"public-key", encodeBinary(id)})
	}
	parameters := make([]parameter, 0, len(o.Algorithms))
	for _, alg := range o.Algorithms {
		parameters = append(parameters, parameter{"public-key", alg})
	}
	extensions := make(map[string]json.RawMessage, len(p.Extensions))
	for name, value := range p.Extensions {
		if !strings.Contains(name, "@odata.") {
			extensions[name] = value
		}
	}
	selection := map[string]any{"requireResidentKey": p.Selection.ResidentKey}
	if p.Selection.ResidentKey {
		selection["residentKey"] = "required"
	}
	if p.Selection.Attachment != "" {
		selection["authenticatorAttachment"] = p.Selection.Attachment
	}
	if p.Selection.UV != "" {
		selection["userVerification"] = p.Selection.UV
	}
	out := map[string]any{
		"rp":                     map[string]string{"id": p.RP.ID, "name": p.RP.Name},
		"user":                   map[string]string{"id": encodeBinary(o.UserHandle), "name": p.User.Name, "displayName": p.User.DisplayName},
		"challenge":              encodeBinary(o.Challenge),
		"pubKeyCredParams":       parameters,
		"excludeCredentials":     exclude,
		"authenticatorSelection": selection,
	}
	if o.Timeout > 0 {
		out["timeout"] = o.Timeout.Milliseconds()
	}
	if o.Attestation != "" {
		out["attestation"] = o.Attestation
	}
	if len(extensions) > 0 {
		out["extensions"] = extensions
	}
	return json.Marshal(out)
}

// NewCredential is what an authenticator made.
type NewCredential struct {
	ID                     []byte
	ClientDataJSON         []byte
	AttestationObject      []byte
	ClientExtensionResults map[string]any
}

// MaxPasskeyName is the longest display name that every known client of Graph accepts, in characters.
const MaxPasskeyName = 30

// RegisterPasskey registers a credential as the user's passkey and returns it as Graph lists it.
//
// The request is repeated only when Graph refused it for the moment (429) or it never left. After anything else that
// leaves the outcome open, the error satisfies errors.Is(err, ErrOutcomeUnknown): list the user's passkeys before
// registering again.
func (t *Tenant) RegisterPasskey(ctx context.Context, user, displayName string, c NewCredential) (Passkey, error) {
	path, err := userPath(user)
	if err != nil {
		return Passkey{}, err
	}
	if n := len([]rune(displayName)); n < 1 || n > MaxPasskeyName {
		return Passkey{}, postern.FieldErrorf("display_name", "The passkey's name has %d characters; 1 to %d are possible.", n, MaxPasskeyName)
	}
	if len(c.ID) == 0 || len(c.ClientDataJSON) == 0 || len(c.AttestationObject) == 0 {
		return Passkey{}, postern.Errorf(postern.CodeCredentialRefused, "The credential from the phone is not complete.")
	}
	// Graph's type has these members and no others; a whole PublicKeyCredential is refused.
	credential := map[string]any{
		"id": encodeBinary(c.ID),
		"response": map[string]string{
			"clientDataJSON":    encodeBinary(c.ClientDataJSON),
			"attestationObject": encodeBinary(c.AttestationObject),
		},
	}
	if len(c.ClientExtensionResults) > 0 {
		credential["clientExtensionResults"] = c.ClientExtensionResults
	}
	k, err := do[Passkey](ctx, t, call{
		op: opRegister, method: http.MethodPost, path: path + "/authentication/fido2Methods", on: object{"user", user},
		body: map[string]any{
			"@odata.type":         "#microsoft.graph.fido2AuthenticationMethod",
			"displayName":         displayName,
			"publicKeyCredential": credential,
		},
	})
	if err == nil && k.ID == "" {
		err = t.unexpected(call{op: opRegister}, "a passkey without an id")
	}
	if err != nil {
		return Passkey{}, t.explain(ctx, user, err)
	}
	return k, nil
}

// explain looks for the reason of a refusal in the passkey policy. Graph's own answer to options and registration does
// not tell the cases apart, but the policy does, where Postern may read it.
func (t *Tenant) explain(ctx context.Context, user string, err error) error {
	e, ok := graphErrorOf(err)
	if !ok || e.Status != http.StatusBadRequest && (e.Status != http.StatusForbidden || e.Code == "Authorization_RequestDenied") {
		return err
	}
	if p, policyErr := t.policyIfAllowed(ctx); policyErr == nil {
		switch {
		case !p.Enabled:
			return postern.Errorf(postern.CodeEntraPasskeyOff, "The passkey method is switched off in the tenant's policy.").Because(e)
		case !p.SelfService:
			return postern.Errorf(postern.CodeEntraSelfServiceOff, "").Because(e)
		case len(p.Include) == 0:
			return postern.Errorf(postern.CodeEntraPasskeyOff, "The passkey method includes nobody in the tenant's policy.").Because(e)
		}
	}
	return postern.Errorf(postern.CodeEntraPasskeyRefused, "Entra refused a passkey for %s.%s", user, words(e)).Because(e)
}
