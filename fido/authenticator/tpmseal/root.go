package tpmseal

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"
)

// root is the loaded storage root key.
type root struct {
	tpm    transport.TPM
	handle tpm2.TPMHandle
	name   tpm2.TPM2BName
	public tpm2.TPMTPublic
}

// openRoot has the TPM derive its storage root, always the same one.
func (u *unlock) openRoot(t transport.TPM) (*root, error) {
	made, err := tpm2.CreatePrimary{PrimaryHandle: u.owner(), InPublic: tpm2.New2B(tpm2.ECCSRKTemplate)}.Execute(t)
	if err != nil {
		return nil, fmt.Errorf("storage root key: %w", refused(err, ErrOwner))
	}
	r := &root{tpm: t, handle: made.ObjectHandle, name: made.Name}
	public, err := made.OutPublic.Contents()
	if err != nil {
		r.flush()
		return nil, fmt.Errorf("storage root key: %w", err)
	}
	r.public = *public
	return r, nil
}

// flush frees the slot in the TPM. If that fails the resource manager frees it
// when the TPM is closed.
func (r *root) flush() { flush(r.tpm, r.handle) }

func flush(t transport.TPM, handle tpm2.TPMHandle) {
	_, _ = tpm2.FlushContext{FlushHandle: handle}.Execute(t)
}

// salted encrypts the first parameter on its way: nobody but the holder of the
// storage root can compute the session's key.
func (r *root) salted(direction func() tpm2.AuthOption) []tpm2.AuthOption {
	return []tpm2.AuthOption{tpm2.Salted(r.handle, r.public), direction()}
}

func inward() tpm2.AuthOption  { return tpm2.AESEncryption(128, tpm2.EncryptIn) }
func outward() tpm2.AuthOption { return tpm2.AESEncryption(128, tpm2.EncryptOut) }

// seal completes l with the sealed secret.
func (r *root) seal(l *lead, secret, auth []byte) error {
	made, err := tpm2.Create{
		ParentHandle: tpm2.AuthHandle{Handle: r.handle, Name: r.name, Auth: session(r.salted(inward)...)},
		InSensitive: tpm2.TPM2BSensitiveCreate{Sensitive: &tpm2.TPMSSensitiveCreate{
			UserAuth: tpm2.TPM2BAuth{Buffer: auth},
			Data:     tpm2.NewTPMUSensitiveCreate(&tpm2.TPM2BSensitiveData{Buffer: secret}),
		}},
		InPublic: tpm2.New2B(tpm2.TPMTPublic{
			Type:    tpm2.TPMAlgKeyedHash,
			NameAlg: tpm2.TPMAlgSHA256,
			ObjectAttributes: tpm2.TPMAObject{
				FixedTPM: true, FixedParent: true, UserWithAuth: true,
				NoDA: !l.passphrase, // without a passphrase there is nothing to guess
			},
		}),
	}.Execute(r.tpm)
	if err != nil {
		return fmt.Errorf("seal the key: %w", err)
	}
	l.root, l.public, l.private = r.name.Buffer, made.OutPublic.Bytes(), made.OutPrivate.Buffer
	return nil
}

// unseal gives the secret of l.
func (r *root) unseal(l *lead, auth []byte) ([]byte, error) {
	if !bytes.Equal(r.name.Buffer, l.root) {
		return nil, ErrOtherTPM
	}
	loaded, err := tpm2.Load{
		ParentHandle: tpm2.AuthHandle{Handle: r.handle, Name: r.name, Auth: session()},
		InPrivate:    tpm2.TPM2BPrivate{Buffer: l.private},
		InPublic:     tpm2.BytesAs2B[tpm2.TPMTPublic](l.public),
	}.Execute(r.tpm)
	if err != nil {
		var code tpm2.TPMRC
		if errors.As(err, &code) { // the TPM has looked at it and will not have it
			return nil, fmt.Errorf("%w (%w)", errDamaged, err)
		}
		return nil, fmt.Errorf("load the sealed key: %w", err)
	}
	defer flush(r.tpm, loaded.ObjectHandle)
	out, err := tpm2.Unseal{ItemHandle: tpm2.AuthHandle{
		Handle: loaded.ObjectHandle, Name: loaded.Name,
		Auth: session(append(r.salted(outward), tpm2.Auth(auth))...),
	}}.Execute(r.tpm)
	if err != nil {
		return nil, fmt.Errorf("unseal the key: %w", refused(err, ErrPassphrase))
	}
	return out.OutData.Buffer, nil
}
