package phone

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/postern/postern"
	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/client"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/fido/ctap/pinuvauth"
)

// Offer is what a user is asked to accept.
type Offer struct {
	Provisioning postern.Provisioning
	RPID         string
	RPName       string
	Account      string
}

// open decrypts the options of an offer and reads them.
func (p *Phone) open(offer postern.PhoneProvisioning) (postern.ProvisioningOptions, *client.CreationOptions, error) {
	key, err := p.State.seal()
	if err != nil {
		return postern.ProvisioningOptions{}, nil, err
	}
	sealed, err := postern.OpenProvisioningOptions(key, offer.Provisioning.ID, offer.Sealed)
	if err != nil {
		return sealed, nil, fmt.Errorf("the offer is not sealed to this phone: %w", err)
	}
	options, err := client.ParseCreationOptions(sealed.PublicKey)
	if err != nil {
		return sealed, nil, fmt.Errorf("the offer: %w", err)
	}
	if options.RP.ID == "" {
		return sealed, nil, errors.New("the offer names no relying party")
	}
	return sealed, options, nil
}

// makeCredential makes the credential of an offer and keeps it until the provisioning ends.
func (p *Phone) makeCredential(ctx context.Context, id postern.ProvisioningID, mode postern.AttestationMode, options *client.CreationOptions) error {
	var attester authenticator.Attester = authenticator.NoAttestation{}
	// The organisation's mode decides what goes out, whatever conveyance the service asks for.
	options.Attestation = client.AttestationNone
	if mode == postern.AttestationPacked {
		options.Attestation = "direct"
		attester = authenticator.PackedAttestation{Source: &leafSource{phone: p, provisioning: id}}
	}
	c, err := p.client(attester)
	if err != nil {
		return err
	}
	made, err := c.Create(ctx, options, "https://"+options.RP.ID)
	if err != nil {
		return err
	}
	results, err := asMap(made.Extensions)
	if err != nil {
		return err
	}
	pending := p.State.pending(id)
	pending.CredentialID = made.ID
	pending.Submission = &postern.CredentialSubmission{
		ID: made.ID, ClientDataJSON: made.ClientDataJSON, AttestationObject: made.AttestationObject, ExtensionResults: results,
	}
	return p.env.Keeper.Save(ctx, p.State)
}

func asMap(v any) (out map[string]any, err error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return out, json.Unmarshal(data, &out)
}

// leafSource has the attestation key of one provisioning certified by the integration's attestation CA.
type leafSource struct {
	phone        *Phone
	provisioning postern.ProvisioningID
}

// Leaf implements [authenticator.LeafSource].
func (l *leafSource) Leaf(ctx context.Context, _ authenticator.AttestationRequest) (*authenticator.Leaf, error) {
	key, err := l.key(ctx)
	if err != nil {
		return nil, err
	}
	public, err := ctap.SubjectPublicKeyInfo(key.Public())
	if err != nil {
		return nil, err
	}
	hash := sha256.Sum256(postern.AttestationMessage(l.provisioning, public))
	proof, err := key.Sign(rand.Reader, hash[:], crypto.SHA256)
	if err != nil {
		return nil, err
	}
	leaf, err := l.phone.API.attest(ctx, l.provisioning, postern.AttestationRequest{PublicKey: public, Proof: proof})
	if err != nil {
		return nil, err
	}
	if len(leaf.Certificates) == 0 {
		return nil, errors.New("the control center certified nothing")
	}
	chain := make([][]byte, len(leaf.Certificates))
	for i, c := range leaf.Certificates {
		chain[i] = c
	}
	return &authenticator.Leaf{Key: key, Chain: chain}, nil
}

// key is the one attestation key of the provisioning, kept before anybody certifies it.
func (l *leafSource) key(ctx context.Context) (*ecdsa.PrivateKey, error) {
	pending := l.phone.State.pending(l.provisioning)
	if pending.AttestationKey == nil {
		fresh, err := pinuvauth.GenerateKey(l.phone.env.Random)
		if err != nil {
			return nil, err
		}
		pending.AttestationKey = fresh.Bytes()
		if err := l.phone.env.Keeper.Save(ctx, l.phone.State); err != nil {
			return nil, err
		}
	}
	return ecdsa.ParseRawPrivateKey(elliptic.P256(), pending.AttestationKey)
}

// remove deletes a credential that is here no longer than wanted.
func (p *Phone) remove(ctx context.Context, credentialID []byte) error {
	if len(credentialID) == 0 {
		return nil
	}
	err := p.env.Passkeys.Delete(ctx, credentialID)
	if errors.Is(err, authenticator.ErrNotFound) {
		return nil
	}
	return err
}

// holds reports whether a credential is here.
func (p *Phone) holds(ctx context.Context, credentialID []byte) bool {
	all, err := p.env.Passkeys.List(ctx)
	return err == nil && slices.ContainsFunc(all, func(c authenticator.Credential) bool { return bytes.Equal(c.ID, credentialID) })
}

// declineReason is the reason given for a credential that could not be made, or "" where trying again may help.
func declineReason(err error) string {
	switch ctap.StatusOf(err) {
	case ctap.ErrCredentialExcluded:
		return "This phone holds a passkey of this account already."
	case ctap.ErrOperationDenied:
		return "The user declined."
	case ctap.ErrKeyStoreFull:
		return "The phone has no room for another passkey."
	case ctap.ErrUnsupportedAlgorithm:
		return "The phone makes ES256 keys only, and the offer does not take them."
	}
	return ""
}
