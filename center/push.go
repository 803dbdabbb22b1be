package center

import (
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/postern/postern/center/push"
	"github.com/postern/postern/center/seal"
	"github.com/postern/postern/center/store"
)

// PushConfig says how phones are woken by Web Push. The zero value calls the push services of browsers directly.
type PushConfig struct {
	// Contact is a mailto: or https: address for whoever runs a push service. Default PublicURL if that is https.
	Contact string `koanf:"contact"`
	// Proxy is the HTTP proxy to reach push services through.
	Proxy string `koanf:"proxy"`
	// CAFile is a PEM file with the authorities to trust instead of the system's.
	CAFile string `koanf:"ca_file"`
	// AllowPrivate lets phones name a push service in a private network, or on a port besides 443.
	AllowPrivate bool `koanf:"allow_private"`
}

func (p PushConfig) complete(publicURL string) (PushConfig, error) {
	if p.Contact == "" && strings.HasPrefix(publicURL, "https://") {
		p.Contact = publicURL
	}
	if p.Contact != "" && !strings.HasPrefix(p.Contact, "mailto:") && !strings.HasPrefix(p.Contact, "https://") {
		return p, fmt.Errorf("configuration: push.contact must be a mailto: or https: address, not %q", p.Contact)
	}
	if _, err := push.CheckProxy(p.Proxy); err != nil {
		return p, fmt.Errorf("configuration: %w", err)
	}
	return p, nil
}

// client is how push services are called.
func (p PushConfig) client() (push.ClientConfig, error) {
	client := push.ClientConfig{AllowPrivate: p.AllowPrivate}
	var err error
	if client.Proxy, err = push.CheckProxy(p.Proxy); err != nil {
		return client, fmt.Errorf("configuration: %w", err)
	}
	if p.CAFile == "" {
		return client, nil
	}
	pem, err := os.ReadFile(p.CAFile)
	if err != nil {
		return client, fmt.Errorf("configuration: push.ca_file: %w", err)
	}
	client.CAs = x509.NewCertPool()
	if !client.CAs.AppendCertsFromPEM(pem) {
		return client, errors.New("configuration: push.ca_file " + p.CAFile + " holds no certificate")
	}
	return client, nil
}

// openPush makes the service that wakes phones.
func openPush(c PushConfig, client push.ClientConfig, db *store.Store, sealer seal.Sealer, log *slog.Logger, now func() time.Time) *push.Service {
	return push.New(push.Config{
		Store: db, Sealer: sealer, Client: push.NewClient(client), AllowPrivate: c.AllowPrivate, Contact: c.Contact, Log: log, Now: now,
	})
}
