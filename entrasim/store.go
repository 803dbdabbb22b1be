package entrasim

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"
)

// stateVersion is the version of the state file. A file of another version is refused.
//
//	1  first
const stateVersion = 1

// The state file is a sequence of JSON values, one a line: a header, then for each tenant its own line followed by one
// line for each of its users and groups. It holds secrets and keys: the emulator protects nothing.
//
//	{"header":{"version":1,…}} {"tenant":{…}} {"user":{…}}… {"group":{…}}… {"tenant":{…}}…
type stateLine struct {
	Header *stateHeader  `json:"header,omitempty"`
	Tenant *storedTenant `json:"tenant,omitempty"`
	User   *User         `json:"user,omitempty"`
	Group  *Group        `json:"group,omitempty"`
}

type stateHeader struct {
	Version    int    `json:"version"`
	Warning    string `json:"warning"`
	SigningKey []byte `json:"signing_key"` // PKCS #8
	CAKey      []byte `json:"ca_key"`      // PKCS #8
	CACert     []byte `json:"ca_cert"`     // DER
	Levers     Levers `json:"levers"`
}

// storedTenant is a Tenant at rest, less its users and groups.
type storedTenant struct {
	ID, Name, Domain, Region, Password string
	Created                            time.Time
	Domains                            []string
	Apps                               map[string]*Application
	AppOrder                           []string
	Policy                             MethodsPolicy
	CA                                 ConditionalAccess
	Sessions                           SessionStore
	Audits                             eventLog[Audit]
	SignIns                            eventLog[SignIn]
	Change                             uint64
	Licences                           *[]licence // all of them in files from before they were told apart
	TechnicalMails                     []string   `json:",omitempty"`
	CloudOnly                          bool       `json:",omitempty"`
	Devices                            DeviceSettings
	ActiveRoles                        []string `json:",omitempty"`
	SecurityDefaults                   bool     `json:",omitempty"`
	Computers                          ordered[Computer]
	NoKerberos                         bool `json:",omitempty"`
}

// encode writes the lines of a tenant, as of one moment.
func (t *Tenant) encode(enc *json.Encoder) (err error) {
	t.mu.Lock()
	t.dirty = false
	t.mu.Unlock()
	t.view(func() {
		err = enc.Encode(stateLine{Tenant: &storedTenant{
			ID: t.ID, Name: t.Name, Domain: t.Domain, Region: t.Region, Password: t.Password, Created: t.Created,
			Domains: t.Domains, Apps: t.Apps, AppOrder: t.AppOrder, Policy: t.Policy, CA: t.CA, Sessions: t.Sessions, Audits: t.Audits, SignIns: t.SignIns, Change: t.change,
			Licences: &t.Licences, TechnicalMails: t.TechnicalMails, CloudOnly: t.CloudOnly, Devices: t.Devices, ActiveRoles: t.ActiveRoles, SecurityDefaults: t.SecurityDefaults,
			Computers: t.Computers, NoKerberos: t.NoKerberos,
		}})
		t.Users.all(func(u *User) bool {
			if err == nil {
				err = enc.Encode(stateLine{User: u})
			}
			return err == nil
		})
		t.Groups.all(func(g *Group) bool {
			if err == nil {
				err = enc.Encode(stateLine{Group: g})
			}
			return err == nil
		})
	})
	return err
}

// restore makes the tenant again, still empty. Delta tokens from before are void: a restart is what 410 is for.
func (s *Server) restore(st *storedTenant) *Tenant {
	t := newTenant(s)
	t.ID, t.Name, t.Domain, t.Region, t.Password, t.Created, t.Domains = st.ID, st.Name, st.Domain, st.Region, st.Password, st.Created, st.Domains
	if st.Apps != nil {
		t.Apps = st.Apps
	}
	t.addFirstParty()
	t.AppOrder, t.Policy, t.CA, t.Sessions, t.Audits, t.SignIns = st.AppOrder, st.Policy, st.CA, st.Sessions, st.Audits, st.SignIns
	t.change = st.Change
	if t.Licences = allLicences(); st.Licences != nil {
		t.Licences = *st.Licences
	}
	t.SecurityDefaults, t.Computers, t.NoKerberos = st.SecurityDefaults, st.Computers, st.NoKerberos
	t.TechnicalMails, t.CloudOnly, t.Devices, t.ActiveRoles = st.TechnicalMails, st.CloudOnly, st.Devices, st.ActiveRoles
	return t
}

var errStateOrder = errors.New("the lines are not in their order")

// decode reads a state file: the header and the tenants.
func (s *Server) decode(r io.Reader) (h *stateHeader, tenants []*Tenant, err error) {
	dec := json.NewDecoder(r)
	var t *Tenant
	for {
		var line stateLine
		err := dec.Decode(&line)
		if errors.Is(err, io.EOF) {
			break
		}
		switch {
		case err != nil:
			return nil, nil, err
		case line.Header != nil:
			if h = line.Header; h.Version != stateVersion {
				return nil, nil, fmt.Errorf("it has version %d and this program reads version %d", h.Version, stateVersion)
			}
		case h == nil:
			return nil, nil, errStateOrder
		case line.Tenant != nil:
			t = s.restore(line.Tenant)
			tenants = append(tenants, t)
		case t == nil:
			return nil, nil, errStateOrder
		case line.User != nil:
			t.insertUser(line.User)
		case line.Group != nil:
			t.Groups.add(line.Group.ID, line.Group)
			t.touchGroup(line.Group)
		}
	}
	if h == nil || len(tenants) == 0 {
		return nil, nil, errStateOrder
	}
	for _, t := range tenants {
		t.deltaFloor = t.change
	}
	return h, tenants, nil
}

// load reads a state file into a Server that has not started; no file is no error.
func (s *Server) load(name string, a *certificateAuthority) error {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // it was only read
	h, tenants, err := s.decode(bufio.NewReaderSize(f, 1<<20))
	if err == nil {
		err = a.restore(h)
	}
	var key any
	if err == nil {
		key, err = x509.ParsePKCS8PrivateKey(h.SigningKey)
	}
	if err != nil {
		return fmt.Errorf("state file %s cannot be read: %w; move it away to start afresh", name, err)
	}
	var ok bool
	if s.signingKey, ok = key.(*rsa.PrivateKey); !ok {
		return fmt.Errorf("state file %s: the signing key is of another kind; move it away to start afresh", name)
	}
	s.stored, s.storedLevers = tenants, &h.Levers
	return nil
}

// restore takes the authority from a state file.
func (a *certificateAuthority) restore(h *stateHeader) error {
	key, err := x509.ParsePKCS8PrivateKey(h.CAKey)
	if err != nil {
		return err
	}
	var ok bool
	if a.key, ok = key.(*ecdsa.PrivateKey); !ok {
		return errors.New("the CA key is of another kind")
	}
	a.cert, err = x509.ParseCertificate(h.CACert)
	return err
}

// save writes the state file.
func (s *Server) save(name string, a *certificateAuthority) error {
	h := stateHeader{Version: stateVersion, Warning: "Emulator state: it holds secrets and private keys of a test tenant.", Levers: s.Levers(), CACert: a.cert.Raw}
	var err error
	if h.SigningKey, err = x509.MarshalPKCS8PrivateKey(s.key()); err != nil {
		return err
	}
	if h.CAKey, err = x509.MarshalPKCS8PrivateKey(a.key); err != nil {
		return err
	}
	// Encoding goes to memory first, so that no lock is held while the disk is waited for.
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	if err := enc.Encode(stateLine{Header: &h}); err != nil {
		return err
	}
	for _, t := range s.all() {
		if err := t.encode(enc); err != nil {
			return err
		}
	}
	return writeFile(name, buf.Bytes(), 0o600)
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
