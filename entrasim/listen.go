package entrasim

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// Config says how Listen starts an emulator. The zero value is a good one: a free port of the loopback interface, a
// tenant of DefaultUsers users, state in memory.
type Config struct {
	// Addr is what to listen on, "127.0.0.1:0" if empty.
	Addr string
	// Users, Seed, Domain, Empty and Now are the Server's.
	Users  int
	Seed   uint64
	Domain string
	Empty  bool
	Now    func() time.Time
	// Notifier posts change notifications, see Server.
	Notifier *http.Client
	// LocalPasskeys makes passkeys belong to the emulator's own address, https://localhost:PORT, instead of
	// https://login.microsoft.com: any browser can use them then, and nothing made for the real service can.
	LocalPasskeys bool
	// Levers to start with; DefaultLevers if nil.
	Levers *Levers
	// StateFile keeps the tenants across restarts, together with the signing key and the certificate authority. Empty
	// means memory only.
	StateFile string
	// CAFile is where to write the certificate of the throw-away certificate authority, in PEM. Empty means nowhere.
	CAFile string
	// Hosts are further names and addresses the certificate is good for, such as a name in a container network.
	Hosts []string
	// Log receives one line for each request; discarded if nil.
	Log *slog.Logger
}

// UserInfo names one user.
type UserInfo struct {
	ID       string `json:"id"`
	UPN      string `json:"upn"`
	Password string `json:"password,omitempty"`
}

// Running is a listening emulator and all a program needs to use it.
type Running struct {
	Server *Server `json:"-"`

	GraphURL     string `json:"graph"`     // without the version, no slash at the end
	AuthorityURL string `json:"authority"` // with a slash at the end, as azidentity wants it
	TenantID     string `json:"tenant_id"`
	Domain       string `json:"domain"`
	// ClientID and ClientSecret are the standard application's.
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
	// CAFile is set if Config.CAFile was; CAPEM is the same certificate.
	CAFile string `json:"ca_file,omitempty"`
	CAPEM  []byte `json:"-"`

	// Minimal holds UserAuthMethod-Passkey.ReadWrite.All alone; Legacy the delegated rights of a service account.
	Minimal Credentials `json:"minimal"`
	Legacy  Credentials `json:"legacy"`
	// SignInClientID is the public client for sign-in, with loopback redirect URIs on any port.
	SignInClientID string `json:"sign_in_client_id"`
	// ServiceAccount is the user the legacy application signs in as.
	ServiceAccount UserInfo `json:"service_account"`
	// Administrator is a Global Administrator.
	Administrator UserInfo `json:"administrator"`
	// Users are the first ten ordinary enabled members.
	Users []UserInfo `json:"users"`

	http     *http.Server
	listener net.Listener
	saver    *saver
	done     chan struct{}
	failure  error
	stop     sync.Once
}

// Credentials of an application.
type Credentials struct {
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
}

// Listen starts an emulator with HTTPS. It serves until Shutdown or Close; ctx bounds the start only.
func Listen(ctx context.Context, c Config) (*Running, error) {
	s := &Server{Now: c.Now, Seed: c.Seed, Users: c.Users, Domain: c.Domain, Empty: c.Empty, Log: c.Log, Notifier: c.Notifier}
	if c.Levers != nil {
		if err := c.Levers.check(); err != nil {
			return nil, err
		}
	}
	authority := &certificateAuthority{}
	if c.StateFile != "" {
		if err := s.load(c.StateFile, authority); err != nil {
			return nil, err
		}
	}
	s.init()
	if c.Levers != nil {
		if err := s.SetLevers(*c.Levers); err != nil {
			return nil, err
		}
	}
	if err := authority.make(); err != nil {
		return nil, err
	}
	host, _, _ := net.SplitHostPort(c.Addr) // what is wrong with the address, listening tells
	leaf, err := authority.leaf(append(c.Hosts, host))
	if err != nil {
		return nil, err
	}
	if c.CAFile != "" {
		if err := writeFile(c.CAFile, authority.pem(), 0o644); err != nil {
			return nil, fmt.Errorf("write the CA certificate: %w", err)
		}
	}
	addr := c.Addr
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	r := &Running{Server: s, CAPEM: authority.pem(), CAFile: c.CAFile, listener: l, done: make(chan struct{})}
	r.describe(l.Addr().(*net.TCPAddr))
	if c.LocalPasskeys {
		s.Origin = r.GraphURL
	}
	if c.StateFile != "" {
		r.saver = startSaver(s, c.StateFile, authority)
	}
	r.http = &http.Server{
		Handler: s, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 2 * time.Minute, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{leaf}, MinVersion: tls.VersionTLS12},
		ErrorLog:  slog.NewLogLogger(s.Log.Handler(), slog.LevelDebug),
	}
	go func() {
		defer close(r.done)
		if err := r.http.ServeTLS(l, "", ""); !errors.Is(err, http.ErrServerClosed) {
			r.failure = err
		}
	}()
	return r, nil
}

// describe fills in what a program needs to use the emulator.
func (r *Running) describe(addr *net.TCPAddr) {
	host := "localhost"
	if !addr.IP.IsUnspecified() && !addr.IP.IsLoopback() {
		host = addr.IP.String()
	}
	root := fmt.Sprintf("https://%s", net.JoinHostPort(host, fmt.Sprint(addr.Port)))
	r.GraphURL, r.AuthorityURL = root, root+"/"
	t := r.Server.first()
	r.TenantID, r.Domain = t.ID, t.Domain
	t.view(func() {
		credentials := func(i int) (c Credentials) {
			if i < len(t.AppOrder) {
				a := t.Apps[t.AppOrder[i]]
				c.ClientID = a.AppID
				if len(a.Secrets) > 0 {
					c.ClientSecret = a.Secrets[0].Value
				}
			}
			return c
		}
		standard := credentials(0)
		r.ClientID, r.ClientSecret = standard.ClientID, standard.ClientSecret
		r.Minimal, r.Legacy, r.SignInClientID = credentials(1), credentials(2), credentials(3).ClientID
		info := func(u *User) UserInfo {
			password := u.Password
			if password == "" {
				password = t.Password
			}
			return UserInfo{ID: u.ID, UPN: u.UPN, Password: password}
		}
		if u := t.user(ServiceAccount + "@" + t.Domain); u != nil {
			r.ServiceAccount = info(u)
		}
		t.Users.all(func(u *User) bool {
			if r.Administrator.ID == "" && slices.Contains(u.Roles, roleGlobalAdministrator) {
				r.Administrator = info(u)
			}
			if !u.Guest && !u.Disabled && len(u.Roles) == 0 && len(u.Passkeys) == 0 && !u.NoPassword {
				r.Users = append(r.Users, info(u))
			}
			return len(r.Users) < 10
		})
	})
}

// Client is an HTTP client that trusts the emulator's certificate and nothing else.
func (r *Running) Client() *http.Client {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(r.CAPEM)
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true}, Timeout: time.Minute}
}

// Wait blocks until the emulator stopped and returns why, nil after Shutdown or Close.
func (r *Running) Wait() error {
	<-r.done
	return r.failure
}

// Shutdown stops accepting, waits for running requests until ctx ends, and saves the state.
func (r *Running) Shutdown(ctx context.Context) error {
	var err error
	r.stop.Do(func() {
		err = r.http.Shutdown(ctx)
		if err != nil {
			_ = r.http.Close() // the wait was cut short; its error is the one to report
		}
		<-r.done
		if r.saver != nil {
			err = errors.Join(err, r.saver.close())
		}
	})
	return err
}

// Close stops at once and saves the state.
func (r *Running) Close() error {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := r.Shutdown(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// writeFile replaces a file in one step: readers see the old content or the new.
func writeFile(name string, data []byte, mode os.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".entrasim-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone already when all went well
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}
