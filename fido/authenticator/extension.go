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
	// create may set fields of the new credential.
	create func(in ctap.Raw, c *Credential) (ctap.Raw, error)
	get    func(a *Authenticator, in ctap.Raw, as *assertion, s *Secret) (ctap.Raw, error)
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
func createOutputs(inputs map[string]ctap.Raw, c *Credential) (map[string]ctap.Raw, error) {
	outputs := map[string]ctap.Raw{}
	for _, e := range extensions {
		in, asked := inputs[e.name]
		if !asked || e.create == nil {
			continue
		}
		out, err := e.create(in, c)
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
func (a *Authenticator) getOutputs(as *assertion, s *Secret) (map[string]ctap.Raw, error) {
	outputs := map[string]ctap.Raw{}
	for _, e := range extensions {
		in, asked := as.extensions[e.name]
		if !asked || e.get == nil {
			continue
		}
		out, err := e.get(a, in, as, s)
		if err != nil {
			return nil, fmt.Errorf("extension %s: %w", e.name, err)
		}
		if out != nil {
			outputs[e.name] = out
		}
	}
	return outputs, nil
}
