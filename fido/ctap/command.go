package ctap

// Command is the first byte of every request (CTAP 2.1 §6).
type Command byte

// The authenticator commands. Those marked "no map" carry no CBOR.
const (
	MakeCredential       Command = 0x01
	GetAssertion         Command = 0x02
	GetInfo              Command = 0x04 // no map
	ClientPIN            Command = 0x06
	Reset                Command = 0x07 // no map
	GetNextAssertion     Command = 0x08 // no map
	BioEnrollment        Command = 0x09
	CredentialManagement Command = 0x0A
	Selection            Command = 0x0B // no map
	LargeBlobs           Command = 0x0C
	Config               Command = 0x0D
	// CredentialManagementPreview is what CredentialManagement was before CTAP
	// 2.1 (FIDO_2_1_PRE).
	CredentialManagementPreview Command = 0x41
)

// Sizes every message obeys.
const (
	// MaxMessageSize is the largest message CTAPHID can frame: 57 bytes in the
	// initialisation packet and 59 in each of 128 continuations (CTAP 2.1
	// §11.2.4). Nothing longer can be meant for, or come from, an
	// authenticator, so nothing longer is parsed.
	MaxMessageSize = 57 + 128*59
	// DefaultMessageSize is what a platform assumes where GetInfo does not give
	// maxMsgSize (CTAP 2.1 §6.4).
	DefaultMessageSize = 1024
	// MaxNesting is the number of levels of maps and arrays a message may have
	// (CTAP 2.1 §8).
	MaxNesting = 4
)

// EncodeRequest builds a whole request. A nil params makes a request without a
// map. Params is anything [Marshal] takes.
func EncodeRequest(c Command, params any) ([]byte, error) {
	return prefixed(byte(c), params)
}

// EncodeResponse builds a whole successful response. A nil result makes a
// response without a map.
func EncodeResponse(result any) ([]byte, error) {
	return prefixed(byte(OK), result)
}

func prefixed(first byte, v any) ([]byte, error) {
	if v == nil {
		return []byte{first}, nil
	}
	body, err := Marshal(v)
	if err != nil {
		return nil, err
	}
	return append([]byte{first}, body...), nil
}

// SplitRequest parts a request into its command and its CBOR, which may be
// empty and is not yet checked.
func SplitRequest(request []byte) (Command, []byte, error) {
	if len(request) == 0 {
		return 0, nil, ErrInvalidLength
	}
	if len(request) > MaxMessageSize {
		return 0, nil, ErrRequestTooLarge
	}
	return Command(request[0]), request[1:], nil
}

// SplitResponse parts a response into its status and its CBOR. A status other
// than [OK] comes back as the error.
func SplitResponse(response []byte) ([]byte, error) {
	if len(response) == 0 || len(response) > MaxMessageSize {
		return nil, ErrInvalidLength
	}
	if s := Status(response[0]); s != OK {
		return nil, s
	}
	return response[1:], nil
}
