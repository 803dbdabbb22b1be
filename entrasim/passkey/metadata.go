package passkey

import (
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
)

// Metadata stands for the FIDO Metadata Service: it knows authenticator models by AAGUID and the roots their attestation
// chains end in. The models of [NewMetadata] have names only; without roots nothing they sign counts as attested, so a
// test that wants attested passkeys adds its own root with [Metadata.Add]. It is safe for concurrent use.
type Metadata struct {
	mu     sync.RWMutex
	models map[string]metadataEntry
}

type metadataEntry struct {
	name  string
	roots []*x509.Certificate
}

// NewMetadata returns the table of well-known models.
func NewMetadata() *Metadata {
	m := &Metadata{models: make(map[string]metadataEntry, len(knownModels))}
	for aaguid, name := range knownModels {
		m.models[aaguid] = metadataEntry{name: name}
	}
	return m
}

// Add names a model and appends roots its attestation may end in. An empty name keeps the name that is there.
func (m *Metadata) Add(aaguid, name string, roots ...*x509.Certificate) error {
	id, err := uuid.Parse(aaguid)
	if err != nil {
		return fmt.Errorf("AAGUID %q is not a GUID", aaguid)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.models[id.String()]
	if name != "" {
		e.name = name
	}
	e.roots = append(slices.Clip(e.roots), roots...)
	m.models[id.String()] = e
	return nil
}

// Model returns the name of a model, empty when the AAGUID is unknown.
func (m *Metadata) Model(aaguid string) string {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.models[strings.ToLower(aaguid)].name
}

// Models returns a copy of the table, AAGUID to name.
func (m *Metadata) Models() map[string]string {
	m.mu.RLock()
	defer m.mu.RUnlock()
	out := make(map[string]string, len(m.models))
	for aaguid, e := range maps.All(m.models) {
		out[aaguid] = e.name
	}
	return out
}

// errNotAttested says that a statement is correct and yet proves nothing about the model.
var errNotAttested = errors.New("attestation does not end in a root known for this AAGUID")

// Verify reports whether chain (leaf first, as in x5c) ends in a root known for aaguid, at the given time.
func (m *Metadata) Verify(aaguid string, chain []*x509.Certificate, now time.Time) error {
	m.mu.RLock()
	roots := m.models[strings.ToLower(aaguid)].roots
	m.mu.RUnlock()
	if len(roots) == 0 || len(chain) == 0 {
		return errNotAttested
	}
	opts := x509.VerifyOptions{
		Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool(), CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	}
	for _, root := range roots {
		// A metadata statement may list the attestation certificate itself instead of its issuer.
		if root.Equal(chain[0]) {
			return nil
		}
		opts.Roots.AddCert(root)
	}
	for _, c := range chain[1:] {
		opts.Intermediates.AddCert(c)
	}
	if _, err := chain[0].Verify(opts); err != nil {
		return errNotAttested
	}
	return nil
}
