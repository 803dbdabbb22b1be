package ctap

// Subcommands of authenticatorClientPIN (CTAP 2.1 §6.5.5).
const (
	GetPINRetries    uint64 = 0x01
	GetKeyAgreement  uint64 = 0x02
	SetPIN           uint64 = 0x03
	ChangePIN        uint64 = 0x04
	GetPINToken      uint64 = 0x05
	GetTokenUsingUV  uint64 = 0x06 // getPinUvAuthTokenUsingUvWithPermissions
	GetUVRetries     uint64 = 0x07
	GetTokenUsingPIN uint64 = 0x09 // getPinUvAuthTokenUsingPinWithPermissions
)

// Permission is the bit set a pinUvAuthToken carries (CTAP 2.1 §6.5.5.7).
type Permission uint64

// The permissions of CTAP 2.1, and pcmr of CTAP 2.2.
const (
	PermitMakeCredential       Permission = 0x01
	PermitGetAssertion         Permission = 0x02
	PermitCredentialManagement Permission = 0x04
	PermitBioEnrollment        Permission = 0x08
	PermitLargeBlobWrite       Permission = 0x10
	PermitAuthenticatorConfig  Permission = 0x20
	PermitCredentialReadOnly   Permission = 0x40
)

// ClientPINRequest is the parameters of authenticatorClientPIN. KeyAgreement is
// the platform's COSE key, still encoded; [DecodeKeyAgreement] reads it.
type ClientPINRequest struct {
	Protocol     *uint64     // 01
	Subcommand   uint64      // 02
	KeyAgreement Raw         // 03
	AuthParam    []byte      // 04
	NewPINEnc    []byte      // 05
	PINHashEnc   []byte      // 06
	Permissions  *Permission // 09
	RPID         *string     // 0A
}

// Encode gives the whole request, command byte included.
func (r *ClientPINRequest) Encode() ([]byte, error) {
	m := members{2: r.Subcommand}
	setPointer(m, 1, r.Protocol)
	m.set(3, r.KeyAgreement != nil, r.KeyAgreement)
	m.set(4, r.AuthParam != nil, r.AuthParam)
	m.set(5, r.NewPINEnc != nil, r.NewPINEnc)
	m.set(6, r.PINHashEnc != nil, r.PINHashEnc)
	setPointer(m, 9, r.Permissions)
	setPointer(m, 0x0A, r.RPID)
	return EncodeRequest(ClientPIN, m)
}

// DecodeClientPINRequest reads the CBOR of a request.
func DecodeClientPINRequest(params []byte) (*ClientPINRequest, error) {
	o := decodeObject(params)
	r := &ClientPINRequest{
		Protocol:     pointer(o, int64(1), readUint),
		Subcommand:   mandatory(o, int64(2), readUint),
		KeyAgreement: optional(o, int64(3), readRawMap),
		AuthParam:    optional(o, int64(4), readBytes),
		NewPINEnc:    optional(o, int64(5), readBytes),
		PINHashEnc:   optional(o, int64(6), readBytes),
		Permissions:  pointer(o, int64(9), readPermission),
		RPID:         pointer(o, int64(0x0A), readText),
	}
	return valueOr(r, o.err)
}

func readPermission(r Raw) (Permission, error) {
	v, err := readUint(r)
	return Permission(v), err
}

// ClientPINResponse is the result of authenticatorClientPIN. Token is
// encrypted under the shared secret.
type ClientPINResponse struct {
	KeyAgreement    Raw     // 01
	Token           []byte  // 02
	PINRetries      *uint64 // 03
	PowerCycleState *bool   // 04
	UVRetries       *uint64 // 05
}

// Encode gives the whole response, status byte included. A response without
// members is the status alone.
func (r *ClientPINResponse) Encode() ([]byte, error) {
	m := members{}
	m.set(1, r.KeyAgreement != nil, r.KeyAgreement)
	m.set(2, r.Token != nil, r.Token)
	setPointer(m, 3, r.PINRetries)
	setPointer(m, 4, r.PowerCycleState)
	setPointer(m, 5, r.UVRetries)
	if len(m) == 0 {
		return EncodeResponse(nil)
	}
	return EncodeResponse(m)
}

// DecodeClientPINResponse reads the CBOR of a response; an empty one has no
// members.
func DecodeClientPINResponse(result []byte) (*ClientPINResponse, error) {
	if len(result) == 0 {
		return &ClientPINResponse{}, nil
	}
	o := decodeObject(result)
	r := &ClientPINResponse{
		KeyAgreement:    optional(o, int64(1), readRawMap),
		Token:           optional(o, int64(2), readBytes),
		PINRetries:      pointer(o, int64(3), readUint),
		PowerCycleState: pointer(o, int64(4), readBool),
		UVRetries:       pointer(o, int64(5), readUint),
	}
	return valueOr(r, o.err)
}
