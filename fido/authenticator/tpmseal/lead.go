package tpmseal

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/google/go-tpm/tpm2"

	"github.com/postern/postern/fido/authenticator/sealedfile"
)

// The parameters in the header of a file. All numbers are big-endian.
//
//	version   1   1
//	flags     1   1: sealed with a passphrase
//	index     4   handle of the NV index with the mark, 0 for none
//	root    2+n   name of the storage root key (TPM 2.0 Part 1 §16)
//	public  2+n   TPMT_PUBLIC of the sealed object
//	private 2+n   content of its TPM2B_PRIVATE
const (
	leadVersion    = 1
	flagPassphrase = 1
)

type lead struct {
	passphrase bool
	index      tpm2.TPMHandle
	root       []byte
	public     []byte
	private    []byte
}

func (l *lead) encode() sealedfile.Lead {
	b := []byte{leadVersion, 0}
	if l.passphrase {
		b[1] = flagPassphrase
	}
	b = binary.BigEndian.AppendUint32(b, uint32(l.index))
	for _, part := range [][]byte{l.root, l.public, l.private} {
		b = binary.BigEndian.AppendUint16(b, uint16(len(part))) // #nosec G115 -- sizes of TPM structures
		b = append(b, part...)
	}
	return sealedfile.Lead{Scheme: sealedfile.SchemeTPM, Params: b}
}

var errDamaged = errors.New("what the file says of its TPM cannot be read: it is damaged")

func parseLead(in sealedfile.Lead) (*lead, error) {
	if in.Scheme != sealedfile.SchemeTPM {
		return nil, errors.New("the file is not sealed by a TPM: open it with its key or passphrase")
	}
	b := in.Params
	if len(b) < 6 {
		return nil, errDamaged
	}
	if b[0] != leadVersion {
		return nil, fmt.Errorf("sealed in version %d, this program knows %d: use a newer program", b[0], leadVersion)
	}
	l := &lead{passphrase: b[1]&flagPassphrase != 0, index: tpm2.TPMHandle(binary.BigEndian.Uint32(b[2:]))}
	if l.index != 0 && (l.index < firstIndex || l.index > lastIndex) {
		return nil, errDamaged
	}
	b = b[6:]
	for _, part := range []*[]byte{&l.root, &l.public, &l.private} {
		if len(b) < 2 || len(b)-2 < int(binary.BigEndian.Uint16(b)) {
			return nil, errDamaged
		}
		size := int(binary.BigEndian.Uint16(b))
		*part, b = b[2:2+size], b[2+size:]
	}
	if len(b) != 0 {
		return nil, errDamaged
	}
	return l, nil
}
