package authenticator

import (
	"fmt"

	"github.com/postern/postern/fido/ctap"
)

// extension is one row of the extension table. A nil output adds nothing to the
// authenticator data. Inputs of extensions that are not in the table are
// ignored (CTAP 2.1 §9).
type extension struct {
	name string
	// create may set fields of the new credential and its secret.
	create func(a *Authenticator, in ctap.Raw, n *creation) (ctap.Raw, error)
	get    func(a *Authenticator, in ctap.Raw, as *assertion, c *held) (ctap.Raw, error)
}

// creation is what the extensions of makeCredential see and change.
type creation struct {
	inputs     map[string]ctap.Raw
	flags      ctap.Flags // UP and UV, as they will be reported
	credential *Credential
	secret     *Secret
	response   *ctap.MakeCredentialResponse
}

// held is the credential the extensions of getAssertion work with.
type held struct {
	credential *Credential
	secret     *Secret
	response   *ctap.GetAssertionResponse
}

var extensions = []extension{
	{name: ctap.ExtCredProtect, create: createCredProtect},
	{name: ctap.ExtHMACSecret, create: createHMACSecret, get: getHMACSecret},
}

func extensionNames() []string {
	names := make([]string, len(extensions))
	for i, e := range extensions {
		names[i] = e.name
	}
	return names
}

// createOutputs runs the extensions of makeCredential.
func (a *Authenticator) createOutputs(n *creation) (map[string]ctap.Raw, error) {
	outputs := map[string]ctap.Raw{}
	for _, e := range extensions {
		in, asked := n.inputs[e.name]
		if !asked || e.create == nil {
			continue
		}
		out, err := e.create(a, in, n)
		if err != nil {
			return nil, fmt.Errorf("extension %s: %w", e.name, err)
		}
		if out != nil {
			outputs[e.name] = out
		}
	}
	return outputs, nil
}

// getOutputs runs the extensions of getAssertion for one credential.
func (a *Authenticator) getOutputs(as *assertion, c *held) (map[string]ctap.Raw, error) {
	outputs := map[string]ctap.Raw{}
	for _, e := range extensions {
		in, asked := as.extensions[e.name]
		if !asked || e.get == nil {
			continue
		}
		out, err := e.get(a, in, as, c)
		if err != nil {
			return nil, fmt.Errorf("extension %s: %w", e.name, err)
		}
		if out != nil {
			outputs[e.name] = out
		}
	}
	return outputs, nil
}
