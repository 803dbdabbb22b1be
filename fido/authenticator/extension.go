package authenticator

import (
	"fmt"

	"github.com/postern/postern/fido/ctap"
)

// extension is one row of the extension table. A nil output adds nothing to the
// authenticator data. Inputs of extensions that are not in the table, or not
// offered, are ignored (CTAP 2.1 §9).
type extension struct {
	name string
	// offered tells whether this authenticator has it; nil: every one does.
	offered func(a *Authenticator) bool
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
	{name: ctap.ExtHMACSecretMC, create: createHMACSecretMC},
	{name: ctap.ExtCredBlob, create: createCredBlob, get: getCredBlob},
	{name: ctap.ExtLargeBlobKey, offered: (*Authenticator).hasLargeBlobs, create: createLargeBlobKey, get: getLargeBlobKey},
	{name: ctap.ExtMinPINLength, offered: (*Authenticator).hasPINPolicy, create: createMinPINLength},
}

func (e *extension) offeredBy(a *Authenticator) bool { return e.offered == nil || e.offered(a) }

func (a *Authenticator) extensionNames() []string {
	var names []string
	for _, e := range extensions {
		if e.offeredBy(a) {
			names = append(names, e.name)
		}
	}
	return names
}

// createOutputs runs the extensions of makeCredential.
func (a *Authenticator) createOutputs(n *creation) (map[string]ctap.Raw, error) {
	return a.outputs(n.inputs, func(e *extension, in ctap.Raw) (ctap.Raw, error) {
		if e.create == nil {
			return nil, nil
		}
		return e.create(a, in, n)
	})
}

// getOutputs runs the extensions of getAssertion for one credential.
func (a *Authenticator) getOutputs(as *assertion, c *held) (map[string]ctap.Raw, error) {
	return a.outputs(as.extensions, func(e *extension, in ctap.Raw) (ctap.Raw, error) {
		if e.get == nil {
			return nil, nil
		}
		return e.get(a, in, as, c)
	})
}

// outputs runs what is asked for, in the order of the table. Most ceremonies ask
// for nothing.
func (a *Authenticator) outputs(inputs map[string]ctap.Raw, run func(*extension, ctap.Raw) (ctap.Raw, error)) (map[string]ctap.Raw, error) {
	if len(inputs) == 0 {
		return nil, nil
	}
	outputs := map[string]ctap.Raw{}
	for i := range extensions {
		e := &extensions[i]
		in, asked := inputs[e.name]
		if !asked || !e.offeredBy(a) {
			continue
		}
		out, err := run(e, in)
		if err != nil {
			return nil, fmt.Errorf("extension %s: %w", e.name, err)
		}
		if out != nil {
			outputs[e.name] = out
		}
	}
	return outputs, nil
}
