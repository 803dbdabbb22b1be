package entrasim

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// seeder makes a believable tenant. It draws from a generator of its own, so that the directory of a seed is the same
// whatever else the server did.
type seeder struct {
	s     *Server
	t     *Tenant
	rng   *rand.Rand
	bytes *rand.ChaCha8
	start time.Time
	taken map[string]int
}

// seedTenant makes a tenant with its applications, policy, groups and about n users. n of 0 means DefaultUsers, a
// negative n no users but the few every tenant has. An empty tenant is as somebody gets it who signs up for one.
func seedTenant(s *Server, domain string, n int, empty bool) *Tenant {
	if domain == "" {
		domain = "contoso.onmicrosoft.com"
	}
	domain = strings.ToLower(domain)
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], s.Seed)
	copy(key[8:], domain)
	source := rand.NewChaCha8(key)
	name, _, _ := strings.Cut(domain, ".")
	t := newTenant(s)
	b := &seeder{s: s, t: t, rng: rand.New(source), bytes: source, start: s.now().UTC().Truncate(time.Second), taken: make(map[string]int)}
	t.ID, t.Domain, t.Domains = b.id(), domain, []string{domain}
	t.Name = strings.ToUpper(name[:1]) + name[1:]
	t.Created = b.start.AddDate(-4, 0, 0)
	t.Region = "EU"
	t.Password = "Entrasim-" + b.word(12)
	t.Policy = defaultMethodsPolicy(b.start)
	t.Licences, t.TechnicalMails = allLicences(), []string{"it@" + domain}
	t.addFirstParty()
	if empty {
		b.bare()
	} else {
		b.applications()
		b.people(n)
		b.groups()
	}
	for _, u := range t.Users.list {
		u.value.change = 1
	}
	t.change = 1
	return t
}

// bare makes a tenant nobody did anything to: a Global Administrator, no application, no group, and passkeys off.
func (b *seeder) bare() {
	b.fixed("admin", "Ada Admin", "", roleGlobalAdministrator)
	b.t.CloudOnly, b.t.ActiveRoles = true, []string{roleGlobalAdministrator}
	b.t.Created = b.start
	p := &b.t.Policy.Passkey
	p.State = "disabled"
	p.PasskeyProfiles[0].PasskeyTypes = "deviceBound"
}

// newTenant is a tenant with its tables made.
func newTenant(s *Server) *Tenant {
	return &Tenant{srv: s, Apps: make(map[string]*Application), upns: make(map[string]string), creds: make(map[string]string)}
}

func (b *seeder) id() string {
	raw := make([]byte, 16)
	_, _ = b.bytes.Read(raw) // ChaCha8.Read never fails
	return guid(raw)
}

const wordLetters = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"

func (b *seeder) word(n int) string {
	out := make([]byte, n)
	for i := range out {
		out[i] = wordLetters[b.rng.IntN(len(wordLetters))]
	}
	return string(out)
}

func (b *seeder) pick(list []string) string { return list[b.rng.IntN(len(list))] }

// ServiceAccount is the local part of the seeded service account of the legacy application.
const ServiceAccount = "entrasim-service"

// standardRoles are what the seeded standard application holds: all a control center for passkeys needs.
var standardRoles = []string{
	"UserAuthMethod-Passkey.ReadWrite.All", "User.Read.All", "Group.ReadWrite.All", "Policy.ReadWrite.AuthenticationMethod", "Policy.Read.All",
	"AuditLog.Read.All", "Organization.Read.All", "User.RevokeSessions.All", "RoleManagement.Read.Directory",
}

// signInScopes are what every public client may ask of a user.
var signInScopes = []string{"User.Read", "openid", "profile", "email", "offline_access"}

// applications makes the seeded app registrations.
func (b *seeder) applications() {
	center := b.application("Passkey control center", standardRoles, nil)
	center.RedirectURIs = []string{"http://localhost/proof/callback", "http://127.0.0.1/proof/callback"} // any port
	b.application("Passkey control center (minimal)", []string{"UserAuthMethod-Passkey.ReadWrite.All"}, nil)
	legacy := b.application("Passkey control center (service account)",
		[]string{"Directory.ReadWrite.All", "UserAuthenticationMethod.ReadWrite.All"},
		append([]string{"Directory.AccessAsUser.All", "UserAuthenticationMethod.ReadWrite.All"}, oidcScopes...))
	legacy.PublicClient = true
	legacy.RedirectURIs = []string{"https://login.microsoftonline.com/common/oauth2/nativeclient"}
	web := b.application("Passkey sign-in", nil, append([]string{"UserAuthMethod-Passkey.ReadWrite"}, signInScopes...))
	web.PublicClient = true
	web.Secrets = nil
	web.RedirectURIs = []string{"http://localhost", "http://127.0.0.1", "https://localhost", "https://127.0.0.1"}
}

func (b *seeder) application(name string, roles, scopes []string) *Application {
	a := &Application{
		ID: b.id(), AppID: b.id(), ServicePrincipalID: b.id(), DisplayName: name, Created: b.start.AddDate(0, -3, 0), Roles: roles, Scopes: scopes,
	}
	a.Secrets = []*Secret{{KeyID: b.id(), DisplayName: "seeded", Value: b.word(3) + "8Q~" + b.word(34), From: a.Created, Until: b.start.AddDate(2, 0, 0)}}
	b.t.Apps[a.AppID] = a
	b.t.AppOrder = append(b.t.AppOrder, a.AppID)
	return a
}

// defaultMethodsPolicy is the policy of a new tenant: passkeys on for everybody with self-service, no key restrictions,
// attestation not enforced, and one default profile that lets both kinds of passkey pass.
func defaultMethodsPolicy(now time.Time) MethodsPolicy {
	p := MethodsPolicy{LastModified: now, Migration: "migrationComplete", Passkey: defaultPasskeyConfiguration()}
	for _, m := range []struct{ id, kind, state string }{
		{"MicrosoftAuthenticator", "microsoftAuthenticator", "enabled"},
		{"Sms", "sms", "disabled"},
		{"TemporaryAccessPass", "temporaryAccessPass", "enabled"},
		{"HardwareOath", "hardwareOath", "disabled"},
		{"SoftwareOath", "softwareOath", "enabled"},
		{"Voice", "voice", "disabled"},
		{"Email", "email", "enabled"},
		{"X509Certificate", "x509Certificate", "disabled"},
		{"QRCodePin", "qrCodePin", "disabled"},
		{"VerifiableCredentials", "verifiableCredentials", "disabled"},
	} {
		p.Others = append(p.Others, json.RawMessage(fmt.Sprintf(
			`{"@odata.type":"#microsoft.graph.%sAuthenticationMethodConfiguration","id":%q,"state":%q,"excludeTargets":[],"includeTargets":[{"targetType":"group","id":"all_users","isRegistrationRequired":false}]}`,
			m.kind, m.id, m.state)))
	}
	p.Registration = json.RawMessage(`{"authenticationMethodsRegistrationCampaign":{"snoozeDurationInDays":1,"state":"default","excludeTargets":[],` +
		`"includeTargets":[{"id":"all_users","targetType":"group","targetedAuthenticationMethod":"microsoftAuthenticator"}]}}`)
	return p
}

func defaultPasskeyConfiguration() PasskeyConfiguration {
	open := KeyRestrictions{EnforcementType: "allow", AAGUIDs: []string{}}
	return PasskeyConfiguration{
		State: "enabled", IsSelfServiceRegistrationAllowed: true, KeyRestrictions: open, DefaultPasskeyProfile: defaultProfileID,
		ExcludeTargets: []Target{},
		IncludeTargets: []PasskeyTarget{{TargetType: "group", ID: allUsers, AllowedPasskeyProfiles: []string{defaultProfileID}}},
		PasskeyProfiles: []PasskeyProfile{{
			ID: defaultProfileID, Name: "Default passkey profile", PasskeyTypes: "deviceBound,synced", AttestationEnforcement: "disabled",
			KeyRestrictions: KeyRestrictions{EnforcementType: "allow", AAGUIDs: []string{}},
		}},
	}
}
