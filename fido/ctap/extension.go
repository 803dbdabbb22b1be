package ctap

// Extension identifiers (CTAP 2.1 §12). In authenticator data their outputs
// sort by length, then bytewise: credProtect before hmac-secret.
const (
	ExtCredProtect  = "credProtect"
	ExtHMACSecret   = "hmac-secret"
	ExtHMACSecretMC = "hmac-secret-mc"
	ExtCredBlob     = "credBlob"
	ExtLargeBlobKey = "largeBlobKey"
	ExtMinPINLength = "minPinLength"
)

// CredProtect is a credential protection policy (CTAP 2.1 §12.1).
type CredProtect uint8

// The levels. The zero value means that no policy was asked for, which is
// treated as UVOptional.
const (
	UVOptional                     CredProtect = 1
	UVOptionalWithCredentialIDList CredProtect = 2
	UVRequired                     CredProtect = 3
)

// HMACSecretInput is the input of hmac-secret at authenticatorGetAssertion
// (CTAP 2.1 §12.5). An absent protocol means 1.
type HMACSecretInput struct {
	KeyAgreement Raw    // 01
	SaltEnc      []byte // 02
	SaltAuth     []byte // 03
	Protocol     uint64 // 04
}

// Encode gives the extension input. The protocol is always written.
func (h *HMACSecretInput) Encode() (Raw, error) {
	return Marshal(members{1: h.KeyAgreement, 2: h.SaltEnc, 3: h.SaltAuth, 4: h.Protocol})
}

// DecodeHMACSecretInput reads an extension input.
func DecodeHMACSecretInput(r Raw) (*HMACSecretInput, error) {
	o := decodeObject(r)
	h := &HMACSecretInput{
		KeyAgreement: mandatory(o, int64(1), readRawMap),
		SaltEnc:      mandatory(o, int64(2), readBytes),
		SaltAuth:     mandatory(o, int64(3), readBytes),
		Protocol:     1,
	}
	if p := pointer(o, int64(4), readUint); p != nil {
		h.Protocol = *p
	}
	return valueOr(h, o.err)
}

// DecodeBool reads an extension value that must be a boolean; any other type is
// [ErrCBORUnexpectedType].
func DecodeBool(r Raw) (bool, error) { return checked(r, readBool) }

// DecodeUint reads an unsigned integer; see [DecodeBool].
func DecodeUint(r Raw) (uint64, error) { return checked(r, readUint) }

// DecodeBytes reads a byte string; see [DecodeBool].
func DecodeBytes(r Raw) ([]byte, error) { return checked(r, readBytes) }

func checked[T any](r Raw, read func(Raw) (T, error)) (T, error) {
	if err := Check(r); err != nil {
		var zero T
		return zero, err
	}
	return read(r)
}

// EncodeBool gives an extension value.
func EncodeBool(v bool) Raw {
	if v {
		return Raw{simpleTrue}
	}
	return Raw{simpleFalse}
}
