package authenticator

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/postern/postern/fido/ctap"
)

// listingLimit is how long one part of an enumeration may follow the part
// before it.
const listingLimit = 30 * time.Second

// listing is what an enumeration has still to tell.
type listing struct {
	left  []Credential // empty: nothing remembered
	since time.Time
}

// listings are the enumerations under way. A platform may go through the
// credentials of one relying party before it asks for the next.
type listings struct {
	rps         listing // the oldest credential of each
	credentials listing
}

// managementCall is a checked request of authenticatorCredentialManagement.
type managementCall struct {
	*ctap.CredentialManagementRequest
	params *ctap.CredentialManagementParams
	// listings are what the requests before this one left.
	listings listings
}

// managementSubcommand is one row of the subcommand table. Permission is a set
// of which the token needs one; a subcommand without any goes on with what
// another was authorised for.
type managementSubcommand struct {
	permission ctap.Permission
	// Parameters that must be there.
	rpIDHash, credentialID, user bool
	run                          func(*Authenticator, context.Context, *managementCall) (*ctap.CredentialManagementResponse, error)
}

const (
	mayList   = ctap.PermitCredentialManagement | ctap.PermitCredentialReadOnly
	mayChange = ctap.PermitCredentialManagement
)

var managementSubcommands = map[uint64]managementSubcommand{
	ctap.GetCredsMetadata:          {permission: mayList, run: (*Authenticator).getCredsMetadata},
	ctap.EnumerateRPsBegin:         {permission: mayList, run: (*Authenticator).enumerateRPsBegin},
	ctap.EnumerateRPsNext:          {run: (*Authenticator).enumerateRPsNext},
	ctap.EnumerateCredentialsBegin: {permission: mayList, rpIDHash: true, run: (*Authenticator).enumerateCredentialsBegin},
	ctap.EnumerateCredentialsNext:  {run: (*Authenticator).enumerateCredentialsNext},
	ctap.DeleteCredential:          {permission: mayChange, credentialID: true, run: (*Authenticator).deleteCredential},
	ctap.UpdateUserInformation:     {permission: mayChange, credentialID: true, user: true, run: (*Authenticator).updateUserInformation},
}

// credentialManagement is authenticatorCredentialManagement (CTAP 2.1 §6.8). It
// speaks of discoverable credentials alone.
func (a *Authenticator) credentialManagement(ctx context.Context, params []byte) ([]byte, error) {
	call := &managementCall{listings: a.listings}
	a.listings = listings{}
	var err error
	if call.CredentialManagementRequest, err = ctap.DecodeCredentialManagementRequest(params); err != nil {
		return nil, err
	}
	sub, ok := managementSubcommands[call.Subcommand]
	if !ok {
		return nil, ctap.ErrInvalidSubcommand
	}
	if sub.permission != 0 {
		if err := a.authoriseManagement(&sub, call); err != nil {
			return nil, err
		}
	}
	resp, err := sub.run(a, ctx, call)
	if err != nil {
		return nil, err
	}
	return a.encodeListed(resp)
}

// authoriseManagement checks the parameters and the token. pinUvAuthParam is
// verified over the parameters as they came.
func (a *Authenticator) authoriseManagement(sub *managementSubcommand, call *managementCall) error {
	if call.AuthParam == nil {
		return ctap.ErrPUATRequired
	}
	var err error
	if call.params, err = ctap.DecodeCredentialManagementParams(call.Params); err != nil {
		return err
	}
	switch {
	case sub.rpIDHash && call.params.RPIDHash == nil:
		return missing("rpIDHash")
	case sub.credentialID && call.params.CredentialID == nil:
		return missing("credentialID")
	case sub.user && call.params.User == nil:
		return missing("user")
	}
	return a.authoriseCommand(call.Protocol, call.AuthMessage(), call.AuthParam, sub.permission)
}

// boundTo reports whether the token in use may speak of a relying party: one
// that is bound to another may not.
func (t *tokens) boundTo(rp ctap.RPIDHash) bool {
	return t.bound() == "" || ctap.HashRPID(t.rpID) == rp
}

// discoverable lists the discoverable credentials of every relying party,
// newest first.
func (a *Authenticator) discoverable(ctx context.Context) ([]Credential, error) {
	list, err := a.store.List(ctx)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(list, func(c Credential) bool { return !c.Discoverable }), nil
}

// getCredsMetadata is subcommand 01.
func (a *Authenticator) getCredsMetadata(ctx context.Context, _ *managementCall) (*ctap.CredentialManagementResponse, error) {
	if a.tokens.bound() != "" {
		return nil, ctap.ErrPINAuthInvalid
	}
	list, err := a.discoverable(ctx)
	if err != nil {
		return nil, err
	}
	remaining, err := a.store.Remaining(ctx)
	if err != nil {
		return nil, err
	}
	return &ctap.CredentialManagementResponse{ExistingCount: new(uint64(len(list))), RemainingCount: &remaining}, nil
}

// enumerateRPsBegin is subcommand 02. Relying parties come in the order in which
// they came to the authenticator.
func (a *Authenticator) enumerateRPsBegin(ctx context.Context, _ *managementCall) (*ctap.CredentialManagementResponse, error) {
	if a.tokens.bound() != "" {
		return nil, ctap.ErrPINAuthInvalid
	}
	list, err := a.discoverable(ctx)
	if err != nil {
		return nil, err
	}
	slices.Reverse(list)
	seen := map[ctap.RPIDHash]bool{}
	list = slices.DeleteFunc(list, func(c Credential) bool {
		again := seen[c.RPIDHash]
		seen[c.RPIDHash] = true
		return again
	})
	resp, err := a.listRP(list)
	if err != nil {
		return nil, err
	}
	resp.TotalRPs = uint64(len(list))
	return resp, nil
}

// enumerateRPsNext is subcommand 03.
func (a *Authenticator) enumerateRPsNext(_ context.Context, call *managementCall) (*ctap.CredentialManagementResponse, error) {
	left, err := a.goOn(call.listings.rps)
	if err != nil {
		return nil, err
	}
	return a.listRP(left)
}

// listRP tells the first of list and remembers the others.
func (a *Authenticator) listRP(list []Credential) (*ctap.CredentialManagementResponse, error) {
	if len(list) == 0 {
		return nil, ctap.ErrNoCredentials
	}
	a.listings.rps = listing{left: list[1:], since: a.now()}
	c := &list[0]
	return &ctap.CredentialManagementResponse{RP: &c.RP, RPIDHash: &c.RPIDHash}, nil
}

// enumerateCredentialsBegin is subcommand 04.
func (a *Authenticator) enumerateCredentialsBegin(ctx context.Context, call *managementCall) (*ctap.CredentialManagementResponse, error) {
	rp := *call.params.RPIDHash
	if !a.tokens.boundTo(rp) {
		return nil, ctap.ErrPINAuthInvalid
	}
	list, err := a.store.Discoverable(ctx, rp)
	if err != nil {
		return nil, err
	}
	resp, err := a.listCredential(ctx, call, list)
	if err != nil {
		return nil, err
	}
	resp.TotalCredentials = uint64(len(list))
	return resp, nil
}

// enumerateCredentialsNext is subcommand 05.
func (a *Authenticator) enumerateCredentialsNext(ctx context.Context, call *managementCall) (*ctap.CredentialManagementResponse, error) {
	left, err := a.goOn(call.listings.credentials)
	if err != nil {
		return nil, err
	}
	return a.listCredential(ctx, call, left)
}

// listCredential tells the first of list and remembers the others, and where the
// relying parties stood. A credential without a protection policy is reported at
// the level it is treated as.
func (a *Authenticator) listCredential(ctx context.Context, call *managementCall, list []Credential) (*ctap.CredentialManagementResponse, error) {
	if len(list) == 0 {
		return nil, ctap.ErrNoCredentials
	}
	c := &list[0]
	blobKey, err := a.listedBlobKey(ctx, c)
	if err != nil {
		return nil, err
	}
	a.listings = listings{rps: call.listings.rps, credentials: listing{left: list[1:], since: a.now()}}
	return &ctap.CredentialManagementResponse{
		User:         &c.User,
		CredentialID: &ctap.CredentialDescriptor{ID: c.ID, Type: ctap.PublicKeyType},
		PublicKey:    c.PublicKey,
		CredProtect:  max(c.CredProtect, ctap.UVOptional),
		LargeBlobKey: blobKey,
	}, nil
}

// goOn gives what an enumeration has left.
func (a *Authenticator) goOn(l listing) ([]Credential, error) {
	age := a.now().Sub(l.since)
	if len(l.left) == 0 || age < 0 || age > listingLimit {
		return nil, ctap.ErrNotAllowed
	}
	return l.left, nil
}

// managed finds the credential a request names.
func (a *Authenticator) managed(ctx context.Context, call *managementCall) (*Credential, error) {
	list, err := a.discoverable(ctx)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(list, func(c Credential) bool { return bytes.Equal(c.ID, call.params.CredentialID.ID) })
	if i < 0 || call.params.CredentialID.Type != ctap.PublicKeyType {
		return nil, ctap.ErrNoCredentials
	}
	if !a.tokens.boundTo(list[i].RPIDHash) {
		return nil, ctap.ErrPINAuthInvalid
	}
	return &list[i], nil
}

// deleteCredential is subcommand 06. The credential's large blob, if it has
// one, becomes unreadable with its key; clearing it away is the platform's part.
func (a *Authenticator) deleteCredential(ctx context.Context, call *managementCall) (*ctap.CredentialManagementResponse, error) {
	c, err := a.managed(ctx, call)
	if err != nil {
		return nil, err
	}
	return &ctap.CredentialManagementResponse{}, a.store.Delete(ctx, c.ID)
}

// updateUserInformation is subcommand 07. What the request leaves out is
// removed.
func (a *Authenticator) updateUserInformation(ctx context.Context, call *managementCall) (*ctap.CredentialManagementResponse, error) {
	c, err := a.managed(ctx, call)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(c.User.ID, call.params.User.ID) {
		return nil, fmt.Errorf("user.id is another: %w", ctap.ErrInvalidParameter)
	}
	return &ctap.CredentialManagementResponse{}, a.store.SetUser(ctx, c.ID, keptUser(*call.params.User))
}

// encodeListed leaves out of an answer that does not fit a message what people
// miss least.
func (a *Authenticator) encodeListed(resp *ctap.CredentialManagementResponse) ([]byte, error) {
	encoded, err := resp.Encode()
	if err != nil || len(encoded) <= a.maxMsgSize || resp.User == nil {
		return encoded, err
	}
	resp.User = &ctap.User{ID: resp.User.ID, Name: resp.User.Name}
	return resp.Encode()
}
