package tpmseal

import (
	"bytes"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"

	"github.com/postern/postern/fido/authenticator/sealedfile"
)

// Errors callers tell apart. Each says what to do next.
var (
	// ErrNoTPM means that there is no TPM 2.0 this process may use.
	ErrNoTPM = errors.New("no TPM 2.0 can be used here: enable it in the firmware setup, give this account access to it " +
		"(on Linux the group of /dev/tpmrm0, often tss), or seal with a passphrase instead")
	// ErrOtherTPM means that the file was sealed by another TPM, or by this one
	// before it was cleared.
	ErrOtherTPM = errors.New("sealed by another machine's TPM, or this one's was cleared since: " +
		"open the file on the machine it was made on, or make a new one here")
	// ErrPassphrase means that the TPM refused the passphrase.
	ErrPassphrase = errors.New("the TPM refuses the passphrase: try again with the right one; after some wrong ones the TPM locks")
	// ErrLocked means that the TPM answers to no passphrase for a while.
	ErrLocked = errors.New("the TPM has locked after too many wrong passphrases: wait, usually some ten minutes for each try, or have its lockout reset")
	// ErrOwner means that the TPM's owner hierarchy has an authorization that
	// was not given, or that this process may not use it.
	ErrOwner = errors.New("the TPM's owner authorization is set or withheld: give it, run this once as administrator, or do without the mark")
)

// Options are how a file is sealed. The zero value seals with the TPM of this
// machine alone.
type Options struct {
	// Open opens the TPM; nil means [Device]. It is opened for each operation
	// and closed after it.
	Open func() (transport.TPMCloser, error)
	// Passphrase is asked for by the TPM in addition; nil means none. A file
	// made with one needs it, a file made without ignores it.
	Passphrase []byte
	// Mark has older copies of a new file noticed. A file that exists keeps
	// what it was made with.
	Mark bool
	// OwnerAuth is the owner authorization of the TPM, which is usually empty;
	// without zero bytes.
	OwnerAuth []byte
	// AcceptOlder opens an older copy and takes it for the newest from then on.
	AcceptOlder bool
}

type unlock struct{ o Options }

// New gives the way to the key of a file through a TPM.
func New(o Options) sealedfile.Unlock {
	if o.Open == nil {
		o.Open = Device
	}
	o.Passphrase, o.OwnerAuth = bytes.Clone(o.Passphrase), bytes.Clone(o.OwnerAuth)
	return &unlock{o}
}

// Create implements [sealedfile.Unlock].
func (u *unlock) Create() (*sealedfile.Key, error) {
	secret := make([]byte, 32)
	defer clear(secret)
	_, _ = rand.Read(secret) // never fails: package crypto/rand ends the program instead
	l := &lead{passphrase: len(u.o.Passphrase) > 0}
	err := u.with(func(t transport.TPM) error {
		r, err := u.openRoot(t)
		if err != nil {
			return err
		}
		defer r.flush()
		if err := r.seal(l, secret, u.passphraseAuth(l)); err != nil {
			return err
		}
		if u.o.Mark {
			l.index, err = freeIndex(t)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return u.key(l, secret)
}

// Find implements [sealedfile.Unlock].
func (u *unlock) Find(in sealedfile.Lead) (*sealedfile.Key, error) {
	l, err := parseLead(in)
	if err != nil {
		return nil, err
	}
	var secret []byte
	err = u.with(func(t transport.TPM) error {
		r, err := u.openRoot(t)
		if err != nil {
			return err
		}
		defer r.flush()
		secret, err = r.unseal(l, u.passphraseAuth(l))
		return err
	})
	if err != nil {
		return nil, err
	}
	defer clear(secret)
	return u.key(l, secret)
}

func (u *unlock) key(l *lead, secret []byte) (*sealedfile.Key, error) {
	fileKey, err := hkdf.Key(sha256.New, secret, nil, "tpmseal file key", sealedfile.KeySize)
	if err != nil {
		return nil, err
	}
	key := &sealedfile.Key{Secret: fileKey, Lead: l.encode(), AcceptOlder: u.o.AcceptOlder}
	if l.index == 0 {
		return key, nil
	}
	auth, err := hkdf.Key(sha256.New, secret, nil, "tpmseal index authorization", authEntropy)
	if err != nil {
		return nil, err
	}
	key.Marker = &marker{u: u, index: l.index, auth: authValue(auth)}
	return key, nil
}

// authEntropy is the size in bytes of what an authorization value is made of.
const authEntropy = 24

// authValue makes an authorization value: 32 characters, which is what fits an
// object named by SHA-256. It is text because zeros at its end do not count to a
// TPM (Part 1 §19.6.5), and go-tpm ends one at any zero.
func authValue(b []byte) []byte { return []byte(base64.RawURLEncoding.EncodeToString(b[:authEntropy])) }

// passphraseAuth gives the authorization value of the sealed object.
func (u *unlock) passphraseAuth(l *lead) []byte {
	if !l.passphrase {
		return nil
	}
	digest := sha256.Sum256(append([]byte("tpmseal passphrase\x00"), u.o.Passphrase...))
	return authValue(digest[:])
}

// with opens the TPM for f.
func (u *unlock) with(f func(transport.TPM) error) error {
	t, err := u.o.Open()
	if err != nil {
		if errors.Is(err, ErrNoTPM) {
			return err
		}
		return fmt.Errorf("%w (%w)", ErrNoTPM, err)
	}
	return errors.Join(f(t), t.Close())
}

// owner authorises as the owner of the TPM.
func (u *unlock) owner(options ...tpm2.AuthOption) tpm2.AuthHandle {
	return tpm2.AuthHandle{
		Handle: tpm2.TPMRHOwner,
		Auth:   session(append(options, tpm2.Auth(u.o.OwnerAuth))...),
	}
}

// session is an HMAC session for one command.
func session(options ...tpm2.AuthOption) tpm2.Session {
	return tpm2.HMAC(tpm2.TPMAlgSHA256, 32, options...)
}

// refused names the reason of a TPM's refusal of an authorization, if it is one.
func refused(err, reason error) error {
	switch {
	case errors.Is(err, tpm2.TPMRCAuthFail), errors.Is(err, tpm2.TPMRCBadAuth):
		return fmt.Errorf("%w (%w)", reason, err)
	case errors.Is(err, tpm2.TPMRCLockout):
		return fmt.Errorf("%w (%w)", ErrLocked, err)
	}
	return err
}
