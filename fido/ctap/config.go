package ctap

import (
	"bytes"
	"slices"
)

// Subcommands of authenticatorConfig (CTAP 2.1 §6.11; the fourth is CTAP 2.3).
const (
	EnableEnterpriseAttestation uint64 = 0x01
	ToggleAlwaysUV              uint64 = 0x02
	SetMinPINLength             uint64 = 0x03
	EnableLongTouchForReset     uint64 = 0x04
	VendorPrototype             uint64 = 0xFF
)

// ConfigRequest is the parameters of authenticatorConfig. There is no result.
// Params stays encoded, because pinUvAuthParam is computed over its bytes as they
// travel; [DecodeSetMinPINLengthParams] reads those of setMinPINLength, and the
// other subcommands have none.
type ConfigRequest struct {
	Subcommand uint64  // 01
	Params     Raw     // 02
	Protocol   *uint64 // 03
	AuthParam  []byte  // 04
}

// AuthMessage is what pinUvAuthParam is computed over: 32×FF ‖ 0D ‖ subcommand ‖
// parameters, where there are any.
func (r *ConfigRequest) AuthMessage() []byte {
	return slices.Concat(bytes.Repeat([]byte{0xFF}, 32), []byte{byte(Config), byte(r.Subcommand)}, r.Params)
}

// Encode gives the whole request, command byte included.
func (r *ConfigRequest) Encode() ([]byte, error) {
	m := members{1: r.Subcommand}
	m.set(2, r.Params != nil, r.Params)
	setPointer(m, 3, r.Protocol)
	m.set(4, r.AuthParam != nil, r.AuthParam)
	return EncodeRequest(Config, m)
}

// DecodeConfigRequest reads the CBOR of a request.
func DecodeConfigRequest(params []byte) (*ConfigRequest, error) {
	o := decodeObject(params)
	r := &ConfigRequest{
		Subcommand: mandatory(o, int64(1), readUint),
		Params:     optional(o, int64(2), readRawMap),
		Protocol:   pointer(o, int64(3), readUint),
		AuthParam:  optional(o, int64(4), readBytes),
	}
	return valueOr(r, o.err)
}

// SetMinPINLengthParams is the subCommandParams of setMinPINLength. Nil members
// are absent; an empty list of RP ids takes the place of the one there was.
type SetMinPINLengthParams struct {
	NewMinPINLength     *uint64  // 01, Unicode code points
	RPIDs               []string // 02, minPinLengthRPIDs
	ForceChangePIN      *bool    // 03
	PINComplexityPolicy *bool    // 04, CTAP 2.2
}

// Encode gives the parameters alone.
func (p *SetMinPINLengthParams) Encode() (Raw, error) {
	m := members{}
	setPointer(m, 1, p.NewMinPINLength)
	m.set(2, p.RPIDs != nil, p.RPIDs)
	setPointer(m, 3, p.ForceChangePIN)
	setPointer(m, 4, p.PINComplexityPolicy)
	return Marshal(m)
}

// DecodeSetMinPINLengthParams reads the parameters of a request.
func DecodeSetMinPINLengthParams(r Raw) (*SetMinPINLengthParams, error) {
	o := decodeObject(r)
	p := &SetMinPINLengthParams{
		NewMinPINLength:     pointer(o, int64(1), readUint),
		RPIDs:               optional(o, int64(2), arrayOf(readText)),
		ForceChangePIN:      pointer(o, int64(3), readBool),
		PINComplexityPolicy: pointer(o, int64(4), readBool),
	}
	return valueOr(p, o.err)
}
