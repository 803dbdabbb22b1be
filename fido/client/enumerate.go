package client

import (
	"context"
	"errors"
	"fmt"

	"github.com/postern/postern/fido/ctap"
)

// maxListed bounds how many relying parties, and how many credentials of all
// together, one listing takes. Authenticators keep some hundred.
const maxListed = 2048

func (s *session) listRPs(ctx context.Context) ([]StoredRP, error) {
	var list []StoredRP
	read := func(r *ctap.CredentialManagementResponse) error {
		if r.RP == nil || r.RPIDHash == nil {
			return errors.New("the authenticator lists a relying party without its id")
		}
		list = append(list, StoredRP{RP: *r.RP, Hash: *r.RPIDHash})
		return nil
	}
	total := func(r *ctap.CredentialManagementResponse) uint64 { return r.TotalRPs }
	err := s.enumerate(ctx, ctap.EnumerateRPsBegin, nil, maxListed, total, read)
	return list, err
}

func (s *session) listCredentials(ctx context.Context, rp ctap.RPIDHash, most uint64) ([]StoredCredential, error) {
	var list []StoredCredential
	read := func(r *ctap.CredentialManagementResponse) error {
		if r.CredentialID == nil || len(r.CredentialID.ID) == 0 || r.User == nil || (r.LargeBlobKey != nil && len(r.LargeBlobKey) != ctap.LargeBlobKeySize) {
			return errors.New("the authenticator lists a credential without its id or user")
		}
		list = append(list, StoredCredential{
			ID: r.CredentialID.ID, User: *r.User, PublicKey: r.PublicKey, Protection: r.CredProtect, LargeBlobKey: r.LargeBlobKey,
		})
		return nil
	}
	total := func(r *ctap.CredentialManagementResponse) uint64 { return r.TotalCredentials }
	err := s.enumerate(ctx, ctap.EnumerateCredentialsBegin, &ctap.CredentialManagementParams{RPIDHash: &rp}, most, total, read)
	return list, err
}

// enumerate runs through one enumeration. Each subcommand that begins one is
// followed by the one that goes on with it; the first answer tells the total.
func (s *session) enumerate(ctx context.Context, begin uint64, params *ctap.CredentialManagementParams, most uint64,
	total func(*ctap.CredentialManagementResponse) uint64, read func(*ctap.CredentialManagementResponse) error,
) error {
	resp, err := s.credentialManagement(ctx, begin, params)
	if errors.Is(err, ctap.ErrNoCredentials) {
		return nil
	}
	if err != nil {
		return err
	}
	n := total(resp)
	if n > most {
		return fmt.Errorf("the authenticator says that it lists %d entries, which is more than the %d this client takes", n, most)
	}
	for ; n > 0; n-- {
		if err := read(resp); err != nil {
			return err
		}
		if n == 1 {
			break
		}
		if resp, err = s.credentialManagement(ctx, begin+1, nil); err != nil {
			return err
		}
	}
	return nil
}
