package entra

import (
	"encoding/json"

	"github.com/postern/postern"
)

// PasskeyPolicyPath is where Graph keeps the passkey policy.
const PasskeyPolicyPath = passkeyPolicyPath

// DecodePasskeyPolicy reads a passkey policy as Graph gives it.
func DecodePasskeyPolicy(configuration json.RawMessage) (postern.PasskeyPolicy, error) {
	return decodePasskeyPolicy(configuration)
}

// PasskeyPolicyPatch is the body of the PATCH that turns the policy at hand into another of the same schema: what
// [Tenant.WritePasskeyPolicy] sends. It is nil if nothing differs. Profiles need their ids.
func PasskeyPolicyPatch(there json.RawMessage, to postern.PasskeyPolicy) (json.RawMessage, error) {
	from, err := decodePasskeyPolicy(there)
	if err != nil {
		return nil, err
	}
	var members map[string]json.RawMessage
	if err = json.Unmarshal(there, &members); err != nil {
		return nil, err
	}
	body := passkeyPolicyBody(from, to, unmanagedMembers(members))
	if body == nil {
		return nil, nil
	}
	return json.Marshal(body)
}

// passkeyPolicyBody is nil if nothing differs.
func passkeyPolicyBody(from, to postern.PasskeyPolicy, kept unmanaged) map[string]any {
	body := passkeyChanges(from, to, kept)
	if len(body) == 0 {
		return nil
	}
	body["@odata.type"] = passkeyPolicyType
	return body
}
