package client

import (
	"context"
	"fmt"
	"slices"

	"github.com/postern/postern/fido/ctap"
)

// Registration is the outcome of a registration ceremony.
type Registration struct {
	ID                []byte
	ClientDataJSON    []byte
	AttestationObject []byte
	AuthenticatorData []byte
	Transports        []string
	Extensions        ExtensionResults
	// UnsignedExtensions is the map of unsigned extension outputs (CTAP 2.2
	// §6.1.2), nil where there is none. The authenticator data does not vouch
	// for it.
	UnsignedExtensions ctap.Raw
}

// Values of enterpriseAttestation (CTAP 2.1 §7.1): for the relying parties the
// authenticator's maker listed, or for those the platform's policy does.
const (
	vendorFacilitated = 1
	platformManaged   = 2
)

// Create holds a registration ceremony (WebAuthn §5.1.3) for a page of origin.
// It ends with ctx or with the options' timeout.
func (c *Client) Create(ctx context.Context, o *CreationOptions, origin string) (*Registration, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout(o.Timeout))
	defer cancel()
	r, err := c.create(ctx, o, origin)
	return r, named(err)
}

func (c *Client) create(ctx context.Context, o *CreationOptions, origin string) (*Registration, error) {
	site, err := parseOrigin(origin)
	if err != nil {
		return nil, err
	}
	rpID, err := site.relyingPartyID(o.RP.ID, c.Registrable)
	if err != nil {
		return nil, err
	}
	if len(o.Challenge) == 0 {
		return nil, fail(TypeError, "the challenge is empty")
	}
	if n := len(o.User.ID); n < 1 || n > ctap.MaxUserIDLength {
		return nil, fail(TypeError, "the user id must have 1 to %d bytes, it has %d", ctap.MaxUserIDLength, n)
	}
	params, err := o.parameters()
	if err != nil {
		return nil, err
	}
	s, err := c.begin(ctx, rpID)
	if err != nil {
		return nil, err
	}
	defer s.end()
	rk, err := s.discoverable(o.Selection.residentKey())
	if err != nil {
		return nil, err
	}
	if err := s.checkCreateExtensions(&o.Extensions, rk); err != nil {
		return nil, err
	}
	// Permission to assert as well serves the search in fit.
	if err := s.verifyUser(ctx, s.creationVerification(o, rk), ceremonyPermissions); err != nil {
		return nil, err
	}
	clientData, hash := collectedClientData(typeCreate, o.Challenge, site.origin, c.CrossOrigin)
	request := &ctap.MakeCredentialRequest{
		ClientDataHash: hash,
		RP:             ctap.RelyingParty{ID: rpID, Name: o.RP.Name},
		User:           ctap.User{ID: o.User.ID, Name: o.User.Name, DisplayName: o.User.DisplayName},
		Parameters:     params,
		Options:        map[string]bool{},
	}
	s.conveyance(o, request)
	if rk {
		request.Options[ctap.OptionRK] = true
	}
	encode := func() (_ []byte, err error) {
		s.setUV(request.Options)
		if request.Extensions, err = s.createExtensions(ctx, &o.Extensions, rk); err != nil {
			return nil, err
		}
		request.PINUVAuthParam, request.PINUVAuthProtocol = s.authParam(hash)
		return request.Encode()
	}
	bare, err := encode()
	if err != nil {
		return nil, err
	}
	if request.ExcludeList, err = s.fit(ctx, descriptors(o.ExcludeCredentials), len(bare), false); err != nil {
		return nil, err
	}
	result, err := s.perform(ctx, ceremonyPermissions, encode)
	if err != nil {
		return nil, fmt.Errorf("makeCredential: %w", err)
	}
	resp, err := ctap.DecodeMakeCredentialResponse(result)
	if err != nil {
		return nil, err
	}
	return s.registration(o, resp, clientData, rk)
}

// conveyance settles the attestation asked for (WebAuthn §5.4.7). Formats go to
// authenticators that know of the choice only.
func (s *session) conveyance(o *CreationOptions, request *ctap.MakeCredentialRequest) {
	formats := o.AttestationFormats
	if o.Attestation == "" || o.Attestation == AttestationNone {
		formats = []string{AttestationNone}
	}
	for _, f := range formats {
		if slices.Contains(s.info.AttestationFormats, f) {
			request.AttestationFormats = append(request.AttestationFormats, f)
		}
	}
	if o.Attestation != AttestationEnterprise || !s.info.Options[ctap.OptionEnterprise] {
		return
	}
	mode := uint64(vendorFacilitated)
	if slices.Contains(s.Managed, s.rpID) {
		mode = platformManaged
	}
	request.EnterpriseAttestation = &mode
}

// discoverable settles the option "rk".
func (s *session) discoverable(wanted string) (bool, error) {
	can := s.info.Options[ctap.OptionRK]
	if wanted == Required && !can {
		return false, fail(ConstraintError, "the authenticator cannot keep discoverable credentials")
	}
	return can && wanted != Discouraged, nil
}

// creationVerification settles userVerification for a registration. An
// authenticator that has verification set up refuses registrations without it,
// whatever the relying party prefers, but for credentials that are not
// discoverable where it offers makeCredUvNotRqd (CTAP 2.1 §6.1.2 steps 7, 8).
func (s *session) creationVerification(o *CreationOptions, rk bool) string {
	wanted := o.Selection.UserVerification
	switch {
	case o.Extensions.creationSalts() != nil && s.has(ctap.ExtHMACSecretMC) && s.canVerify(ceremonyPermissions):
		return Required // as prf does
	case wanted == Required:
		return Required
	case wanted == Discouraged && !rk && s.info.Options[ctap.OptionMakeCredUVNot]:
		return Discouraged
	}
	return Preferred
}
