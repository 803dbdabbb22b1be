package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/internal/cli"
)

// remote is the connection to a control center, embedded in every group of commands that needs one.
type remote struct {
	Server    string `help:"Address of the control center." short:"s" env:"POSTERN_URL" placeholder:"URL"`
	TokenFile string `help:"File that holds the API token, - for standard input. Or set POSTERN_TOKEN; or use postern login." placeholder:"FILE"`
	CAFile    string `name:"ca-file" help:"PEM file with the certificate authority of the control center." env:"POSTERN_CA_FILE" placeholder:"FILE"`
	JSON      bool   `help:"Print the API's JSON."`
}

// settings are what postern login remembers.
type settings struct {
	Server string `json:"server"`
	Token  string `json:"token"`
	CAFile string `json:"ca_file,omitempty"`
}

func settingsPath() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("where settings are kept: %w", err)
	}
	return filepath.Join(dir, "postern", "cli.json"), nil
}

func readSettings() (settings, error) {
	var s settings
	path, err := settingsPath()
	if err != nil {
		return s, err
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &s)
	}
	if err != nil {
		return s, fmt.Errorf("%s: %w; remove it and run postern login again", path, err)
	}
	return s, nil
}

// client makes a client from, in this order: flags, environment, what postern login remembered.
func (r *remote) client(std cli.Streams) (*postern.Client, error) {
	remembered, err := readSettings()
	if err != nil {
		return nil, err
	}
	use := settings{Server: r.Server, CAFile: r.CAFile}
	if use.Token, err = r.token(std); err != nil {
		return nil, err
	}
	if use.Server == "" {
		use.Server = remembered.Server
	}
	// A remembered token goes to the server it was remembered for, and to no other.
	if use.Token == "" && strings.TrimSuffix(use.Server, "/") == strings.TrimSuffix(remembered.Server, "/") {
		use.Token = remembered.Token
	}
	if use.CAFile == "" && use.Server == remembered.Server {
		use.CAFile = remembered.CAFile
	}
	if use.Server == "" {
		return nil, postern.Errorf(postern.CodeInvalid, "No control center is named.").
			WithNext("Run postern login, or give --server.")
	}
	return use.client()
}

func (s settings) client() (*postern.Client, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if s.CAFile != "" {
		pem, err := os.ReadFile(s.CAFile)
		if err != nil {
			return nil, err
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate in PEM form", s.CAFile)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return &postern.Client{
		BaseURL: s.Server, Token: s.Token, UserAgent: "postern-cli/" + postern.Version(),
		HTTPClient: &http.Client{Transport: transport, Timeout: time.Hour},
	}, nil
}

// token is the one given for this command, or "".
func (r *remote) token(std cli.Streams) (string, error) {
	if r.TokenFile == "" {
		return os.Getenv("POSTERN_TOKEN"), nil
	}
	return readSecret(r.TokenFile, std.In)
}

// maxSecret bounds what is read as a secret, a key or a certificate.
const maxSecret = 64 << 10

// readSecret reads a secret from a file, or from standard input when the name is -. Secrets are never taken from flags:
// those are seen by everybody on the machine and kept in the shell's history.
func readSecret(name string, stdin io.Reader) (string, error) {
	in := stdin
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return "", err
		}
		defer file.Close()
		in = file
	}
	data, err := io.ReadAll(io.LimitReader(in, maxSecret+1))
	if err != nil {
		return "", fmt.Errorf("read %s: %w", name, err)
	}
	if len(data) > maxSecret {
		return "", fmt.Errorf("%s is larger than %d bytes", name, maxSecret)
	}
	secret := strings.TrimSpace(string(data))
	if secret == "" {
		return "", postern.Errorf(postern.CodeInvalid, "%s is empty.", name).WithNext("Put the secret into it.")
	}
	return secret, nil
}

// secretFrom reads an optional secret: from the file if one is named, else from the environment.
func secretFrom(name, env string, stdin io.Reader) (string, error) {
	if name == "" {
		return os.Getenv(env), nil
	}
	return readSecret(name, stdin)
}

// loginCmd remembers a control center.
type loginCmd struct {
	Server    string `help:"Address of the control center." short:"s" env:"POSTERN_URL" required:"" placeholder:"URL"`
	TokenFile string `help:"File that holds the API token, - for standard input. Or set POSTERN_TOKEN." placeholder:"FILE"`
	CAFile    string `name:"ca-file" help:"PEM file with the certificate authority of the control center." env:"POSTERN_CA_FILE" type:"existingfile" placeholder:"FILE"`
}

// Run checks the token and remembers it, readable by its owner only.
func (c *loginCmd) Run(ctx context.Context, std cli.Streams) error {
	r := remote{TokenFile: c.TokenFile}
	token, err := r.token(std)
	if err != nil {
		return err
	}
	if token == "" {
		return postern.Errorf(postern.CodeInvalid, "No token is given.").
			WithNext("Make a token in the console, put it into a file, and give --token-file; or - to paste it.")
	}
	s := settings{Server: strings.TrimSuffix(c.Server, "/"), Token: token}
	if c.CAFile != "" {
		if s.CAFile, err = filepath.Abs(c.CAFile); err != nil {
			return err
		}
	}
	client, err := s.client()
	if err != nil {
		return err
	}
	me, err := client.Me(ctx)
	if err != nil {
		return err
	}
	path, err := settingsPath()
	if err != nil {
		return err
	}
	if err := writeSettings(path, s); err != nil {
		return err
	}
	fmt.Fprintf(std.Err, "Token %q works on %s. Remembered in %s.\n", me.Actor.Name, s.Server, path)
	return nil
}

func writeSettings(path string, s settings) error {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	// A fresh file, so that the mode of an older one does not stay.
	tmp, err := os.CreateTemp(filepath.Dir(path), ".cli-*.json")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(append(data, '\n'))
	if err = errors.Join(err, tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}
