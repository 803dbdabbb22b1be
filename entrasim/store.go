package entrasim

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"
)

// stateVersion is the version of the state file. A file of another version is refused.
//
//	1  first
const stateVersion = 1

// stateFile is the whole state in one JSON document. It holds secrets and keys: the emulator protects nothing.
type stateFile struct {
	Version    int            `json:"version"`
	Warning    string         `json:"warning"`
	SigningKey []byte         `json:"signing_key"` // PKCS #8
	CAKey      []byte         `json:"ca_key"`      // PKCS #8
	CACert     []byte         `json:"ca_cert"`     // DER
	Levers     Levers         `json:"levers"`
	Tenants    []storedTenant `json:"tenants"`
}

// storedTenant is a Tenant at rest.
type storedTenant struct {
	ID, Name, Domain, Region, Password string
	Created                            time.Time
	Domains                            []string
	Users, Groups                      json.RawMessage
	Apps                               map[string]*Application
	AppOrder                           []string
	Policy                             MethodsPolicy
	CA                                 ConditionalAccess
	Sessions                           SessionStore
	Audits                             eventLog[Audit]
	SignIns                            eventLog[SignIn]
	Change                             uint64
}

// store copies a tenant for the file.
func (t *Tenant) store() (st storedTenant, err error) {
	t.mu.Lock()
	t.dirty = false
	t.mu.Unlock()
	t.view(func() {
		st = storedTenant{ID: t.ID, Name: t.Name, Domain: t.Domain, Region: t.Region, Password: t.Password, Created: t.Created, Domains: t.Domains,
			AppOrder: t.AppOrder, Change: t.change}
		// What is shared with the live tenant is encoded under the lock.
		var raw []byte
		if raw, err = json.Marshal(struct {
			Apps     map[string]*Application
			Policy   MethodsPolicy
			CA       ConditionalAccess
			Sessions SessionStore
			Audits   eventLog[Audit]
			SignIns  eventLog[SignIn]
		}{t.Apps, t.Policy, t.CA, t.Sessions, t.Audits, t.SignIns}); err != nil {
			return
		}
		if err = json.Unmarshal(raw, &st); err != nil {
			return
		}
		if st.Users, err = json.Marshal(t.Users); err == nil {
			st.Groups, err = json.Marshal(t.Groups)
		}
	})
	return st, err
}

// restore makes the tenant again. Delta tokens from before are void: a restart is what 410 is for.
func (s *Server) restore(st *storedTenant) (*Tenant, error) {
	t := newTenant(s)
	t.ID, t.Name, t.Domain, t.Region, t.Password, t.Created, t.Domains = st.ID, st.Name, st.Domain, st.Region, st.Password, st.Created, st.Domains
	if st.Apps != nil {
		t.Apps = st.Apps
	}
	t.AppOrder, t.Policy, t.CA, t.Sessions, t.Audits, t.SignIns = st.AppOrder, st.Policy, st.CA, st.Sessions, st.Audits, st.SignIns
	t.change = st.Change
	var users ordered[User]
	if err := json.Unmarshal(st.Users, &users); err != nil {
		return nil, fmt.Errorf("users: %w", err)
	}
	users.all(func(u *User) bool {
		t.insertUser(u)
		return true
	})
	var groups ordered[Group]
	if err := json.Unmarshal(st.Groups, &groups); err != nil {
		return nil, fmt.Errorf("groups: %w", err)
	}
	groups.all(func(g *Group) bool {
		t.Groups.add(g.ID, g)
		t.touchGroup(g)
		return true
	})
	t.deltaFloor = t.change
	return t, nil
}

// load reads a state file into a Server that has not started; no file is no error.
func (s *Server) load(name string, a *certificateAuthority) error {
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var f stateFile
	if err := json.Unmarshal(data, &f); err != nil {
		return fmt.Errorf("state file %s cannot be read: %w; move it away to start afresh", name, err)
	}
	if f.Version != stateVersion {
		return fmt.Errorf("state file %s has version %d and this program reads version %d; move it away to start afresh", name, f.Version, stateVersion)
	}
	key, err := x509.ParsePKCS8PrivateKey(f.SigningKey)
	if err != nil {
		return fmt.Errorf("state file %s: signing key: %w", name, err)
	}
	caKey, err := x509.ParsePKCS8PrivateKey(f.CAKey)
	if err != nil {
		return fmt.Errorf("state file %s: CA key: %w", name, err)
	}
	rsaKey, ok := key.(*rsa.PrivateKey)
	ecKey, ok2 := caKey.(*ecdsa.PrivateKey)
	if !ok || !ok2 {
		return fmt.Errorf("state file %s: the keys are not of the expected kind", name)
	}
	if a.cert, err = x509.ParseCertificate(f.CACert); err != nil {
		return fmt.Errorf("state file %s: CA certificate: %w", name, err)
	}
	s.signingKey, a.key = rsaKey, ecKey
	s.stored = f.Tenants
	s.storedLevers = &f.Levers
	return nil
}

// save writes the state file.
func (s *Server) save(name string, a *certificateAuthority) error {
	f := stateFile{Version: stateVersion, Warning: "Emulator state: it holds secrets and private keys of a test tenant.", Levers: s.Levers(), CACert: a.cert.Raw}
	var err error
	if f.SigningKey, err = x509.MarshalPKCS8PrivateKey(s.key()); err != nil {
		return err
	}
	if f.CAKey, err = x509.MarshalPKCS8PrivateKey(a.key); err != nil {
		return err
	}
	for _, t := range s.all() {
		st, err := t.store()
		if err != nil {
			return err
		}
		f.Tenants = append(f.Tenants, st)
	}
	data, err := json.Marshal(f)
	if err != nil {
		return err
	}
	return writeFile(name, data, 0o600)
}

// saveInterval is how often the state is written at most; the last state is written at shutdown.
const saveInterval = 5 * time.Second

// saver writes the state when it changed.
type saver struct {
	s    *Server
	name string
	a    *certificateAuthority
	stop chan struct{}
	done sync.WaitGroup
}

func startSaver(s *Server, name string, a *certificateAuthority) *saver {
	v := &saver{s: s, name: name, a: a, stop: make(chan struct{})}
	v.done.Go(func() {
		tick := time.NewTicker(saveInterval)
		defer tick.Stop()
		for {
			select {
			case <-v.stop:
				return
			case <-tick.C:
				if !s.changed() {
					continue
				}
				if err := s.save(name, a); err != nil {
					s.Log.Error("state not saved", "file", name, "error", err)
				}
			}
		}
	})
	return v
}

// changed says whether any tenant changed since the last save.
func (s *Server) changed() (dirty bool) {
	for _, t := range s.all() {
		t.view(func() { dirty = dirty || t.dirty })
	}
	return dirty
}

func (v *saver) close() error {
	close(v.stop)
	v.done.Wait()
	return v.s.save(v.name, v.a)
}
