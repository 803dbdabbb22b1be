package ctap

import "fmt"

// Subcommands of authenticatorCredentialManagement (CTAP 2.1 §6.8).
const (
	GetCredsMetadata          uint64 = 0x01
	EnumerateRPsBegin         uint64 = 0x02
	EnumerateRPsNext          uint64 = 0x03 // enumerateRPsGetNextRP
	EnumerateCredentialsBegin uint64 = 0x04
	EnumerateCredentialsNext  uint64 = 0x05 // enumerateCredentialsGetNextCredential
	DeleteCredential          uint64 = 0x06
	UpdateUserInformation     uint64 = 0x07
)

// CredentialManagementRequest is the parameters of
// authenticatorCredentialManagement. Params stays encoded, because
// pinUvAuthParam is computed over its bytes as they travel;
// [DecodeCredentialManagementParams] reads it.
type CredentialManagementRequest struct {
	Subcommand uint64  // 01
	Params     Raw     // 02
	Protocol   *uint64 // 03
	AuthParam  []byte  // 04
}

// AuthMessage is what pinUvAuthParam is computed over: the subcommand byte and
// the parameters, where there are any.
func (r *CredentialManagementRequest) AuthMessage() []byte {
	return append([]byte{byte(r.Subcommand)}, r.Params...)
}

// Encode gives the whole request, command byte included.
func (r *CredentialManagementRequest) Encode() ([]byte, error) {
	m := members{1: r.Subcommand}
	m.set(2, r.Params != nil, r.Params)
	setPointer(m, 3, r.Protocol)
	m.set(4, r.AuthParam != nil, r.AuthParam)
	return EncodeRequest(CredentialManagement, m)
}

// DecodeCredentialManagementRequest reads the CBOR of a request.
func DecodeCredentialManagementRequest(params []byte) (*CredentialManagementRequest, error) {
	o := decodeObject(params)
	r := &CredentialManagementRequest{
		Subcommand: mandatory(o, int64(1), readUint),
		Params:     optional(o, int64(2), readRawMap),
		Protocol:   pointer(o, int64(3), readUint),
		AuthParam:  optional(o, int64(4), readBytes),
	}
	return valueOr(r, o.err)
}

// CredentialManagementParams is the subCommandParams of
// authenticatorCredentialManagement. A nil member is absent.
type CredentialManagementParams struct {
	RPIDHash     *RPIDHash             // 01
	CredentialID *CredentialDescriptor // 02
	User         *User                 // 03
}

// Encode gives the parameters alone.
func (p *CredentialManagementParams) Encode() (Raw, error) {
	m := members{}
	if p.RPIDHash != nil {
		m[1] = p.RPIDHash[:]
	}
	if p.CredentialID != nil {
		m[2] = p.CredentialID.encode()
	}
	if p.User != nil {
		m[3] = p.User.encode()
	}
	return Marshal(m)
}

// DecodeCredentialManagementParams reads the parameters of a request; none at
// all are parameters without members.
func DecodeCredentialManagementParams(r Raw) (*CredentialManagementParams, error) {
	if r == nil {
		return &CredentialManagementParams{}, nil
	}
	o := decodeObject(r)
	p := &CredentialManagementParams{
		RPIDHash:     pointer(o, int64(1), readRPIDHash),
		CredentialID: pointer(o, int64(2), readDescriptor),
		User:         pointer(o, int64(3), readUser),
	}
	return valueOr(p, o.err)
}

func readRPIDHash(r Raw) (RPIDHash, error) {
	b, err := readBytes(r)
	if err != nil {
		return RPIDHash{}, err
	}
	if len(b) != len(RPIDHash{}) {
		return RPIDHash{}, fmt.Errorf("rpIDHash of %d bytes: %w", len(b), ErrInvalidLength)
	}
	return RPIDHash(b), nil
}

// CredentialManagementResponse is the result of
// authenticatorCredentialManagement. A nil member or a zero count is absent.
type CredentialManagementResponse struct {
	ExistingCount     *uint64               // 01, existingResidentCredentialsCount
	RemainingCount    *uint64               // 02, maxPossibleRemainingResidentCredentialsCount
	RP                *RelyingParty         // 03
	RPIDHash          *RPIDHash             // 04
	TotalRPs          uint64                // 05
	User              *User                 // 06
	CredentialID      *CredentialDescriptor // 07
	PublicKey         Raw                   // 08, COSE_Key
	TotalCredentials  uint64                // 09
	CredProtect       CredProtect           // 0A
	LargeBlobKey      []byte                // 0B
	ThirdPartyPayment *bool                 // 0C
}

// Encode gives the whole response, status byte included. A response without
// members is the status alone.
func (r *CredentialManagementResponse) Encode() ([]byte, error) {
	m := members{}
	setPointer(m, 1, r.ExistingCount)
	setPointer(m, 2, r.RemainingCount)
	if r.RP != nil {
		m[3] = r.RP.encode()
	}
	if r.RPIDHash != nil {
		m[4] = r.RPIDHash[:]
	}
	m.set(5, r.TotalRPs > 0, r.TotalRPs)
	if r.User != nil {
		m[6] = r.User.encode()
	}
	if r.CredentialID != nil {
		m[7] = r.CredentialID.encode()
	}
	m.set(8, r.PublicKey != nil, r.PublicKey)
	m.set(9, r.TotalCredentials > 0, r.TotalCredentials)
	m.set(0x0A, r.CredProtect > 0, uint64(r.CredProtect))
	m.set(0x0B, r.LargeBlobKey != nil, r.LargeBlobKey)
	setPointer(m, 0x0C, r.ThirdPartyPayment)
	if len(m) == 0 {
		return EncodeResponse(nil)
	}
	return EncodeResponse(m)
}

// DecodeCredentialManagementResponse reads the CBOR of a response; an empty one
// has no members.
func DecodeCredentialManagementResponse(result []byte) (*CredentialManagementResponse, error) {
	if len(result) == 0 {
		return &CredentialManagementResponse{}, nil
	}
	o := decodeObject(result)
	r := &CredentialManagementResponse{
		ExistingCount:     pointer(o, int64(1), readUint),
		RemainingCount:    pointer(o, int64(2), readUint),
		RP:                pointer(o, int64(3), readRelyingParty),
		RPIDHash:          pointer(o, int64(4), readRPIDHash),
		TotalRPs:          optional(o, int64(5), readUint),
		User:              pointer(o, int64(6), readUser),
		CredentialID:      pointer(o, int64(7), readDescriptor),
		PublicKey:         optional(o, int64(8), readRawMap),
		TotalCredentials:  optional(o, int64(9), readUint),
		CredProtect:       optional(o, int64(0x0A), readCredProtect),
		LargeBlobKey:      optional(o, int64(0x0B), readBytes),
		ThirdPartyPayment: pointer(o, int64(0x0C), readBool),
	}
	return valueOr(r, o.err)
}

func readCredProtect(r Raw) (CredProtect, error) {
	v, err := readUint(r)
	if err != nil {
		return 0, err
	}
	if v < uint64(UVOptional) || v > uint64(UVRequired) {
		return 0, fmt.Errorf("credProtect level %d: %w", v, ErrInvalidParameter)
	}
	return CredProtect(v), nil
}
