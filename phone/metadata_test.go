package phone_test

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-webauthn/webauthn/metadata"
	"github.com/go-webauthn/webauthn/metadata/providers/memory"
	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncbor"
	"github.com/google/uuid"

	"github.com/postern/postern"
	"github.com/postern/postern/phone"
)

// attested provisions a phone and gives what it sent for Entra.
func (w *world) attested() *postern.CredentialSubmission {
	w.Helper()
	var sent *postern.CredentialSubmission
	d := w.device()
	d.fail = func(string) error {
		var s phone.State
		if json.Unmarshal(d.saved, &s) == nil {
			for _, p := range s.Pending {
				if p.Submission != nil {
					sent = p.Submission
				}
			}
		}
		return nil
	}
	d.provision(d.enrol(w.invite().Code))
	if sent == nil {
		w.Fatal("the phone sent nothing")
	}
	return sent
}

// believing is what a relying party that checks attestation knows after its administrator gave it the statement.
func (w *world) believing(statement json.RawMessage) metadata.Provider {
	w.Helper()
	var entry metadata.EntryJSON
	if err := json.Unmarshal(fmt.Appendf(nil, `{"aaguid": %q, "metadataStatement": %s, "timeOfLastStatusChange": "2026-01-01"}`, phone.AAGUID, statement), &entry); err != nil {
		w.Fatal(err)
	}
	parsed, err := entry.Parse()
	if err != nil {
		w.Fatal(err)
	}
	provider, err := memory.New(memory.WithMetadata(map[uuid.UUID]*metadata.Entry{parsed.AaGUID: &parsed}), memory.WithValidateEntry(true),
		memory.WithValidateTrustAnchor(true), memory.WithValidateAttestationTypes(true), memory.WithValidateAAGUID(true),
		memory.WithValidateAttestationFormats(true), memory.WithValidateAlgorithms(true), memory.WithValidateBackupEligibility(true),
		memory.WithValidateExtensions(true), memory.WithValidateUserVerification(true))
	if err != nil {
		w.Fatal(err)
	}
	return provider
}

// reasons is everything a verdict says, in all its layers.
func reasons(err error) (said string) {
	for ; err != nil; err = errors.Unwrap(err) {
		if p, ok := errors.AsType[*protocol.Error](err); ok {
			said += p.Details + "; " + p.DevInfo + "; "
		}
	}
	return said
}

// TestStatement exports the statement of an integration, and has an independent relying party check real registrations
// against it: those of its own phones pass, those of another integration do not.
func TestStatement(t *testing.T) {
	w, other := newWorld(t, postern.AttestationPacked), newWorld(t, postern.AttestationPacked)
	own, foreign := w.attested(), other.attested()
	statement, err := w.admin.MetadataStatement(t.Context(), w.integration.ID)
	if err != nil {
		t.Fatal(err)
	}
	provider := w.believing(statement)
	verify := func(sent *postern.CredentialSubmission) error {
		var object protocol.AttestationObject
		if err := webauthncbor.Unmarshal(sent.AttestationObject, &object); err != nil {
			t.Fatal(err)
		}
		if err := object.AuthData.Unmarshal(object.RawAuthData); err != nil {
			t.Fatal(err)
		}
		if object.Format != "packed" {
			t.Fatalf("attestation format %q, want packed", object.Format)
		}
		hash := sha256.Sum256(sent.ClientDataJSON)
		return object.VerifyAttestation(hash[:], provider, protocol.AttestationPolicy{}, protocol.SignaturePolicy{})
	}
	if err := verify(own); err != nil {
		t.Errorf("its own phone: %s", reasons(err))
	}
	if said := reasons(verify(foreign)); !strings.Contains(said, "trust chain") {
		t.Errorf("a phone of another integration: %q, want its trust chain refused", said)
	}
	if _, err := w.admin.MetadataStatement(t.Context(), "int_00000000000000000000000000"); !postern.IsCode(err, postern.CodeNotFound) {
		t.Errorf("of no integration: %v", err)
	}
}
