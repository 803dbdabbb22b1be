package ctap

import "fmt"

// PublicKeyType is the one credential type of WebAuthn (§5.8.2).
const PublicKeyType = "public-key"

// MaxUserIDLength bounds a user handle in bytes (WebAuthn §5.4.3).
const MaxUserIDLength = 64

// RelyingParty is a PublicKeyCredentialRpEntity. Name may be empty.
type RelyingParty struct {
	ID   string
	Name string
}

// User is a PublicKeyCredentialUserEntity. ID is the user handle, 1 to 64
// bytes; the rest may be empty. Icon was dropped from WebAuthn Level 2; it is
// carried because older platforms send it and expect it back.
type User struct {
	ID          []byte
	Name        string
	DisplayName string
	Icon        string
}

// CredentialDescriptor is a PublicKeyCredentialDescriptor.
type CredentialDescriptor struct {
	ID         []byte
	Type       string
	Transports []string
}

// CredentialParameter is a PublicKeyCredentialParameters: an algorithm a
// relying party takes.
type CredentialParameter struct {
	Type      string
	Algorithm Algorithm
}

func (rp RelyingParty) encode() Raw {
	b := appendHead(nil, majorMap, 1+count(rp.Name != ""))
	b = appendText(appendText(b, "id"), rp.ID)
	return appendMember(b, "name", rp.Name)
}

func readRelyingParty(r Raw) (RelyingParty, error) {
	o := openObject(r)
	rp := RelyingParty{
		ID:   mandatory(o, "id", readText),
		Name: optional(o, "name", readText),
	}
	optional(o, "icon", readText) // dropped from WebAuthn Level 2, and not kept
	return valueOr(rp, o.err)
}

func (u User) encode() Raw { return u.append(nil) }

func (u User) append(b []byte) []byte {
	b = appendHead(b, majorMap, 1+count(u.Icon != "", u.Name != "", u.DisplayName != ""))
	b = appendBytes(appendText(b, "id"), u.ID)
	b = appendMember(b, "icon", u.Icon)
	b = appendMember(b, "name", u.Name)
	return appendMember(b, "displayName", u.DisplayName)
}

func readUser(r Raw) (User, error) {
	o := openObject(r)
	u := User{
		ID:          mandatory(o, "id", readBytes),
		Name:        optional(o, "name", readText),
		DisplayName: optional(o, "displayName", readText),
		Icon:        optional(o, "icon", readText),
	}
	o.require(len(u.ID) >= 1 && len(u.ID) <= MaxUserIDLength, "user handle must have 1 to 64 bytes", ErrInvalidLength)
	return valueOr(u, o.err)
}

func (d CredentialDescriptor) encode() Raw { return d.append(nil) }

func (d CredentialDescriptor) append(b []byte) []byte {
	b = appendHead(b, majorMap, 2+count(len(d.Transports) > 0))
	b = appendBytes(appendText(b, "id"), d.ID)
	b = appendText(appendText(b, "type"), d.Type)
	if len(d.Transports) > 0 {
		b = appendHead(appendText(b, "transports"), majorArray, uint64(len(d.Transports)))
		for _, t := range d.Transports {
			b = appendText(b, t)
		}
	}
	return b
}

func encodeDescriptors(list []CredentialDescriptor) []Raw {
	out := make([]Raw, len(list))
	for i, d := range list {
		out[i] = d.encode()
	}
	return out
}

func readDescriptor(r Raw) (CredentialDescriptor, error) {
	o := openObject(r)
	d := CredentialDescriptor{
		ID:         mandatory(o, "id", readBytes),
		Type:       mandatory(o, "type", readType),
		Transports: optional(o, "transports", arrayOf(readText)),
	}
	return valueOr(d, o.err)
}

// readType spares the copy of the one type there is.
func readType(r Raw) (string, error) {
	if text, ok := textKey(r); ok && string(text) == PublicKeyType {
		return PublicKeyType, nil
	}
	return readText(r)
}

func (p CredentialParameter) encode() Raw {
	b := appendInt(appendText(appendHead(nil, majorMap, 2), "alg"), int64(p.Algorithm))
	return appendText(appendText(b, "type"), p.Type)
}

func encodeParameters(list []CredentialParameter) []Raw {
	out := make([]Raw, len(list))
	for i, p := range list {
		out[i] = p.encode()
	}
	return out
}

func readParameter(r Raw) (CredentialParameter, error) {
	o := openObject(r)
	p := CredentialParameter{
		Type:      mandatory(o, "type", readType),
		Algorithm: Algorithm(mandatory(o, "alg", readInt)),
	}
	return valueOr(p, o.err)
}

// valueOr returns v, or its zero together with err.
func valueOr[T any](v T, err error) (T, error) {
	if err != nil {
		var zero T
		return zero, err
	}
	return v, nil
}

// AAGUID names a model of authenticator (WebAuthn §6.5.1).
type AAGUID [16]byte

// String gives the lower-case UUID form used in metadata and policies.
func (a AAGUID) String() string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", a[0:4], a[4:6], a[6:8], a[8:10], a[10:16])
}

func readAAGUID(r Raw) (AAGUID, error) {
	b, err := readBytes(r)
	if err != nil {
		return AAGUID{}, err
	}
	if len(b) != len(AAGUID{}) {
		return AAGUID{}, fmt.Errorf("AAGUID must have 16 bytes: %w", ErrInvalidLength)
	}
	return AAGUID(b), nil
}
