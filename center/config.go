package center

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/v2"

	"github.com/postern/postern/center/entra"
)

// Config is the configuration of one control center. The zero value, completed, runs on one machine with nothing
// installed: SQLite and a key file below Data, listening on loopback.
//
// It is read from a YAML file whose keys are the names in the koanf tags, then from the environment: POSTERN_LISTEN,
// POSTERN_ENTRA_AUTHORITY and so on.
type Config struct {
	// Data is the directory of everything that Postern keeps itself. Default "./data".
	Data string `koanf:"data"`
	// Listen is the address to listen on. Default 127.0.0.1:8080.
	Listen string `koanf:"listen"`
	// PublicURL is how browsers and phones reach this Postern. Its host becomes the relying party of administrators'
	// passkeys, so it must not change later. Default http://localhost and the port of Listen.
	PublicURL string `koanf:"public_url"`
	// Database is sqlite:PATH or postgres://…. Default sqlite: with postern.db below Data.
	Database string `koanf:"database"`
	// KeyFile holds the key that seals secrets in the database. It is made if it is not there. Keep a copy of it
	// apart from the backups of the database. Default seal.key below Data.
	KeyFile string `koanf:"key_file"`
	// TLSCertificate and TLSKey are PEM files. Without them Postern speaks plain HTTP and belongs behind a proxy.
	TLSCertificate string `koanf:"tls_certificate"`
	TLSKey         string `koanf:"tls_key"`
	// TrustedProxies are the networks, in CIDR form, whose X-Forwarded-For is believed. Default none.
	TrustedProxies []string `koanf:"trusted_proxies"`
	// LogLevel is debug, info, warn or error. Default info.
	LogLevel string `koanf:"log_level"`
	// Workers is how many jobs run at once. Default 8.
	Workers int `koanf:"workers"`
	// Packages is the folder of the installers that the console gives out. Default packages beside the program.
	Packages string `koanf:"packages"`
	// Entra says which cloud the tenants are in.
	Entra EntraConfig `koanf:"entra"`
	// NATS joins the replicas of this Postern. Without it there is one process.
	NATS NATSConfig `koanf:"nats"`
	// Push says how phones are woken.
	Push PushConfig `koanf:"push"`
	// Models says where newer lists of authenticators' models come from.
	Models ModelsConfig `koanf:"models"`
	// Policy says how the policy of tenants is written.
	Policy PolicyConfig `koanf:"policy"`
	// Setup says how tenants are set up.
	Setup SetupConfig `koanf:"setup"`
	// Stories serves a page with every state of every console page under /storybook/. For demonstrations.
	Stories bool `koanf:"stories"`
}

// EntraConfig says where Entra is. All empty means Microsoft's public cloud.
type EntraConfig struct {
	// Cloud is public, us-government, us-government-dod or china.
	Cloud string `koanf:"cloud"`
	// Authority and Graph override the addresses of the cloud, for an emulator.
	Authority string `koanf:"authority"`
	Graph     string `koanf:"graph"`
	// CAFile is a PEM file with the authorities to trust instead of the system's.
	CAFile string `koanf:"ca_file"`
}

// ReadConfig reads the file, if a path is given, and the environment, and completes the result.
func ReadConfig(path string) (Config, error) {
	k := koanf.New(".")
	if path != "" {
		if err := k.Load(file.Provider(path), yaml.Parser()); err != nil {
			return Config{}, fmt.Errorf("configuration %s: %w", path, err)
		}
	}
	if err := k.Load(env.Provider(".", env.Opt{Prefix: "POSTERN_", TransformFunc: fromEnvironment}), nil); err != nil {
		return Config{}, fmt.Errorf("configuration from the environment: %w", err)
	}
	var c Config
	for _, key := range k.Keys() {
		if !slices.Contains(configKeys, key) {
			return Config{}, fmt.Errorf("configuration: there is no setting %q", key)
		}
	}
	if err := k.Unmarshal("", &c); err != nil {
		return Config{}, fmt.Errorf("configuration: %w", err)
	}
	return c.Complete()
}

// configKeys are the settings there are.
var configKeys = []string{
	"data", "listen", "public_url", "database", "key_file", "tls_certificate", "tls_key", "trusted_proxies", "log_level",
	"workers", "packages", "stories", "entra.cloud", "entra.authority", "entra.graph", "entra.ca_file",
	"nats.url", "nats.credentials_file", "nats.ca_file", "nats.tls_certificate", "nats.tls_key", "nats.prefix",
	"push.contact", "push.proxy", "push.ca_file", "push.allow_private",
	"models.address", "models.signers", "models.ca_file", "models.allow_local",
	"policy.read_back",
	"setup.client_id", "setup.read_back",
}

// fromEnvironment turns POSTERN_ENTRA_CA_FILE into entra.ca_file and POSTERN_PUBLIC_URL into public_url. Variables
// that are no setting are left alone: the command line client and the phone share the prefix.
func fromEnvironment(name, value string) (string, any) {
	key := strings.ToLower(strings.TrimPrefix(name, "POSTERN_"))
	for _, part := range []string{"entra", "nats", "push", "models", "policy"} {
		if rest, ok := strings.CutPrefix(key, part+"_"); ok {
			key = part + "." + rest
		}
	}
	if !slices.Contains(configKeys, key) {
		return "", nil
	}
	if key == "trusted_proxies" || key == "nats.url" || key == "models.signers" {
		return key, strings.Fields(strings.ReplaceAll(value, ",", " "))
	}
	return key, value
}

// Complete fills in defaults and refuses what cannot work.
func (c Config) Complete() (Config, error) {
	if c.Data == "" {
		c.Data = "data"
	}
	if c.Listen == "" {
		c.Listen = "127.0.0.1:8080"
	}
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return c, fmt.Errorf("configuration: listen must be HOST:PORT, not %q", c.Listen)
	}
	if (c.TLSCertificate == "") != (c.TLSKey == "") {
		return c, errors.New("configuration: tls_certificate and tls_key belong together")
	}
	if c.PublicURL == "" {
		if ip := net.ParseIP(host); c.TLSCertificate == "" && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return c, errors.New("configuration: public_url is needed when listening on anything but loopback; give the https:// address that people use")
		}
		scheme := "http"
		if c.TLSCertificate != "" {
			scheme = "https"
		}
		c.PublicURL = scheme + "://localhost:" + port
	}
	u, err := url.Parse(c.PublicURL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return c, fmt.Errorf("configuration: public_url must be an address such as https://postern.example.com, not %q", c.PublicURL)
	}
	c.PublicURL = u.Scheme + "://" + u.Host
	if c.Database == "" {
		c.Database = "sqlite:" + filepath.Join(c.Data, "postern.db")
	}
	if c.KeyFile == "" {
		c.KeyFile = filepath.Join(c.Data, "seal.key")
	}
	if program, err := os.Executable(); c.Packages == "" && err == nil {
		c.Packages = filepath.Join(filepath.Dir(program), "packages")
	}
	if c.LogLevel == "" {
		c.LogLevel = "info"
	}
	if c.Workers <= 0 {
		c.Workers = 8
	}
	if err := c.NATS.complete(c.Database); err != nil {
		return c, err
	}
	c.Push, err = c.Push.complete(c.PublicURL)
	return c, err
}

// cloud resolves where Entra is.
func (e EntraConfig) cloud() (entra.Cloud, error) {
	cloud, err := entra.CloudByName(e.Cloud)
	if err != nil {
		return cloud, err
	}
	if e.Authority != "" {
		cloud.Authority = e.Authority
	}
	if e.Graph != "" {
		cloud.Graph = e.Graph
	}
	if e.CAFile != "" {
		pem, err := os.ReadFile(e.CAFile)
		if err != nil {
			return cloud, fmt.Errorf("configuration: entra.ca_file: %w", err)
		}
		cloud.CAs = x509.NewCertPool()
		if !cloud.CAs.AppendCertsFromPEM(pem) {
			return cloud, fmt.Errorf("configuration: entra.ca_file %s holds no certificate", e.CAFile)
		}
	}
	return cloud, nil
}
