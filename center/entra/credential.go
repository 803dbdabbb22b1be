package entra

import (
	"log/slog"

	"github.com/postern/postern"
)

// Credential is what proves Postern to Entra. It never prints or logs its secrets.
type Credential struct {
	Kind         postern.CredentialKind
	ClientSecret string
	Certificate  []byte // PEM, the leaf first
	PrivateKey   []byte // PEM, unencrypted
	Username     string // the service account, legacy mode; or whose Token it is
	Password     string
	Token        string // an administrator's access token; see OpenDelegated
}

// String names the kind and hides the rest.
func (c Credential) String() string { return "entra.Credential{" + string(c.Kind) + "}" }

// GoString is String, so that %#v hides as much.
func (c Credential) GoString() string { return c.String() }

// LogValue names the kind and hides the rest.
func (c Credential) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalJSON refuses to spell the secrets out to an encoder that meets a Credential by accident.
func (c Credential) MarshalJSON() ([]byte, error) { return []byte(`"` + string(c.Kind) + `"`), nil }
