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

// SignedRequest is a request of a phone or workstation as it came in.
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

// signer is one kind of device as the one who signs requests.
type signer struct {
	proofType, prefix                      string
	unknown, revoked, proof, clock, replay postern.Code

	// find returns the identity key of a device, and whether it is active.
	find func(ctx context.Context, id string) (key ed25519.PublicKey, active bool, err error)
	// use remembers the id of a proof and reports whether it is new.
	use func(ctx context.Context, id, proof string, now, expires time.Time) (fresh bool, err error)
}

// Authenticate finds the phone that signed a request. Every request has to be signed afresh: the proof covers method,
// path and body, is good for two minutes around the server's clock, and works once.
func (s *Service) Authenticate(ctx context.Context, r SignedRequest) (postern.Phone, error) {
	var phone postern.Phone
	now, err := s.verify(ctx, r, signer{
		proofType: postern.PhoneProofType, prefix: postern.PrefixPhone,
		unknown: postern.CodePhoneUnknown, revoked: postern.CodePhoneRevoked, proof: postern.CodePhoneProof,
		clock: postern.CodePhoneClock, replay: postern.CodePhoneReplay,
		find: func(ctx context.Context, id string) (_ ed25519.PublicKey, _ bool, err error) {
			phone, err = s.Store.Phone(ctx, postern.PhoneID(id))
			return phone.IdentityKey, phone.State == postern.PhoneActive, err
		},
		use: func(ctx context.Context, id, proof string, now, expires time.Time) (bool, error) {
			return s.Store.UsePhoneProof(ctx, postern.PhoneID(id), proof, now, expires)
		},
	})
	if err != nil {
		return postern.Phone{}, err
	}
	return phone, s.Store.SeePhone(ctx, phone.ID, now)
}

// AuthenticateWorkstation is Authenticate for workstations.
func (s *Service) AuthenticateWorkstation(ctx context.Context, r SignedRequest) (postern.Workstation, error) {
	var workstation postern.Workstation
	now, err := s.verify(ctx, r, signer{
		proofType: postern.WorkstationProofType, prefix: postern.PrefixWorkstation,
		unknown: postern.CodeWorkstationUnknown, revoked: postern.CodeWorkstationRevoked, proof: postern.CodeWorkstationProof,
		clock: postern.CodeWorkstationClock, replay: postern.CodeWorkstationReplay,
		find: func(ctx context.Context, id string) (_ ed25519.PublicKey, _ bool, err error) {
			workstation, err = s.Store.Workstation(ctx, postern.WorkstationID(id))
			return workstation.IdentityKey, workstation.State == postern.WorkstationActive, err
		},
		use: func(ctx context.Context, id, proof string, now, expires time.Time) (bool, error) {
			return s.Store.UseWorkstationProof(ctx, postern.WorkstationID(id), proof, now, expires)
		},
	})
	if err != nil {
		return postern.Workstation{}, err
	}
	return workstation, s.Store.SeeWorkstation(ctx, workstation.ID, now)
}

// AuthenticateDevice finds the device of either kind that signed a request, by the kind that the proof claims to be.
func (s *Service) AuthenticateDevice(ctx context.Context, r SignedRequest) (postern.DeviceID, error) {
	if len(r.Proof) <= maxProof {
		token, _, err := jwt.NewParser().ParseUnverified(r.Proof, &claims{})
		if err == nil && token.Header["typ"] == postern.WorkstationProofType {
			w, err := s.AuthenticateWorkstation(ctx, r)
			return postern.DeviceID(w.ID), err
		}
	}
	p, err := s.Authenticate(ctx, r)
	return postern.DeviceID(p.ID), err
}

// verify checks the proof of a request in the order in which a device can do something about what is wrong, and returns
// the time it measured by.
func (s *Service) verify(ctx context.Context, r SignedRequest, by signer) (now time.Time, err error) {
	if r.Proof == "" || len(r.Proof) > maxProof {
		return now, postern.Errorf(by.proof, "")
	}
	var c claims
	var id string
	var active bool
	parser := jwt.NewParser(jwt.WithValidMethods([]string{jwt.SigningMethodEdDSA.Alg()}), jwt.WithoutClaimsValidation())
	_, err = parser.ParseWithClaims(r.Proof, &c, func(t *jwt.Token) (any, error) {
		id, _ = t.Header["kid"].(string)
		if typ, _ := t.Header["typ"].(string); typ != by.proofType || !postern.ValidID(id, by.prefix) {
			return nil, errors.New("not a proof of this kind of device")
		}
		var key ed25519.PublicKey
		var err error
		key, active, err = by.find(ctx, id)
		return key, err
	})
	switch {
	case postern.IsCode(err, postern.CodeNotFound):
		return now, postern.Errorf(by.unknown, "")
	case err != nil:
		return now, postern.Errorf(by.proof, "").Because(err)
	}
	hash := sha256.Sum256(r.Body)
	body := base64.RawURLEncoding.EncodeToString(hash[:])
	if c.Method != r.Method || c.Path != r.Path || subtle.ConstantTimeCompare([]byte(c.BodyHash), []byte(body)) != 1 || c.ID == "" || len(c.ID) > 64 {
		return now, postern.Errorf(by.proof, "The signature belongs to another request.")
	}
	now = s.Now().UTC()
	issued := time.Unix(c.IssuedAt, 0)
	if off := now.Sub(issued); off > postern.PhoneProofWindow || off < -postern.PhoneProofWindow {
		return now, postern.Errorf(by.clock, "")
	}
	if !active {
		return now, postern.Errorf(by.revoked, "")
	}
	fresh, err := by.use(ctx, id, c.ID, now, issued.Add(2*postern.PhoneProofWindow))
	if err != nil {
		return now, err
	}
	if !fresh {
		return now, postern.Errorf(by.replay, "")
	}
	return now, nil
}
