package center

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/postern/postern/center/backbone"
	"github.com/postern/postern/center/replica"
	"github.com/postern/postern/center/web"
	"github.com/postern/postern/link/relay"
)

// messaging is what joins the replicas of a control center: frames between devices that reached different ones, and
// notices of what changed.
type messaging struct {
	Fabric  relay.Fabric
	Notices backbone.Backbone
	Close   func() error

	bus *replica.Bus // nil: this process is the only one
}

// openMessaging opens what the configuration asks for: within this process, where there is no other.
func openMessaging(_ context.Context, c Config, log *slog.Logger) (messaging, error) {
	if len(c.NATS.URL) == 0 {
		return messaging{Fabric: &relay.InProcess{}, Notices: &backbone.InProcess{}, Close: func() error { return nil }}, nil
	}
	bus, err := replica.Open(replica.Config{
		URLs: c.NATS.URL, CredentialsFile: c.NATS.CredentialsFile, CAFile: c.NATS.CAFile,
		Certificate: c.NATS.TLSCertificate, Key: c.NATS.TLSKey,
		Prefix: cmp.Or(c.NATS.Prefix, replica.DefaultPrefix(c.PublicURL)), Log: log,
	})
	if err != nil {
		return messaging{}, fmt.Errorf("configuration: %w", err)
	}
	return messaging{Fabric: bus.Fabric, Notices: bus.Notices, Close: func() error { bus.Close(); return nil }, bus: bus}, nil
}

// check is how the connection to other replicas stands. Without it this replica still does its work, so that is no
// reason to take it out of service: with all of them out there would be none.
func (m messaging) check() (check web.Check, ok bool) {
	if m.bus == nil {
		return web.Check{}, false
	}
	check = web.Check{Name: "replicas", OK: m.bus.Connected(), Message: "are joined by NATS"}
	if !check.OK {
		check.Message = "NATS does not answer; phones and workstations at different replicas do not reach each other"
	}
	return check, true
}

// NATSConfig says how the replicas of this Postern are joined. All empty: there is one process.
type NATSConfig struct {
	// URL are the addresses of a NATS cluster, nats://… or tls://…, of which any will do. They may hold a user and a
	// password.
	URL []string `koanf:"url"`
	// CredentialsFile holds a NATS user's JWT and seed.
	CredentialsFile string `koanf:"credentials_file"`
	// CAFile is a PEM file with the authorities to trust instead of the system's.
	CAFile string `koanf:"ca_file"`
	// TLSCertificate and TLSKey are PEM files to show to NATS.
	TLSCertificate string `koanf:"tls_certificate"`
	TLSKey         string `koanf:"tls_key"`
	// Prefix begins every subject. Default postern. and a hash of PublicURL.
	Prefix string `koanf:"prefix"`
}

// complete refuses what cannot work.
func (n NATSConfig) complete(database string) error {
	switch {
	case len(n.URL) == 0 && n.CredentialsFile+n.CAFile+n.TLSCertificate+n.TLSKey+n.Prefix != "":
		return errors.New("configuration: nats has settings but no url")
	case len(n.URL) > 0 && strings.HasPrefix(database, "sqlite:"):
		return errors.New("configuration: nats.url joins replicas, and these share a PostgreSQL database; set database to postgres://…, or leave nats.url out")
	case (n.TLSCertificate == "") != (n.TLSKey == ""):
		return errors.New("configuration: nats.tls_certificate and nats.tls_key belong together")
	}
	return nil
}
