package entrasim

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/protocol/webauthncose"

	"github.com/postern/postern/entrasim/passkey"
)

// Population is many people, groups and applications at once, with passkeys whose keys the caller has. Nothing of it goes
// through the passkey policy: it is what was there before the policy.
type Population struct {
	// Reset first removes every user, group and device, ends all sessions, clears the logs and puts all policies back to
	// those of a new tenant. Applications stay; delta tokens are void.
	Reset        bool              `json:"reset,omitempty"`
	Groups       []GroupSpec       `json:"groups,omitempty"`
	Users        []UserSpec        `json:"users,omitempty"`
	Applications []ApplicationSpec `json:"applications,omitempty"`
}

// GroupSpec is a group. Members name users by id or user principal name and groups by id or name, in any order.
type GroupSpec struct {
	ID      string   `json:"id,omitempty"` // made if empty
	Name    string   `json:"name"`
	Kind    string   `json:"kind,omitempty"` // "security" (if empty), "microsoft365" or "distribution"
	Dynamic bool     `json:"dynamic,omitempty"`
	Members []string `json:"members,omitempty"`
}

// UserSpec is a user. A user with the id or name of one who is there already replaces their passkeys, methods, roles and
// flags; what is absent is then empty.
type UserSpec struct {
	ID          string        `json:"id,omitempty"`  // made if empty
	UPN         string        `json:"upn,omitempty"` // made from the name or id if empty; a name without @ is in the tenant's domain
	DisplayName string        `json:"display_name,omitempty"`
	Guest       bool          `json:"guest,omitempty"`
	Disabled    bool          `json:"disabled,omitempty"`
	NoPassword  bool          `json:"no_password,omitempty"`
	Password    string        `json:"password,omitempty"`
	Roles       []string      `json:"roles,omitempty"`   // template ids
	Groups      []string      `json:"groups,omitempty"`  // by id or name
	Methods     []string      `json:"methods,omitempty"` // other methods, as userRegistrationDetails names them
	Created     time.Time     `json:"created,omitzero"`
	Passkeys    []PasskeySpec `json:"passkeys,omitempty"`
}

// PasskeySpec is a registered passkey. Bytes are base64url without padding.
type PasskeySpec struct {
	CredentialID string    `json:"credential_id,omitempty"` // made if empty
	PublicKey    string    `json:"public_key,omitempty"`    // COSE_Key (RFC 9052 §7); without one nobody can sign in with it
	AAGUID       string    `json:"aaguid"`
	Name         string    `json:"name,omitempty"`
	Synced       bool      `json:"synced,omitempty"` // its assertions must have the BE flag
	Attested     bool      `json:"attested,omitempty"`
	SignCount    uint32    `json:"sign_count,omitempty"`
	Created      time.Time `json:"created,omitzero"`
	LastUsed     time.Time `json:"last_used,omitzero"`
}

// ApplicationSpec is a public client to sign in at. One with the client id of an application that is there replaces it.
type ApplicationSpec struct {
	ClientID     string   `json:"client_id,omitempty"` // made if empty
	Name         string   `json:"name"`
	RedirectURIs []string `json:"redirect_uris,omitempty"` // http://localhost if empty
}

// Populated says what was made, in the order of the Population.
type Populated struct {
	Groups       []string        `json:"groups"` // ids
	Users        []PopulatedUser `json:"users"`
	Applications []string        `json:"applications"` // client ids
}

// PopulatedUser is a user with what signing in needs.
type PopulatedUser struct {
	ID         string   `json:"id"`
	UPN        string   `json:"upn"`
	UserHandle string   `json:"user_handle"` // base64url
	Passkeys   []string `json:"passkeys"`    // credential ids, base64url
}

// Populate adds a Population to a tenant by id or domain, "first" being the first. It adds all or nothing.
func (s *Server) Populate(tenant string, p Population) (Populated, error) {
	s.init()
	t := s.tenant(tenant)
	if tenant == "first" {
		t = s.first()
	}
	if t == nil {
		return Populated{}, errors.New("no such tenant")
	}
	return t.populate(p)
}

// populating is a Population on its way: everything is checked and made before the directory changes.
type populating struct {
	t      *Tenant
	now    time.Time
	users  []*User
	groups []*Group
	apps   []*Application
	// taken are the ids and lower-case names of what is there and what is being made.
	userKeys, groupKeys map[string]string
	creds               map[string]bool
}

func (t *Tenant) populate(p Population) (out Populated, err error) {
	b := &populating{t: t, now: t.now().UTC().Truncate(time.Second), userKeys: map[string]string{}, groupKeys: map[string]string{}, creds: map[string]bool{}}
	if err := b.prepare(&p); err != nil {
		return out, err
	}
	t.update(func() {
		undo := func() {}
		if p.Reset {
			undo = t.empty(b.now)
		}
		if err = b.references(&p); err != nil {
			undo()
			return
		}
		b.insert(&p)
	})
	if err != nil {
		return out, err
	}
	out = Populated{Groups: []string{}, Users: []PopulatedUser{}, Applications: []string{}}
	for _, g := range b.groups {
		out.Groups = append(out.Groups, g.ID)
	}
	for _, a := range b.apps {
		out.Applications = append(out.Applications, a.AppID)
	}
	for _, u := range b.users {
		handle, err := passkey.UserHandle(t.ID, u.ID)
		if err != nil {
			return out, err
		}
		pu := PopulatedUser{ID: u.ID, UPN: u.UPN, UserHandle: encodeBase64URL(handle), Passkeys: []string{}}
		for _, k := range u.Passkeys {
			pu.Passkeys = append(pu.Passkeys, encodeBase64URL(k.Credential.ID))
		}
		out.Users = append(out.Users, pu)
	}
	return out, nil
}

// idOr checks an id or makes one.
func (b *populating) idOr(id string) (string, error) {
	if id == "" {
		return b.t.srv.newID(), nil
	}
	if !isGUID(id) {
		return "", fmt.Errorf("%q is not a GUID", id)
	}
	return strings.ToLower(id), nil
}

// prepare makes the objects of a Population without looking at the directory.
func (b *populating) prepare(p *Population) error {
	for i := range p.Groups {
		g, err := b.group(&p.Groups[i])
		if err != nil {
			return fmt.Errorf("group %q: %w", p.Groups[i].Name, err)
		}
		b.groups = append(b.groups, g)
	}
	for i := range p.Users {
		u, err := b.user(&p.Users[i])
		if err != nil {
			return fmt.Errorf("user %q: %w", p.Users[i].UPN+p.Users[i].ID, err)
		}
		b.users = append(b.users, u)
	}
	for i := range p.Applications {
		spec := &p.Applications[i]
		id, err := b.idOr(spec.ClientID)
		if err != nil || spec.Name == "" {
			return errors.Join(fmt.Errorf("application %q: it needs a name, and a client id that is a GUID", spec.Name), err)
		}
		a := &Application{ID: b.t.srv.newID(), AppID: id, ServicePrincipalID: b.t.srv.newID(), DisplayName: spec.Name, Created: b.now, PublicClient: true}
		a.Scopes, a.RedirectURIs = slices.Clone(signInScopes), slices.Clone(spec.RedirectURIs)
		if len(a.RedirectURIs) == 0 {
			a.RedirectURIs = []string{"http://localhost", "http://127.0.0.1"}
		}
		b.apps = append(b.apps, a)
	}
	return nil
}

func (b *populating) group(spec *GroupSpec) (*Group, error) {
	id, err := b.idOr(spec.ID)
	if err != nil {
		return nil, err
	}
	if spec.Name == "" || b.groupKeys[id] != "" {
		return nil, errors.New("it needs a name, and an id of its own")
	}
	g := &Group{ID: id, DisplayName: spec.Name, MailNickname: "group" + id[:8], SecurityEnabled: true, Created: b.now}
	switch spec.Kind {
	case "", "security":
	case "microsoft365":
		g.GroupTypes, g.SecurityEnabled, g.MailEnabled = []string{"Unified"}, false, true
	case "distribution":
		g.SecurityEnabled, g.MailEnabled = false, true
	default:
		return nil, errors.New("the kind must be security, microsoft365 or distribution")
	}
	if g.MailEnabled {
		g.Mail = g.MailNickname + "@" + b.t.Domain
	}
	if spec.Dynamic {
		g.GroupTypes, g.MembershipRule = append(g.GroupTypes, "DynamicMembership"), "(user.accountEnabled -eq true)"
	}
	b.groupKeys[id], b.groupKeys[strings.ToLower(spec.Name)] = id, id
	return g, nil
}

func (b *populating) user(spec *UserSpec) (*User, error) {
	id, err := b.idOr(spec.ID)
	if err != nil {
		return nil, err
	}
	u := &User{
		ID: id, UPN: spec.UPN, DisplayName: spec.DisplayName, Guest: spec.Guest, Disabled: spec.Disabled, NoPassword: spec.NoPassword, Password: spec.Password,
		Roles: slices.Clone(spec.Roles), Created: spec.Created.UTC().Truncate(time.Second),
	}
	if spec.Created.IsZero() {
		u.Created = b.now
	}
	if u.UPN == "" {
		u.UPN = "user-" + id[:8]
	}
	if !strings.Contains(u.UPN, "@") {
		u.UPN += "@" + b.t.Domain
	}
	if u.DisplayName == "" {
		u.DisplayName, _, _ = strings.Cut(u.UPN, "@")
	}
	if err := knownRoles(u.Roles); err != nil {
		return nil, err
	}
	if u.Methods, err = newMethods(b.t.srv.newID, u.Created, spec.Methods); err != nil {
		return nil, err
	}
	for i := range spec.Passkeys {
		k, err := b.passkey(&spec.Passkeys[i])
		if err != nil {
			return nil, fmt.Errorf("passkey %d: %w", i+1, err)
		}
		u.Passkeys = append(u.Passkeys, k)
	}
	if b.userKeys[id] != "" || b.userKeys[strings.ToLower(u.UPN)] != "" {
		return nil, errors.New("it comes twice")
	}
	b.userKeys[id], b.userKeys[strings.ToLower(u.UPN)] = id, id
	return u, nil
}

func (b *populating) passkey(spec *PasskeySpec) (*Passkey, error) {
	id := b.t.srv.random.bytes(16)
	key := seededKey(b.t.srv.random.bytes(64))
	for _, m := range []struct {
		text string
		into *[]byte
	}{{spec.CredentialID, &id}, {spec.PublicKey, &key}} {
		if m.text == "" {
			continue
		}
		raw, err := base64.RawURLEncoding.DecodeString(m.text)
		if err != nil {
			return nil, errors.New("credential_id and public_key must be base64url without padding")
		}
		*m.into = raw
	}
	switch {
	case len(id) < 8 || len(id) > 1023:
		return nil, errors.New("a credential id has 8 to 1023 bytes")
	case b.creds[string(id)]:
		return nil, errors.New("the credential id comes twice")
	case !isGUID(spec.AAGUID):
		return nil, fmt.Errorf("the AAGUID %q is not a GUID", spec.AAGUID)
	}
	if spec.PublicKey != "" {
		if _, err := webauthncose.ParsePublicKey(key); err != nil {
			return nil, errors.New("public_key is no COSE_Key")
		}
	}
	b.creds[string(id)] = true
	k := &Passkey{ID: passkey.MethodID(id), Created: spec.Created.UTC().Truncate(time.Second), LastUsed: spec.LastUsed}
	if spec.Created.IsZero() {
		k.Created = b.now
	}
	if !spec.LastUsed.IsZero() {
		k.LastUsed = spec.LastUsed.UTC().Truncate(time.Second)
	}
	aaguid := strings.ToLower(spec.AAGUID)
	k.Credential = passkey.Credential{
		ID: id, PublicKey: key, AAGUID: aaguid, Model: b.t.srv.relyingParty().Metadata.Model(aaguid), DisplayName: spec.Name, Format: "none",
		Type: passkey.DeviceBound, Attested: spec.Attested, SignCount: spec.SignCount,
	}
	if spec.Synced {
		k.Credential.Type = passkey.Synced
	}
	if spec.Attested {
		k.Credential.Format, k.Credential.AttestationCertificates = "packed", []string{fmt.Sprintf("%x", sha1Sum(key))}
	}
	return k, nil
}

// empty removes every user and group and puts the policies back; undo takes that back. The caller holds the lock for
// writing.
func (t *Tenant) empty(now time.Time) (undo func()) {
	users, groups, upns, creds, deleted, removed, policy, access := t.Users, t.Groups, t.upns, t.creds, t.deleted, t.removed, t.Policy, t.CA
	sessions, audits, signIns, before, computers := t.Sessions, t.Audits, t.SignIns, t.shownBefore, t.Computers
	t.Users, t.Groups = ordered[User]{next: t.Users.next}, ordered[Group]{next: t.Groups.next}
	t.Computers = ordered[Computer]{next: t.Computers.next}
	t.upns, t.creds, t.deleted, t.removed = make(map[string]string), make(map[string]string), nil, nil
	t.change++
	t.deltaFloor, t.memberFloor = t.change, t.change
	t.Policy, t.CA, t.shownBefore = defaultMethodsPolicy(now), ConditionalAccess{}, nil
	t.Sessions, t.Audits, t.SignIns = SessionStore{}, eventLog[Audit]{First: t.Audits.end()}, eventLog[SignIn]{First: t.SignIns.end()}
	return func() {
		t.Users, t.Groups, t.upns, t.creds, t.deleted, t.removed, t.Policy, t.CA = users, groups, upns, creds, deleted, removed, policy, access
		t.Sessions, t.Audits, t.SignIns, t.shownBefore, t.Computers = sessions, audits, signIns, before, computers
	}
}

// references resolves names against the directory and refuses what clashes with it. The caller holds the lock.
func (b *populating) references(p *Population) error {
	t := b.t
	for i, u := range b.users {
		byID, byName := t.Users.get(u.ID), t.user(u.UPN)
		switch {
		case !t.validUPN(u.UPN):
			return fmt.Errorf("user %q: the domain is not verified", u.UPN)
		case byName != nil && byName != byID && p.Users[i].ID != "":
			return fmt.Errorf("user %q: somebody else has the name", u.UPN)
		case byName != nil:
			u.ID = byName.ID
			b.userKeys[u.ID], b.userKeys[strings.ToLower(u.UPN)] = u.ID, u.ID
		}
		for _, k := range u.Passkeys {
			if owner := t.userByCredential(k.Credential.ID); owner != nil && owner.ID != u.ID {
				return fmt.Errorf("user %q: the credential id belongs to %s", u.UPN, owner.UPN)
			}
		}
		for j, name := range p.Users[i].Groups {
			if p.Users[i].Groups[j] = b.groupID(name); p.Users[i].Groups[j] == "" {
				return fmt.Errorf("user %q: there is no group %q", u.UPN, name)
			}
		}
	}
	for i, g := range b.groups {
		if t.group(g.ID) != nil {
			return fmt.Errorf("group %q: the id is in use", g.DisplayName)
		}
		for j, name := range p.Groups[i].Members {
			id := b.groupID(name)
			if id == "" {
				id = b.userID(name)
			}
			if id == "" || id == g.ID {
				return fmt.Errorf("group %q: there is no user or other group %q", g.DisplayName, name)
			}
			p.Groups[i].Members[j] = id
		}
	}
	return nil
}

// groupID and userID find what a name stands for, in the Population first; empty if nothing.
func (b *populating) groupID(name string) string {
	if id := b.groupKeys[strings.ToLower(name)]; id != "" {
		return id
	}
	if g := b.t.group(name); g != nil {
		return g.ID
	}
	found := ""
	b.t.Groups.all(func(g *Group) bool {
		if strings.EqualFold(g.DisplayName, name) {
			found = g.ID
		}
		return found == ""
	})
	return found
}

func (b *populating) userID(name string) string {
	for _, key := range []string{name, name + "@" + b.t.Domain} {
		if id := b.userKeys[strings.ToLower(key)]; id != "" {
			return id
		}
		if u := b.t.user(key); u != nil {
			return u.ID
		}
	}
	return ""
}

// insert puts everything into the directory. The caller holds the lock for writing.
func (b *populating) insert(p *Population) {
	t := b.t
	for _, u := range b.users {
		if old := t.Users.get(u.ID); old != nil {
			t.replaceUser(old, u)
			continue
		}
		t.insertUser(u)
	}
	for _, g := range b.groups {
		t.Groups.add(g.ID, g)
		t.touchGroup(g)
	}
	join := func(group, member string) {
		g := t.Groups.get(group)
		if m := g.Members.get(member); m != nil && m.GoneAt.IsZero() {
			return
		}
		kind := "user"
		if t.Groups.get(member) != nil {
			kind = "group"
		}
		t.addMember(g, member, kind, 0)
	}
	for i, g := range b.groups {
		for _, id := range p.Groups[i].Members {
			join(g.ID, id)
		}
	}
	for i, u := range b.users {
		for _, id := range p.Users[i].Groups {
			join(id, u.ID)
		}
	}
	for _, a := range b.apps {
		if t.Apps[a.AppID] == nil {
			t.AppOrder = append(t.AppOrder, a.AppID)
		}
		t.Apps[a.AppID] = a
	}
}

// replaceUser gives a user who is there the state of a new one. The caller holds the lock for writing.
func (t *Tenant) replaceUser(u, state *User) {
	delete(t.upns, strings.ToLower(u.UPN))
	for _, k := range u.Passkeys {
		if !slices.ContainsFunc(state.Passkeys, func(n *Passkey) bool { return bytes.Equal(n.Credential.ID, k.Credential.ID) }) {
			delete(t.creds, string(k.Credential.ID))
		}
	}
	u.UPN, u.DisplayName, u.Guest, u.Disabled, u.NoPassword = state.UPN, state.DisplayName, state.Guest, state.Disabled, state.NoPassword
	u.Roles, u.Methods, u.Passkeys = state.Roles, state.Methods, state.Passkeys
	if state.Password != "" {
		u.Password = state.Password
	}
	t.upns[strings.ToLower(u.UPN)] = u.ID
	for _, k := range u.Passkeys {
		t.creds[string(k.Credential.ID)] = u.ID
	}
	t.touchUser(u)
}
