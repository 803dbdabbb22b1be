package filestore

import (
	"fmt"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/authenticator/memory"
	"github.com/postern/postern/fido/ctap"
)

// version is the version of the content this package writes, in CBOR.
//
//	1  an array of records, oldest first, without the members from 18 on
//	2  a map: 1 records as before, oldest first; 2 the state
//
// A later version adds a line here and a step to migrations. What a version
// means never changes.
const version = 2

// migrations turn the content of a version into that of the next.
var migrations = map[uint16]func([]byte) ([]byte, error){1: addState}

type content struct {
	Records []record `cbor:"1,keyasint"`
	State   state    `cbor:"2,keyasint"`
}

type record struct {
	ID                  []byte        `cbor:"1,keyasint"`
	RPID                string        `cbor:"2,keyasint"`
	RPName              string        `cbor:"3,keyasint,omitempty"`
	UserID              []byte        `cbor:"4,keyasint"`
	UserName            string        `cbor:"5,keyasint,omitempty"`
	UserDisplayName     string        `cbor:"6,keyasint,omitempty"`
	UserIcon            string        `cbor:"7,keyasint,omitempty"`
	Algorithm           int64         `cbor:"8,keyasint"`
	PublicKey           []byte        `cbor:"9,keyasint"`
	Discoverable        bool          `cbor:"10,keyasint"`
	CredProtect         uint8         `cbor:"11,keyasint,omitempty"`
	HMACSecret          bool          `cbor:"12,keyasint,omitempty"`
	Created             int64         `cbor:"13,keyasint"` // nanoseconds since 1970
	SignCount           uint32        `cbor:"14,keyasint"`
	PrivateKey          []byte        `cbor:"15,keyasint"`
	CredRandomWithUV    []byte        `cbor:"16,keyasint"`
	CredRandomWithoutUV []byte        `cbor:"17,keyasint"`
	RPIDHash            ctap.RPIDHash `cbor:"18,keyasint"`
	CredBlob            []byte        `cbor:"19,keyasint,omitempty"`
	LargeBlobKey        []byte        `cbor:"20,keyasint,omitempty"`
}

type state struct {
	PINHash               []byte   `cbor:"1,keyasint,omitempty"`
	PINLength             uint64   `cbor:"2,keyasint,omitempty"`
	PINFailures           uint64   `cbor:"3,keyasint,omitempty"`
	UVFailures            uint64   `cbor:"4,keyasint,omitempty"`
	MinPINLength          uint64   `cbor:"5,keyasint,omitempty"`
	MinPINLengthRPIDs     []string `cbor:"6,keyasint,omitempty"`
	ForcePINChange        bool     `cbor:"7,keyasint,omitempty"`
	AlwaysUV              bool     `cbor:"8,keyasint,omitempty"`
	EnterpriseAttestation bool     `cbor:"9,keyasint,omitempty"`
	LargeBlobs            []byte   `cbor:"10,keyasint,omitempty"`
	PersistentToken       []byte   `cbor:"11,keyasint,omitempty"`
	DeviceIdentifier      []byte   `cbor:"12,keyasint,omitempty"`
	CredentialStoreState  []byte   `cbor:"13,keyasint,omitempty"`
}

// addState makes version 2 of version 1.
func addState(v1 []byte) ([]byte, error) {
	var next content
	if err := cbor.Unmarshal(v1, &next.Records); err != nil {
		return nil, err
	}
	for i := range next.Records {
		next.Records[i].RPIDHash = ctap.HashRPID(next.Records[i].RPID)
	}
	return cbor.Marshal(next)
}

func encode(m *memory.Content) ([]byte, error) {
	out := content{Records: make([]record, len(m.Entries)), State: state(m.State)}
	for i := range m.Entries {
		c, s := &m.Entries[i].Credential, &m.Entries[i].Secret
		out.Records[i] = record{
			ID: c.ID, RPIDHash: c.RPIDHash, RPID: c.RP.ID, RPName: c.RP.Name,
			UserID: c.User.ID, UserName: c.User.Name, UserDisplayName: c.User.DisplayName, UserIcon: c.User.Icon,
			Algorithm: int64(c.Algorithm), PublicKey: c.PublicKey, Discoverable: c.Discoverable,
			CredProtect: uint8(c.CredProtect), HMACSecret: c.HMACSecret,
			Created: c.Created.UnixNano(), SignCount: c.SignCount,
			PrivateKey: s.PrivateKey, CredRandomWithUV: s.CredRandomWithUV, CredRandomWithoutUV: s.CredRandomWithoutUV,
			CredBlob: s.CredBlob, LargeBlobKey: s.LargeBlobKey,
		}
	}
	return cbor.Marshal(out)
}

func decode(v uint16, written []byte) (*memory.Content, error) {
	written, err := migrate(v, version, written, migrations)
	if err != nil {
		return nil, err
	}
	var in content
	if err := cbor.Unmarshal(written, &in); err != nil {
		return nil, fmt.Errorf("content: %w", err)
	}
	out := &memory.Content{Entries: make([]memory.Entry, len(in.Records)), State: authenticator.State(in.State)}
	for i, r := range in.Records {
		out.Entries[i] = memory.Entry{
			Credential: authenticator.Credential{
				ID: r.ID, RPIDHash: r.RPIDHash, RP: ctap.RelyingParty{ID: r.RPID, Name: r.RPName},
				User:      ctap.User{ID: r.UserID, Name: r.UserName, DisplayName: r.UserDisplayName, Icon: r.UserIcon},
				Algorithm: ctap.Algorithm(r.Algorithm), PublicKey: r.PublicKey, Discoverable: r.Discoverable,
				CredProtect: ctap.CredProtect(r.CredProtect), HMACSecret: r.HMACSecret,
				Created: time.Unix(0, r.Created).UTC(), SignCount: r.SignCount,
			},
			Secret: authenticator.Secret{
				PrivateKey: r.PrivateKey, CredRandomWithUV: r.CredRandomWithUV, CredRandomWithoutUV: r.CredRandomWithoutUV,
				CredBlob: r.CredBlob, LargeBlobKey: r.LargeBlobKey,
			},
		}
	}
	return out, nil
}

// migrate brings content from one version to another, step by step.
func migrate(from, to uint16, written []byte, steps map[uint16]func([]byte) ([]byte, error)) ([]byte, error) {
	if from > to {
		return nil, fmt.Errorf("written in version %d, this program knows %d: use a newer program", from, to)
	}
	for v := from; v < to; v++ {
		step, ok := steps[v]
		if !ok {
			return nil, fmt.Errorf("content version %d is unknown: the file is damaged", v)
		}
		var err error
		if written, err = step(written); err != nil {
			return nil, fmt.Errorf("migrate version %d: %w", v, err)
		}
	}
	return written, nil
}
