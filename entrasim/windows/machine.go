package windows

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Kind is how a computer is joined.
type Kind string

// The join states that Microsoft tells apart.
const (
	None       Kind = "none"       // Microsoft account or local account
	Registered Kind = "registered" // the same, and Windows knows an account of an organisation
	AD         Kind = "ad"         // Active Directory on premises alone
	Entra      Kind = "entra"      // Microsoft Entra joined
	Hybrid     Kind = "hybrid"     // Active Directory and Entra
)

// Machine is a Windows computer, in a folder.
type Machine struct {
	dir string
	now func() time.Time

	Kind   Kind   `json:"kind"`
	Name   string `json:"name"`
	Build  Build  `json:"build"`
	Server bool   `json:"server,omitempty"`             // Windows Server
	NoKeys bool   `json:"no_security_keys,omitempty"`   // no policy switches security keys on at the sign-in screen
	Domain string `json:"on_prem_domain,omitempty"`     // of Active Directory: AD and Hybrid
	Salt   []byte `json:"salt,omitempty"`               // of this machine, for hmac-secret
	Entra  *tie   `json:"entra,omitempty"`              // Entra and Hybrid
	Users  users  `json:"users,omitempty"`              // who signed in here, by object id
	Who    *logon `json:"session,omitempty"`            // nobody is signed in: nil
	Failed *tried `json:"prt_attempt_failed,omitempty"` // the last PRT request, where it failed
}

type users map[string]*user

// tie is a computer's registration with a tenant.
type tie struct {
	Authority   string `json:"authority"`
	CA          []byte `json:"ca,omitempty"` // PEM; none: that of the system
	Domain      string `json:"domain"`
	TenantID    string `json:"tenant_id"`
	DeviceID    string `json:"device_id"`
	Certificate []byte `json:"certificate"`
	Device      []byte `json:"device_key"`    // PKCS #8
	Transport   []byte `json:"transport_key"` // PKCS #8
}

// user is what Windows keeps of one who signed in.
type user struct {
	ID   string `json:"id"` // object id
	UPN  string `json:"upn"`
	Name string `json:"name"`
	SID  string `json:"sid"`
	// Barred is the code with which Entra said that there is no such user any more. It holds offline too, and ends with the
	// next sign-in that Entra takes.
	Barred string `json:"barred,omitempty"`
	// Logons are the cached ones, one for each passkey. A passkey never touches another one's.
	Logons []*cached `json:"cached_logons"`
	PRT    *token    `json:"prt,omitempty"`
}

// token is a primary refresh token.
type token struct {
	Session []byte    `json:"session_key"` // encrypted to the transport key, as it came
	Sealed  []byte    `json:"sealed"`      // the token, under the session key
	Secret  []byte    `json:"secret"`      // the user's secret, under the session key
	Updated time.Time `json:"updated"`
	Expires time.Time `json:"expires"`
	Cloud   bool      `json:"cloud_tgt"`
	OnPrem  bool      `json:"on_prem_tgt"`
}

// logon is who is signed in.
type logon struct {
	User   string    `json:"user"`
	Mode   Mode      `json:"mode"`
	At     time.Time `json:"at"`
	Locked bool      `json:"locked,omitempty"`
}

// tried is a PRT request that failed, as dsregcmd tells of it.
type tried struct {
	Status string    `json:"status"`
	Code   string    `json:"code,omitempty"`
	Text   string    `json:"text,omitempty"`
	At     time.Time `json:"at"`
}

// ErrNoMachine says that the folder holds no computer.
var ErrNoMachine = errors.New("no computer is in this folder; make one with join")

const machineFile = "machine.json"

// Open reads a computer from its folder. now nil is the clock of this machine.
func Open(dir string, now func() time.Time) (*Machine, error) {
	text, err := os.ReadFile(filepath.Join(dir, machineFile)) // #nosec G304 -- who runs the program names the folder
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNoMachine
	}
	if err != nil {
		return nil, err
	}
	m := &Machine{}
	if err := json.Unmarshal(text, m); err != nil {
		return nil, fmt.Errorf("%s: %w", machineFile, err)
	}
	m.place(dir, now)
	return m, nil
}

func (m *Machine) place(dir string, now func() time.Time) {
	if now == nil {
		now = time.Now
	}
	if m.Users == nil {
		m.Users = users{}
	}
	m.dir, m.now = dir, now
}

// save keeps the computer: all or nothing.
func (m *Machine) save() error {
	text, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return err
	}
	return replace(filepath.Join(m.dir, machineFile), text)
}

func replace(path string, content []byte) error {
	if err := os.WriteFile(path+".new", content, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// Lock locks the session that is there.
func (m *Machine) Lock() error {
	if m.Who == nil {
		return errors.New("nobody is signed in")
	}
	m.Who.Locked = true
	return m.save()
}

// SignOut ends the session that is there.
func (m *Machine) SignOut() error {
	if m.Who == nil {
		return errors.New("nobody is signed in")
	}
	m.Who = nil
	return m.save()
}

// SignedIn names who is signed in; empty: nobody. Locked: and has locked the computer.
func (m *Machine) SignedIn() (upn string, locked bool) {
	if m.Who == nil {
		return "", false
	}
	return m.Users[m.Who.User].UPN, m.Who.Locked
}
