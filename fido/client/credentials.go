package client

import (
	"context"
	"errors"
	"fmt"

	"github.com/postern/postern/fido/ctap"
)

// StoredRP is a relying party an authenticator keeps discoverable credentials
// for. Its id may be shortened (CTAP 2.1 §6.8.7), its hash is whole.
type StoredRP struct {
	RP          ctap.RelyingParty
	Hash        ctap.RPIDHash
	Credentials []StoredCredential
}

// StoredCredential is a discoverable credential an authenticator keeps.
// Protection is 0 where the authenticator does not tell, LargeBlobKey nil where
// the credential has none.
type StoredCredential struct {
	ID           []byte
	User         ctap.User
	PublicKey    ctap.Raw // COSE_Key
	Protection   ctap.CredProtect
	LargeBlobKey []byte
}

// CredentialCount is how many discoverable credentials an authenticator keeps,
// and for how many more it has room at most.
type CredentialCount struct{ Existing, Remaining uint64 }

// CredentialCount counts the discoverable credentials (CTAP 2.1 §6.8.2).
func (c *Client) CredentialCount(ctx context.Context) (CredentialCount, error) {
	var n CredentialCount
	err := c.manageCredentials(ctx, func(s *session) error {
		resp, err := s.credentialManagement(ctx, ctap.GetCredsMetadata, nil)
		if err != nil {
			return err
		}
		if resp.ExistingCount == nil || resp.RemainingCount == nil {
			return errors.New("the authenticator does not tell how many credentials it has")
		}
		n = CredentialCount{*resp.ExistingCount, *resp.RemainingCount}
		return nil
	})
	return n, err
}

// Credentials lists the discoverable credentials by relying party (CTAP 2.1
// §6.8.3, §6.8.4), after its user was verified.
func (c *Client) Credentials(ctx context.Context) ([]StoredRP, error) {
	var list []StoredRP
	err := c.manageCredentials(ctx, func(s *session) error {
		var err error
		if list, err = s.listRPs(ctx); err != nil {
			return err
		}
		left := uint64(maxListed)
		for i := range list {
			if list[i].Credentials, err = s.listCredentials(ctx, list[i].Hash, left); err != nil {
				return err
			}
			left -= uint64(len(list[i].Credentials))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

// DeleteCredential deletes a discoverable credential (CTAP 2.1 §6.8.5). The
// relying party does not hear of it.
func (c *Client) DeleteCredential(ctx context.Context, id []byte) error {
	return c.manageCredentials(ctx, func(s *session) error {
		_, err := s.credentialManagement(ctx, ctap.DeleteCredential, &ctap.CredentialManagementParams{CredentialID: descriptor(id)})
		return err
	})
}

// SetUser changes the name and display name an authenticator shows for a
// discoverable credential (CTAP 2.1 §6.8.6). The user handle has to be the one
// the credential has; an empty name is removed.
func (c *Client) SetUser(ctx context.Context, id []byte, user ctap.User) error {
	return c.manageCredentials(ctx, func(s *session) error {
		if s.managementCommand() == ctap.CredentialManagementPreview {
			return fail(NotSupportedError, "the authenticator cannot change names")
		}
		_, err := s.credentialManagement(ctx, ctap.UpdateUserInformation, &ctap.CredentialManagementParams{CredentialID: descriptor(id), User: &user})
		return err
	})
}

func descriptor(id []byte) *ctap.CredentialDescriptor {
	return &ctap.CredentialDescriptor{ID: id, Type: ctap.PublicKeyType}
}

func (c *Client) manageCredentials(ctx context.Context, do func(*session) error) error {
	s, err := c.begin(ctx, "")
	if err != nil {
		return named(err)
	}
	defer s.end()
	if s.managementCommand() == 0 {
		return fail(NotSupportedError, "the authenticator does not let its credentials be managed")
	}
	if err := s.verifyUser(ctx, Required, ctap.PermitCredentialManagement); err != nil {
		return named(err)
	}
	return named(do(s))
}

// managementCommand gives the command byte the authenticator answers to, 0 if
// none.
func (s *session) managementCommand() ctap.Command {
	switch {
	case s.info.Options[ctap.OptionCredMgmt]:
		return ctap.CredentialManagement
	case s.info.Options[optionCredMgmtPreview]:
		return ctap.CredentialManagementPreview
	}
	return 0
}

// optionCredMgmtPreview is the option of authenticators that had credential
// management before CTAP 2.1.
const optionCredMgmtPreview = "credentialMgmtPreview"

// credentialManagement sends one subcommand. Those that go on with an
// enumeration carry no proof of their own.
func (s *session) credentialManagement(ctx context.Context, subcommand uint64, params *ctap.CredentialManagementParams) (*ctap.CredentialManagementResponse, error) {
	r := &ctap.CredentialManagementRequest{Subcommand: subcommand}
	if params != nil {
		var err error
		if r.Params, err = params.Encode(); err != nil {
			return nil, err
		}
	}
	if subcommand != ctap.EnumerateRPsNext && subcommand != ctap.EnumerateCredentialsNext {
		r.AuthParam, r.Protocol = s.authParam(r.AuthMessage())
	}
	request, err := r.Encode()
	if err != nil {
		return nil, err
	}
	request[0] = byte(s.managementCommand())
	result, err := s.call(ctx, request, nil)
	if err != nil {
		return nil, fmt.Errorf("credentialManagement: %w", err)
	}
	return ctap.DecodeCredentialManagementResponse(result)
}
