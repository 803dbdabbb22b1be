package entrasim

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/postern/postern/entrasim/passkey"
)

// Tenant is one Entra directory with everything in it.
//
// Locking: mu guards every field below it and everything reachable from there. Use view to read and update to change;
// both run a function under the lock. Inside, do no I/O, no cryptography and no call to view or update (the lock does
// not nest). No pointer into the state may leave the function: copy what you need (Users, Groups and Passkeys have
// clone methods). update marks the state as changed so that it is saved.
type Tenant struct {
	// ID, Name, Domain and Created never change after the tenant is made and may be read without the lock.
	ID      string
	Name    string
	Domain  string // the initial verified domain, such as contoso.onmicrosoft.com
	Created time.Time

	srv *Server

	mu    sync.RWMutex
	dirty bool

	Domains  []string // all verified domains; Domain is one of them
	Region   string
	Users    ordered[User]
	Groups   ordered[Group]
	Apps     map[string]*Application // by client id (appId)
	AppOrder []string                // client ids as they were made; the seeded ones first: standard, minimal, legacy, sign-in
	Policy   MethodsPolicy
	CA       ConditionalAccess
	Sessions SessionStore
	Audits   eventLog[Audit]
	SignIns  eventLog[SignIn]

	// Licences are what the tenant bought, TechnicalMails whom Microsoft writes to. A CloudOnly tenant synchronises nothing from
	// Active Directory.
	Licences       []licence
	TechnicalMails []string
	CloudOnly      bool
	Devices        DeviceSettings
	// SecurityDefaults says whether they are on. They refuse the password grant, and nothing else here.
	SecurityDefaults bool
	// Computers are the device objects. NoKerberos says that nobody ran Set-AzureADKerberosServer.
	Computers   ordered[Computer]
	NoKerberos  bool
	ActiveRoles []string // role templates that directoryRoles lists; all if nil

	// Password is what every user signs in with who has none of their own.
	Password string

	upns        map[string]string // lower-case user principal name to user id
	creds       map[string]string // raw credential id to user id
	change      uint64            // grows with every visible change of a user or group; delta tokens are values of it
	removed     []tombstone
	deleted     map[string]deletedUser // by object id, until they are restored
	deltaFloor  uint64                 // delta tokens from before this change are answered with 410
	memberFloor uint64

	shownBefore []policyVersion // policies that delayed reads still show, oldest first

	subscribers subscriptions // has a lock of its own
}

// tombstone remembers a deleted user or group for delta queries.
type tombstone struct {
	Kind   string // "user" or "group"
	ID     string
	Change uint64
}

// view runs f with the tenant locked for reading.
func (t *Tenant) view(f func()) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	f()
}

// update runs f with the tenant locked for writing and marks the state as changed.
func (t *Tenant) update(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.dirty = true
	f()
}

// now is the server's clock, levers included.
func (t *Tenant) now() time.Time { return t.srv.now() }

// User is a member or guest of the directory. Property names in JSON are the state file's, not Graph's.
type User struct {
	ID                string
	UPN               string
	DisplayName       string
	GivenName         string `json:",omitempty"`
	Surname           string `json:",omitempty"`
	Mail              string `json:",omitempty"`
	Department        string `json:",omitempty"`
	JobTitle          string `json:",omitempty"`
	OfficeLocation    string `json:",omitempty"`
	MobilePhone       string `json:",omitempty"`
	PreferredLanguage string `json:",omitempty"`
	UsageLocation     string `json:",omitempty"`
	EmployeeID        string `json:",omitempty"`
	Guest             bool   `json:",omitempty"`
	Disabled          bool   `json:",omitempty"`
	Created           time.Time
	OnPremises        *OnPremises `json:",omitempty"`

	// Roles holds the role template ids of the directory roles assigned to the user.
	Roles []string `json:",omitempty"`
	// RoleChanges are those of Roles that reads and rights do not follow yet.
	RoleChanges map[string]roleChange `json:",omitempty"`

	Password          string         `json:",omitempty"` // empty: the tenant's
	PasswordPolicies  string         `json:",omitempty"`
	ForceChange       bool           `json:",omitempty"` // the password must be changed before it is good for anything
	NoPassword        bool           `json:",omitempty"` // passwordless only
	MFARequired       bool           `json:",omitempty"`
	SessionsValidFrom time.Time      `json:",omitzero"` // refresh tokens and sessions from before are void
	TemporaryPass     *TemporaryPass `json:",omitempty"`
	Passkeys          []*Passkey     `json:",omitempty"`
	Methods           []*Method      `json:",omitempty"` // other ones

	VisibleAt time.Time `json:",omitzero"` // replication: reads do not see the user before
	GoneAt    time.Time `json:",omitzero"`

	change uint64
}

// OnPremises holds the attributes synchronised from Active Directory.
type OnPremises struct {
	SamAccountName     string
	DomainName         string
	SecurityIdentifier string
	ImmutableID        string
	LastSync           time.Time
	// Protected stands for a member of the groups whose passwords a read-only domain controller may not have.
	Protected bool `json:",omitempty"`
}

// TemporaryPass is a Temporary Access Pass: a passcode that counts as strong authentication for a short while.
type TemporaryPass struct {
	Code    string
	From    time.Time
	Until   time.Time
	OneTime bool
	Used    bool `json:",omitempty"`
}

// Passkey is one registered FIDO2 credential: what Graph shows of it and what sign-in verifies against.
type Passkey struct {
	// ID is the method id of Graph: the credential id in the .NET UrlTokenEncode form. It is opaque to clients.
	ID       string
	Created  time.Time
	LastUsed time.Time `json:",omitzero"`

	// Credential is what was verified at registration. Only its SignCount changes afterwards.
	Credential passkey.Credential

	VisibleAt time.Time `json:",omitzero"`
	// GoneAt is set when the passkey was deleted: sign-in refuses it from then on, reads still show it until GoneAt
	// (replication).
	GoneAt time.Time `json:",omitzero"`
}

// Group is a security group, a dynamic group or a Microsoft 365 group.
type Group struct {
	ID               string
	DisplayName      string
	Description      string   `json:",omitempty"`
	MailNickname     string   `json:",omitempty"`
	Mail             string   `json:",omitempty"`
	MailEnabled      bool     `json:",omitempty"`
	SecurityEnabled  bool     `json:",omitempty"`
	GroupTypes       []string `json:",omitempty"` // "Unified", "DynamicMembership"
	MembershipRule   string   `json:",omitempty"`
	RoleAssignable   bool     `json:",omitempty"`
	OnPremisesSynced bool     `json:",omitempty"`
	Created          time.Time
	Owners           []string `json:",omitempty"`
	CreatedByApp     string   `json:",omitempty"` // client id; Group.Create alone may change only what it made and owns
	Members          ordered[Membership]

	VisibleAt time.Time `json:",omitzero"`

	change    uint64
	memberLog []memberChange
}

// Membership is one direct member of a group.
type Membership struct {
	ID        string    // of a user or a group
	Kind      string    // "user" or "group"
	VisibleAt time.Time `json:",omitzero"`
	GoneAt    time.Time `json:",omitzero"` // removed, but reads still show it until then
}

type memberChange struct {
	Change  uint64
	ID      string
	Kind    string
	Removed bool
}

func (u *User) key() string       { return u.ID }
func (g *Group) key() string      { return g.ID }
func (m *Membership) key() string { return m.ID }

// clone is a deep copy that may leave the lock.
func (u *User) clone() *User {
	c := *u
	if u.OnPremises != nil {
		o := *u.OnPremises
		c.OnPremises = &o
	}
	if u.TemporaryPass != nil {
		p := *u.TemporaryPass
		c.TemporaryPass = &p
	}
	c.Roles = append([]string(nil), u.Roles...)
	c.RoleChanges = maps.Clone(u.RoleChanges)
	c.Methods = append([]*Method(nil), u.Methods...) // a Method never changes
	c.Passkeys = make([]*Passkey, len(u.Passkeys))
	for i, k := range u.Passkeys {
		c.Passkeys[i] = k.clone()
	}
	return &c
}

// clone copies the passkey; the byte slices of its record are never written after registration and may be shared.
func (k *Passkey) clone() *Passkey {
	c := *k
	return &c
}

// live says that the passkey has not been deleted: sign-in may use it.
func (k *Passkey) live() bool { return k.GoneAt.IsZero() }

// livePasskeys are the passkeys that sign-in may use, whatever replication shows.
func (u *User) livePasskeys() []*Passkey {
	var live []*Passkey
	for _, k := range u.Passkeys {
		if k.live() {
			live = append(live, k)
		}
	}
	return live
}

// user finds a user by object id or user principal name. The caller holds the lock.
func (t *Tenant) user(key string) *User {
	if u := t.Users.get(strings.ToLower(key)); u != nil {
		return u
	}
	if id, ok := t.upns[strings.ToLower(key)]; ok {
		return t.Users.get(id)
	}
	return nil
}

// userByCredential finds the owner of a raw credential id. The caller holds the lock.
func (t *Tenant) userByCredential(id []byte) *User {
	if owner, ok := t.creds[string(id)]; ok {
		return t.Users.get(owner)
	}
	return nil
}

// group finds a group by object id. The caller holds the lock.
func (t *Tenant) group(id string) *Group { return t.Groups.get(strings.ToLower(id)) }

// touchUser records that a user changed, for delta queries. The caller holds the lock for writing.
func (t *Tenant) touchUser(u *User) {
	t.change++
	u.change = t.change
	t.noteUser(u.ID, false)
}

func (t *Tenant) touchGroup(g *Group) {
	t.change++
	g.change = t.change
}

// insertUser puts a user into the directory and its indexes. The caller holds the lock, and knows that id and user
// principal name are free.
func (t *Tenant) insertUser(u *User) {
	t.Users.add(u.ID, u)
	t.upns[strings.ToLower(u.UPN)] = u.ID
	for _, k := range u.Passkeys {
		if k.live() {
			t.creds[string(k.Credential.ID)] = u.ID
		}
	}
	t.touchUser(u)
}

// maxTombstones bounds what delta queries can tell about deletions; tokens from before the oldest are answered with 410.
const maxTombstones = 50000

// bury records a deletion for delta queries. The caller holds the lock for writing.
func (t *Tenant) bury(kind, id string) {
	t.change++
	if len(t.removed) >= maxTombstones {
		drop := maxTombstones / 10
		t.deltaFloor = t.removed[drop-1].Change
		t.removed = append([]tombstone(nil), t.removed[drop:]...)
	}
	t.removed = append(t.removed, tombstone{kind, id, t.change})
}

// deletedUser is what is kept of a deleted user, to restore it from.
type deletedUser struct {
	user   *User
	groups []string // whose member it was
}

// deleteUser removes a user with everything that hangs on it, and keeps it to be restored. The caller holds the lock for
// writing.
func (t *Tenant) deleteUser(u *User) {
	kept := deletedUser{user: u}
	delete(t.upns, strings.ToLower(u.UPN))
	for _, k := range u.Passkeys {
		delete(t.creds, string(k.Credential.ID))
	}
	t.Groups.all(func(g *Group) bool {
		if m := g.Members.get(u.ID); m != nil {
			if m.GoneAt.IsZero() {
				kept.groups = append(kept.groups, g.ID)
			}
			g.Members.remove(u.ID)
			t.logMember(g, u.ID, "user", true)
		}
		return true
	})
	t.Users.remove(u.ID)
	t.bury("user", u.ID)
	t.noteUser(u.ID, true)
	if t.deleted == nil {
		t.deleted = make(map[string]deletedUser)
	}
	t.deleted[u.ID] = kept
}

// restoreUser brings a deleted user back with passkeys and memberships, as Entra does within thirty days. The caller
// holds the lock for writing.
func (t *Tenant) restoreUser(id string) bool {
	kept, ok := t.deleted[id]
	if !ok || t.upns[strings.ToLower(kept.user.UPN)] != "" {
		return false
	}
	delete(t.deleted, id)
	t.removed = slices.DeleteFunc(t.removed, func(r tombstone) bool { return r.Kind == "user" && r.ID == id })
	t.insertUser(kept.user)
	for _, group := range kept.groups {
		if g := t.Groups.get(group); g != nil {
			t.addMember(g, id, "user", 0)
		}
	}
	return true
}

// maxMemberLog bounds what groups/delta can tell about one group's members.
const maxMemberLog = 50000

// logMember records a change of membership for delta queries. The caller holds the lock for writing.
func (t *Tenant) logMember(g *Group, id, kind string, removed bool) {
	t.touchGroup(g)
	if len(g.memberLog) >= maxMemberLog {
		drop := maxMemberLog / 10
		t.memberFloor = max(t.memberFloor, g.memberLog[drop-1].Change)
		g.memberLog = append([]memberChange(nil), g.memberLog[drop:]...)
	}
	g.memberLog = append(g.memberLog, memberChange{Change: g.change, ID: id, Kind: kind, Removed: removed})
}
