package device

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/postern/postern"
)

// maxProof bounds the JWS of a request; a real one has about 500 bytes.
const maxProof = 2048

// SignedRequest is a request of a phone as it came in.
type SignedRequest struct {
	Proof  string // the compact JWS of the Authorization header
	Method string
	Path   string // path and query, as sent
	Body   []byte
}

// claims makes PhoneProof a set of JWT claims. It has no expiry: iat is compared with the clock instead, so that a
// wrong clock can be told from a wrong signature.
type claims struct{ postern.PhoneProof }

func (claims) GetExpirationTime() (*jwt.NumericDate, error) { return nil, nil }
func (claims) GetIssuedAt() (*jwt.NumericDate, error)       { return nil, nil }
func (claims) GetNotBefore() (*jwt.NumericDate, error)      { return nil, nil }
func (claims) GetIssuer() (string, error)                   { return "", nil }
func (claims) GetSubject() (string, error)                  { return "", nil }
func (claims) GetAudience() (jwt.ClaimStrings, error)       { return nil, nil }

// Authenticate finds the phone that signed a request. Every request has to be signed afresh: the proof covers method,
// path and body, is good for two minutes around the server's clock, and works once.
func (s *Service) Authenticate(ctx context.Context, r SignedRequest) (postern.Phone, error) {
	var none, phone postern.Phone
	if r.Proof == "" || len(r.Proof) > maxProof {
		return none, postern.Errorf(postern.CodePhoneProof, "")
	}
	var c claims
	parser := jwt.NewParser(jwt.WithValidMethods([]string{jwt.SigningMethodEdDSA.Alg()}), jwt.WithoutClaimsValidation())
	_, err := parser.ParseWithClaims(r.Proof, &c, func(t *jwt.Token) (any, error) {
		kid, _ := t.Header["kid"].(string)
		if typ, _ := t.Header["typ"].(string); typ != postern.PhoneProofType || !postern.ValidID(kid, postern.PrefixPhone) {
			return nil, errors.New("not a phone's proof")
		}
		var err error
		if phone, err = s.Store.Phone(ctx, postern.PhoneID(kid)); err != nil {
			return nil, err
		}
		return ed25519.PublicKey(phone.IdentityKey), nil
	})
	switch {
	case postern.IsCode(err, postern.CodeNotFound):
		return none, postern.Errorf(postern.CodePhoneUnknown, "")
	case err != nil:
		return none, postern.Errorf(postern.CodePhoneProof, "").Because(err)
	}
	hash := sha256.Sum256(r.Body)
	body := base64.RawURLEncoding.EncodeToString(hash[:])
	if c.Method != r.Method || c.Path != r.Path || subtle.ConstantTimeCompare([]byte(c.BodyHash), []byte(body)) != 1 || c.ID == "" || len(c.ID) > 64 {
		return none, postern.Errorf(postern.CodePhoneProof, "The signature belongs to another request.")
	}
	now := s.Now().UTC()
	issued := time.Unix(c.IssuedAt, 0)
	if off := now.Sub(issued); off > postern.PhoneProofWindow || off < -postern.PhoneProofWindow {
		return none, postern.Errorf(postern.CodePhoneClock, "")
	}
	if phone.State != postern.PhoneActive {
		return none, postern.Errorf(postern.CodePhoneRevoked, "")
	}
	fresh, err := s.Store.UsePhoneProof(ctx, phone.ID, c.ID, now, issued.Add(2*postern.PhoneProofWindow))
	if err != nil {
		return none, err
	}
	if !fresh {
		return none, postern.Errorf(postern.CodePhoneReplay, "")
	}
	return phone, s.Store.SeePhone(ctx, phone.ID, now)
}
