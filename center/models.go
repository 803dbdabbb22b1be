package center

import (
	"context"
	"crypto/x509"
	"fmt"
	"os"

	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/policy/aaguid"
	"github.com/postern/postern/center/store"
)

// ModelsConfig says where newer lists of authenticators' models come from. All empty means that a person brings them.
type ModelsConfig struct {
	// Address is where to look for a newer list each month, such as https://mds.fidoalliance.org/. Default none. What is
	// found there is told of and not applied.
	Address string `koanf:"address"`
	// Signers are the keys that verify the notes about lists that are not FIDO's, in the form of
	// golang.org/x/mod/sumdb/note. Default none.
	Signers []string `koanf:"signers"`
	// CAFile is a PEM file with the authorities to trust instead of the system's when a list is fetched.
	CAFile string `koanf:"ca_file"`
	// AllowLocal lets lists be fetched from this machine. For tests and demonstrations.
	AllowLocal bool `koanf:"allow_local"`
}

func openModels(c ModelsConfig, db *store.Store, trail *audit.Log, o Options) (*aaguid.Service, error) {
	if c.Address != "" {
		if err := aaguid.CheckAddress(c.Address); err != nil {
			return nil, fmt.Errorf("configuration: models.address: %w", err)
		}
	}
	if _, err := aaguid.Verifiers(c.Signers); err != nil {
		return nil, fmt.Errorf("configuration: models.signers: %w", err)
	}
	var cas *x509.CertPool
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("configuration: models.ca_file: %w", err)
		}
		cas = x509.NewCertPool()
		if !cas.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("configuration: models.ca_file %s holds no certificate", c.CAFile)
		}
	}
	return &aaguid.Service{
		Store: db, Audit: trail, Client: aaguid.NewClient(cas, c.AllowLocal), Now: o.Now,
		Address: c.Address, Signers: c.Signers,
	}, nil
}

// modelNames gives package inventory the names of models.
type modelNames struct{ *aaguid.Service }

// Names implements [inventory.Models].
func (m modelNames) Names(ctx context.Context) (func(aaguid string) string, error) {
	l, err := m.List(ctx)
	if err != nil {
		return nil, err
	}
	return func(id string) string {
		model, _ := l.Model(id)
		return model.Name
	}, nil
}
