package tpmseal

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"

	"github.com/postern/postern/fido/authenticator/sealedfile"
)

// The owner's range of NV indices (TCG Registry of Reserved TPM 2.0 Handles and
// Localities §2.2).
const (
	firstIndex tpm2.TPMHandle = 0x01800000
	lastIndex  tpm2.TPMHandle = 0x01BFFFFF
)

// markAttributes are those of every index made here; only the written bit
// changes. Its authorization is 192 random bits, so there is nothing to guess
// and the dictionary attack protection need not watch.
var markAttributes = tpm2.TPMANV{AuthRead: true, AuthWrite: true, NoDA: true, NT: tpm2.TPMNTOrdinary}

// freeIndex finds a handle that no index has.
func freeIndex(t transport.TPM) (tpm2.TPMHandle, error) {
	var b [4]byte
	for {
		_, _ = rand.Read(b[:])
		index := firstIndex | tpm2.TPMHandle(binary.BigEndian.Uint32(b[:]))&(lastIndex-firstIndex)
		public, err := readPublic(t, index)
		if err != nil {
			return 0, err
		}
		if public == nil {
			return index, nil
		}
	}
}

// readPublic gives nil for an index that does not exist.
func readPublic(t transport.TPM, index tpm2.TPMHandle) (*tpm2.NVReadPublicResponse, error) {
	public, err := tpm2.NVReadPublic{NVIndex: index}.Execute(t)
	if errors.Is(err, tpm2.TPMRCHandle) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("NV index of the mark: %w", err)
	}
	return public, nil
}

// marker keeps a mark in an NV index. It implements [sealedfile.Marker].
type marker struct {
	u     *unlock
	index tpm2.TPMHandle
	auth  []byte
}

// errForeign means that the index is not the one that was made for the file.
var errForeign = errors.New("the NV index of the mark has been replaced")

// existing gives the index as it is now, nil if there is none.
func (m *marker) existing(t transport.TPM) (name *tpm2.TPM2BName, written bool, err error) {
	read, err := readPublic(t, m.index)
	if err != nil || read == nil {
		return nil, false, err
	}
	public, err := read.NVPublic.Contents()
	if err != nil {
		return nil, false, fmt.Errorf("NV index of the mark: %w", err)
	}
	written = public.Attributes.Written
	public.Attributes.Written = false
	if public.NVIndex != m.index || public.DataSize != sealedfile.MarkSize || public.Attributes != markAttributes {
		return nil, false, errForeign
	}
	return &read.NVName, written, nil
}

// authorized is the index opened with its own authorization, whose 192 bits
// also key the encryption of the parameter.
func (m *marker) authorized(name tpm2.TPM2BName, direction func() tpm2.AuthOption) tpm2.AuthHandle {
	return tpm2.AuthHandle{Handle: m.index, Name: name, Auth: session(tpm2.Auth(m.auth), direction())}
}

// Mark implements [sealedfile.Marker].
func (m *marker) Mark() (mark []byte, err error) {
	err = m.u.with(func(t transport.TPM) error {
		mark, err = m.read(t)
		if errors.Is(err, errForeign) && m.u.o.AcceptOlder {
			return m.remove(t)
		}
		if errors.Is(err, errForeign) {
			return fmt.Errorf("%w (%w)", sealedfile.ErrOlderCopy, err)
		}
		return err
	})
	return mark, err
}

func (m *marker) read(t transport.TPM) ([]byte, error) {
	name, written, err := m.existing(t)
	if err != nil || !written {
		return nil, err
	}
	read, err := tpm2.NVRead{
		AuthHandle: m.authorized(*name, outward),
		NVIndex:    tpm2.NamedHandle{Handle: m.index, Name: *name},
		Size:       sealedfile.MarkSize,
	}.Execute(t)
	if err != nil {
		return nil, fmt.Errorf("read the mark: %w", refused(err, errForeign))
	}
	return read.Data.Buffer, nil
}

// SetMark implements [sealedfile.Marker].
func (m *marker) SetMark(mark []byte) error {
	return m.u.with(func(t transport.TPM) error {
		name, _, err := m.existing(t)
		if err == nil && name == nil {
			name, err = m.define(t)
		}
		if err != nil {
			return err
		}
		_, err = tpm2.NVWrite{
			AuthHandle: m.authorized(*name, inward),
			NVIndex:    tpm2.NamedHandle{Handle: m.index, Name: *name},
			Data:       tpm2.TPM2BMaxNVBuffer{Buffer: mark},
		}.Execute(t)
		if err != nil {
			return fmt.Errorf("set the mark: %w", refused(err, errForeign))
		}
		return nil
	})
}

// define makes the index.
func (m *marker) define(t transport.TPM) (*tpm2.TPM2BName, error) {
	r, err := m.u.openRoot(t)
	if err != nil {
		return nil, err
	}
	defer r.flush()
	public := tpm2.TPMSNVPublic{NVIndex: m.index, NameAlg: tpm2.TPMAlgSHA256, Attributes: markAttributes, DataSize: sealedfile.MarkSize}
	_, err = tpm2.NVDefineSpace{
		AuthHandle: m.u.owner(r.salted(inward)...),
		Auth:       tpm2.TPM2BAuth{Buffer: m.auth},
		PublicInfo: tpm2.New2B(public),
	}.Execute(t)
	if errors.Is(err, tpm2.TPMRCNVSpace) {
		return nil, fmt.Errorf("the TPM has no room for another mark: remove an NV index nobody uses (tpm2_nvundefine), or do without the mark (%w)", err)
	}
	if err != nil {
		return nil, fmt.Errorf("make the NV index of the mark: %w", refused(err, ErrOwner))
	}
	return tpm2.NVName(&public)
}

// Forget implements [sealedfile.Marker].
func (m *marker) Forget() error { return m.u.with(m.remove) }

func (m *marker) remove(t transport.TPM) error {
	read, err := readPublic(t, m.index)
	if err != nil || read == nil {
		return err
	}
	_, err = tpm2.NVUndefineSpace{
		AuthHandle: m.u.owner(),
		NVIndex:    tpm2.NamedHandle{Handle: m.index, Name: read.NVName},
	}.Execute(t)
	if err != nil {
		return fmt.Errorf("remove the NV index of the mark: %w", refused(err, ErrOwner))
	}
	return nil
}
