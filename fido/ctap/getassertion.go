package ctap

// GetAssertionRequest is the parameters of authenticatorGetAssertion (CTAP 2.1
// §6.2). PINUVAuthParam is nil when absent.
type GetAssertionRequest struct {
	RPID              string                 // 01
	ClientDataHash    []byte                 // 02
	AllowList         []CredentialDescriptor // 03
	Extensions        map[string]Raw         // 04
	Options           map[string]bool        // 05
	PINUVAuthParam    []byte                 // 06
	PINUVAuthProtocol *uint64                // 07
}

// Encode gives the whole request, command byte included.
func (r *GetAssertionRequest) Encode() ([]byte, error) {
	m := members{1: r.RPID, 2: r.ClientDataHash}
	m.set(3, len(r.AllowList) > 0, encodeDescriptors(r.AllowList))
	m.set(4, len(r.Extensions) > 0, r.Extensions)
	m.set(5, len(r.Options) > 0, r.Options)
	m.set(6, r.PINUVAuthParam != nil, r.PINUVAuthParam)
	setPointer(m, 7, r.PINUVAuthProtocol)
	return EncodeRequest(GetAssertion, m)
}

// DecodeGetAssertionRequest reads the CBOR of a request.
func DecodeGetAssertionRequest(params []byte) (*GetAssertionRequest, error) {
	o := decodeObject(params)
	r := &GetAssertionRequest{
		RPID:              mandatory(o, int64(1), readText),
		ClientDataHash:    mandatory(o, int64(2), readBytes),
		AllowList:         optional(o, int64(3), arrayOf(readDescriptor)),
		Extensions:        optional(o, int64(4), mapOf(readRaw)),
		Options:           optional(o, int64(5), mapOf(readBool)),
		PINUVAuthParam:    optional(o, int64(6), readBytes),
		PINUVAuthProtocol: pointer(o, int64(7), readUint),
	}
	o.require(len(r.ClientDataHash) == clientDataHashLength, "clientDataHash must have 32 bytes", ErrInvalidLength)
	return valueOr(r, o.err)
}

// GetAssertionResponse is the result of authenticatorGetAssertion and
// authenticatorGetNextAssertion. User is nil for a credential that is not
// discoverable; NumberOfCredentials is sent only when above 1 and only by the
// first answer.
type GetAssertionResponse struct {
	Credential          *CredentialDescriptor // 01
	AuthData            []byte                // 02
	Signature           []byte                // 03
	User                *User                 // 04
	NumberOfCredentials uint64                // 05
	UserSelected        bool                  // 06
	LargeBlobKey        []byte                // 07
	UnsignedExtensions  Raw                   // 08
}

// Encode gives the whole response, status byte included.
func (r *GetAssertionResponse) Encode() ([]byte, error) {
	b := append(make([]byte, 0, 512), byte(OK))
	b = appendHead(b, majorMap, 2+count(r.Credential != nil, r.User != nil, r.NumberOfCredentials > 0, r.UserSelected,
		r.LargeBlobKey != nil, r.UnsignedExtensions != nil))
	if r.Credential != nil {
		b = r.Credential.append(append(b, 1))
	}
	b = appendBytes(append(b, 2), r.AuthData)
	b = appendBytes(append(b, 3), r.Signature)
	if r.User != nil {
		b = r.User.append(append(b, 4))
	}
	if r.NumberOfCredentials > 0 {
		b = appendHead(append(b, 5), majorUint, r.NumberOfCredentials)
	}
	if r.UserSelected {
		b = append(b, 6, simpleTrue)
	}
	if r.LargeBlobKey != nil {
		b = appendBytes(append(b, 7), r.LargeBlobKey)
	}
	if r.UnsignedExtensions != nil {
		b = append(append(b, 8), r.UnsignedExtensions...)
	}
	return b, nil
}

// DecodeGetAssertionResponse reads the CBOR of a response.
func DecodeGetAssertionResponse(result []byte) (*GetAssertionResponse, error) {
	o := decodeObject(result)
	r := &GetAssertionResponse{
		Credential:          pointer(o, int64(1), readDescriptor),
		AuthData:            mandatory(o, int64(2), readBytes),
		Signature:           mandatory(o, int64(3), readBytes),
		User:                pointer(o, int64(4), readUser),
		NumberOfCredentials: optional(o, int64(5), readUint),
		UserSelected:        optional(o, int64(6), readBool),
		LargeBlobKey:        optional(o, int64(7), readBytes),
		UnsignedExtensions:  optional(o, int64(8), readRawMap),
	}
	return valueOr(r, o.err)
}
