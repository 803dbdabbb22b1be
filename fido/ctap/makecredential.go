package ctap

import "fmt"

// clientDataHashLength is the size of SHA-256.
const clientDataHashLength = 32

// Option names of requests (CTAP 2.1 §6.1, §6.2). Others are ignored.
const (
	OptionRK = "rk"
	OptionUP = "up"
	OptionUV = "uv"
)

// MakeCredentialRequest is the parameters of authenticatorMakeCredential
// (CTAP 2.1 §6.1). PINUVAuthParam is nil when absent: a present but empty
// value is a request of its own (step 1).
type MakeCredentialRequest struct {
	ClientDataHash        []byte                 // 01
	RP                    RelyingParty           // 02
	User                  User                   // 03
	Parameters            []CredentialParameter  // 04
	ExcludeList           []CredentialDescriptor // 05
	Extensions            map[string]Raw         // 06
	Options               map[string]bool        // 07
	PINUVAuthParam        []byte                 // 08
	PINUVAuthProtocol     *uint64                // 09
	EnterpriseAttestation *uint64                // 0A
	AttestationFormats    []string               // 0B
}

// Encode gives the whole request, command byte included.
func (r *MakeCredentialRequest) Encode() ([]byte, error) {
	m := members{
		1: r.ClientDataHash,
		2: r.RP.encode(),
		3: r.User.encode(),
		4: encodeParameters(r.Parameters),
	}
	m.set(5, len(r.ExcludeList) > 0, encodeDescriptors(r.ExcludeList))
	m.set(6, len(r.Extensions) > 0, r.Extensions)
	m.set(7, len(r.Options) > 0, r.Options)
	m.set(8, r.PINUVAuthParam != nil, r.PINUVAuthParam)
	setPointer(m, 9, r.PINUVAuthProtocol)
	setPointer(m, 0x0A, r.EnterpriseAttestation)
	m.set(0x0B, len(r.AttestationFormats) > 0, r.AttestationFormats)
	return EncodeRequest(MakeCredential, m)
}

// DecodeMakeCredentialRequest reads the CBOR of a request. Every member is
// type-checked, every algorithm entry included, before any is acted upon.
func DecodeMakeCredentialRequest(params []byte) (*MakeCredentialRequest, error) {
	o := decodeObject(params)
	r := &MakeCredentialRequest{
		ClientDataHash:        mandatory(o, int64(1), readBytes),
		RP:                    mandatory(o, int64(2), readRelyingParty),
		User:                  mandatory(o, int64(3), readUser),
		Parameters:            mandatory(o, int64(4), arrayOf(readParameter)),
		ExcludeList:           optional(o, int64(5), arrayOf(readDescriptor)),
		Extensions:            optional(o, int64(6), mapOf(readRaw)),
		Options:               optional(o, int64(7), mapOf(readBool)),
		PINUVAuthParam:        optional(o, int64(8), readBytes),
		PINUVAuthProtocol:     pointer(o, int64(9), readUint),
		EnterpriseAttestation: pointer(o, int64(0x0A), readUint),
		AttestationFormats:    optional(o, int64(0x0B), readFormats),
	}
	o.require(len(r.ClientDataHash) == clientDataHashLength, "clientDataHash must have 32 bytes", ErrInvalidLength)
	return valueOr(r, o.err)
}

// readFormats reads a preference. It is no more than that, so what is not a list
// of names is not an error: it names nothing.
func readFormats(r Raw) ([]string, error) {
	items, _ := arrayOf(readRaw)(r) // nothing where it is no list
	var formats []string
	for _, item := range items {
		if name, err := readText(item); err == nil {
			formats = append(formats, name)
		}
	}
	return formats, nil
}

// MakeCredentialResponse is the result of authenticatorMakeCredential. Statement
// is the attestation statement map. EnterpriseAttestation is sent only when
// true.
type MakeCredentialResponse struct {
	Format                string // 01
	AuthData              []byte // 02
	Statement             Raw    // 03
	EnterpriseAttestation bool   // 04
	LargeBlobKey          []byte // 05
	UnsignedExtensions    Raw    // 06
}

// Encode gives the whole response, status byte included.
func (r *MakeCredentialResponse) Encode() ([]byte, error) {
	if len(r.Statement) == 0 {
		return nil, fmt.Errorf("attestation statement: %w", ErrMissingParameter)
	}
	b := append(make([]byte, 0, 64+len(r.AuthData)+len(r.Statement)+len(r.UnsignedExtensions)), byte(OK))
	b = appendHead(b, majorMap, 3+count(r.EnterpriseAttestation, r.LargeBlobKey != nil, r.UnsignedExtensions != nil))
	b = appendText(append(b, 1), r.Format)
	b = appendBytes(append(b, 2), r.AuthData)
	b = append(append(b, 3), r.Statement...)
	if r.EnterpriseAttestation {
		b = append(b, 4, simpleTrue)
	}
	if r.LargeBlobKey != nil {
		b = appendBytes(append(b, 5), r.LargeBlobKey)
	}
	if r.UnsignedExtensions != nil {
		b = append(append(b, 6), r.UnsignedExtensions...)
	}
	return b, nil
}

// DecodeMakeCredentialResponse reads the CBOR of a response.
func DecodeMakeCredentialResponse(result []byte) (*MakeCredentialResponse, error) {
	o := decodeObject(result)
	r := &MakeCredentialResponse{
		Format:                mandatory(o, int64(1), readText),
		AuthData:              mandatory(o, int64(2), readBytes),
		Statement:             mandatory(o, int64(3), readRawMap),
		EnterpriseAttestation: optional(o, int64(4), readBool),
		LargeBlobKey:          optional(o, int64(5), readBytes),
		UnsignedExtensions:    optional(o, int64(6), readRawMap),
	}
	return valueOr(r, o.err)
}
