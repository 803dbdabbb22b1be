package entrasim

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/postern/postern/entrasim/passkey"
)

// culture is a stock of given names and surnames that go together.
type culture struct {
	language, country, office string
	given, family             []string
	familyFirst               bool
}

// cultures give the directory names as a real one has them: with accents, apostrophes, hyphens, several words, one
// letter, and in other scripts for the display name.
var cultures = []culture{
	{
		"en-GB", "GB", "London",
		[]string{"Olivia", "George", "Amelia", "Arthur", "Priya", "Callum", "Niamh", "Rhys", "Fiona", "Oliver"},
		[]string{"Smith", "O'Neill", "Taylor-Jones", "Patel", "MacDonald", "Hughes", "Campbell", "Walker", "Wright", "Begum"},
		false,
	},
	{
		"de-DE", "DE", "München",
		[]string{"Jürgen", "Käthe", "Lukas", "Anna-Lena", "Sören", "Björn", "Mia", "Ayşe", "Heike", "Matthias"},
		[]string{"Müller", "Groß", "Schäfer", "von der Heide", "Krüger", "Yılmaz", "Weiß", "Böhm", "Hofmann", "Schulze-Brandt"},
		false,
	},
	{
		"fr-FR", "FR", "Lyon",
		[]string{"Élodie", "François", "Zoé", "Anaïs", "Jean-Luc", "Maël", "Océane", "Mamadou", "Léa", "Benoît"},
		[]string{"Lefèvre", "d'Aubigné", "Girard", "Diallo", "Bérenger", "Le Goff", "Moreau", "N'Diaye", "Gauthier", "Çelik"},
		false,
	},
	{
		"es-ES", "ES", "Madrid",
		[]string{"Íñigo", "María José", "Núria", "Ángel", "Begoña", "Joaquín", "Lucía", "Xavier", "Inés", "Rubén"},
		[]string{"García López", "Muñoz", "Ibáñez", "Peña", "Fernández-Ochoa", "Núñez", "Castro", "Güell", "Vázquez", "Ortiz"},
		false,
	},
	{
		"pl-PL", "PL", "Kraków",
		[]string{"Łukasz", "Zofia", "Grzegorz", "Małgorzata", "Stanisław", "Żaneta", "Paweł", "Agnieszka", "Michał", "Ewa"},
		[]string{"Wójcik", "Dąbrowska", "Szczęsny", "Kowalczyk", "Źrebiec", "Piątek", "Nowak", "Żuławski", "Lis", "Górska"},
		false,
	},
	{
		"sv-SE", "SE", "Göteborg",
		[]string{"Åsa", "Göran", "Märta", "Örjan", "Linnéa", "Håkan", "Saga", "Nils", "Freja", "Astrid"},
		[]string{"Åkesson", "Björk", "Sjögren", "Lindqvist", "Öberg", "Ek", "Dahl", "Nyström", "Ås", "Håkansson"},
		false,
	},
	{
		"ja-JP", "JP", "Tokyo",
		[]string{"Haruto", "Yui", "Sakura", "Ren", "Aoi", "Kenji", "Yōko", "Takumi", "Mei", "Shō"},
		[]string{"Satō", "Suzuki", "Takahashi", "Tanaka", "Itō", "Ōno", "Nakamura", "Kobayashi", "Abe", "Mori"},
		true,
	},
	{
		"zh-CN", "CN", "Shanghai",
		[]string{"Wei", "Xiuying", "Jun", "Fang", "Lei", "Min", "Yan", "Hao", "Ting", "Bo"},
		[]string{"Wang", "Li", "Zhang", "Liu", "Chen", "Yang", "Zhao", "Lü", "Ouyang", "E"},
		true,
	},
	{
		"hi-IN", "IN", "Bengaluru",
		[]string{"Aarav", "Diya", "Vihaan", "Ananya", "Lakshmi", "Rohan", "Ishaan", "Meera", "Venkata", "Saanvi"},
		[]string{"Sharma", "Iyer", "Reddy", "Chatterjee", "Gupta", "Nair", "Singh", "Subramanian", "Das", "Kaur"},
		false,
	},
	{
		"ar-EG", "EG", "Cairo",
		[]string{"Ahmed", "Fāṭima", "Yusuf", "Layla", "Omar", "Nour", "Khalid", "Mariam", "Tariq", "Salma"},
		[]string{"al-Masri", "Hassan", "El-Sayed", "Abd al-Rahman", "Mansour", "Nasser", "Farouk", "Haddad", "Qasim", "Aziz"},
		false,
	},
	{
		"pt-BR", "BR", "São Paulo",
		[]string{"João", "Conceição", "Thiago", "Antônia", "Luís", "Beatriz", "Caio", "Inácio", "Júlia", "Vitória"},
		[]string{"da Silva", "Gonçalves", "Araújo", "dos Santos", "Magalhães", "Simões", "Brandão", "Nóbrega", "Pão", "Castelo Branco"},
		false,
	},
	{
		"yo-NG", "NG", "Lagos",
		[]string{"Adébáyọ̀", "Ngozi", "Chidi", "Folákẹ́", "Emeka", "Zainab", "Tunde", "Amara", "Ibrahim", "Yetunde"},
		[]string{"Okafor", "Adéwálé", "Balogun", "Eze", "Bello", "Ọláyínká", "Nwosu", "Musa", "Okonkwo", "Danjuma"},
		false,
	},
}

var departments = map[string][]string{
	"Engineering":      {"Software Engineer", "Senior Software Engineer", "Test Engineer", "Engineering Manager", "Architect"},
	"Sales":            {"Account Executive", "Sales Manager", "Inside Sales Representative", "Sales Engineer"},
	"Finance":          {"Accountant", "Controller", "Payroll Specialist", "Financial Analyst"},
	"Human Resources":  {"Recruiter", "HR Business Partner", "Learning Specialist"},
	"IT":               {"System Administrator", "Help Desk Technician", "Network Engineer", "Identity Engineer"},
	"Legal":            {"Counsel", "Paralegal", "Privacy Officer"},
	"Operations":       {"Operations Manager", "Logistics Planner", "Warehouse Lead", "Shift Supervisor"},
	"Marketing":        {"Content Designer", "Brand Manager", "Event Manager"},
	"Customer Support": {"Support Agent", "Support Lead", "Escalation Engineer"},
	"Research":         {"Scientist", "Research Fellow", "Laboratory Technician"},
}

var departmentNames = func() []string {
	var names []string
	for d := range departments {
		names = append(names, d)
	}
	slices.Sort(names)
	return names
}()

var guestDomains = []string{"fabrikam.com", "adatum.com", "northwindtraders.com", "wingtiptoys.com"}

// people makes the users: the fixed few of every tenant, then members and guests up to n.
func (b *seeder) people(n int) {
	if n == 0 {
		n = DefaultUsers
	}
	b.fixed("breakglass", "Break Glass", "Emergency access account", roleGlobalAdministrator)
	service := b.fixed(ServiceAccount, "Entrasim Service", "Service account", roleDirectoryWriters, rolePrivilegedAuthAdministrator,
		roleAuthPolicyAdministrator, roleUserAdministrator)
	service.Password = "Service-" + b.word(16)
	b.fixed("admin", "Ada Admin", "Identity administrator", roleAuthPolicyAdministrator, rolePrivilegedAuthAdministrator)
	b.fixed("helpdesk", "Hal Desk", "Help desk", roleAuthAdministrator, roleHelpdeskAdministrator)
	for i := b.t.Users.len(); i < n; i++ {
		b.person(i)
	}
}

func (b *seeder) fixed(local, name, title string, roles ...string) *User {
	given, family, _ := strings.Cut(name, " ")
	u := &User{
		ID: b.id(), UPN: local + "@" + b.t.Domain, DisplayName: name, GivenName: given, Surname: family, JobTitle: title, Department: "IT",
		PreferredLanguage: "en-GB", UsageLocation: "GB", Created: b.t.Created, Roles: roles,
	}
	b.t.insertUser(u)
	return u
}

// person makes one user. One in fifty is a guest, one in twenty disabled, one in three synchronised from Active
// Directory, and one in eight has passkeys from before.
func (b *seeder) person(i int) {
	c := &cultures[b.rng.IntN(len(cultures))]
	given, family := b.pick(c.given), b.pick(c.family)
	department := b.pick(departmentNames)
	u := &User{
		ID: b.id(), DisplayName: given + " " + family, GivenName: given, Surname: family, Department: department,
		JobTitle: b.pick(departments[department]), OfficeLocation: c.office, PreferredLanguage: c.language, UsageLocation: c.country,
		EmployeeID: fmt.Sprintf("E%06d", 100000+i), Created: b.start.Add(-time.Duration(b.rng.IntN(4*365*24)) * time.Hour),
	}
	if c.familyFirst {
		u.DisplayName = family + " " + given
	}
	local := b.unique(ascii(given) + "." + ascii(family))
	u.UPN = local + "@" + b.t.Domain
	u.Mail = u.UPN
	if b.rng.IntN(3) == 0 {
		u.MobilePhone = fmt.Sprintf("+44 7700 9%05d", b.rng.IntN(100000))
	}
	switch roll := b.rng.IntN(100); {
	case i%50 == 17:
		home := b.pick(guestDomains)
		u.Guest, u.Mail, u.EmployeeID = true, local+"@"+home, ""
		u.UPN = local + "_" + home + "#EXT#@" + b.t.Domain
		u.DisplayName += " (" + strings.TrimSuffix(home, ".com") + ")"
	case roll < 33:
		u.OnPremises = &OnPremises{
			SamAccountName: strings.ToUpper(local[:min(len(local), 18)]), DomainName: "corp." + strings.ToLower(b.t.Name) + ".com",
			SecurityIdentifier: fmt.Sprintf("S-1-5-21-1111111111-2222222222-3333333333-%d", 2000+i), ImmutableID: b.word(22) + "==", LastSync: b.start.Add(-20 * time.Minute),
		}
	}
	u.Disabled = i%20 == 11
	if i%97 == 30 {
		u.Roles = []string{[]string{roleUserAdministrator, roleHelpdeskAdministrator, roleSecurityAdministrator, roleGlobalReader}[b.rng.IntN(4)]}
	}
	if !u.Guest && i%8 == 5 {
		b.passkeys(u, 1+b.rng.IntN(2))
	}
	if !u.Guest {
		b.habits(u)
	}
	b.t.insertUser(u)
}

// seededModels are authenticators whose passkeys are already in the directory.
var seededModels = []struct {
	aaguid, model string
	kind          passkey.Type
	attested      bool
}{
	{"2fc0579f-8113-47ea-b116-bb5a8db9202a", "YubiKey 5 Series with NFC", passkey.DeviceBound, true},
	{"cb69481e-8ff7-4039-93ec-0a2729a154a8", "YubiKey 5 Series", passkey.DeviceBound, true},
	{"ee041bce-25e5-4cdb-8f86-897fd6418464", "Feitian ePass FIDO2-NFC Authenticator", passkey.DeviceBound, true},
	{"de1e552d-db1d-4423-a619-566b625cdc84", "Microsoft Authenticator (Android)", passkey.DeviceBound, true},
	{"90a3ccdf-635c-4729-a248-9b709135078f", "Microsoft Authenticator (iOS)", passkey.DeviceBound, true},
	{"08987058-cadc-4b81-b6e1-30de50dcbe96", "Windows Hello Hardware Authenticator", passkey.DeviceBound, false},
	{"fbfc3007-154e-4ecc-8c0b-6e020557d7bd", "Apple Passwords", passkey.Synced, false},
	{"bada5566-a7aa-401f-bd96-45619a55120d", "1Password", passkey.Synced, false},
}

// passkeys gives a user unmanaged passkeys. Nobody holds their private keys: they can be listed and deleted, and sign-in
// with them fails.
func (b *seeder) passkeys(u *User, n int) {
	for range n {
		m := seededModels[b.rng.IntN(len(seededModels))]
		id, x := make([]byte, 16), make([]byte, 64)
		_, _ = b.bytes.Read(id)
		_, _ = b.bytes.Read(x)
		k := &Passkey{ID: passkey.MethodID(id), Created: u.Created.Add(time.Duration(b.rng.IntN(2000)) * time.Hour)}
		if k.Created.After(b.start) {
			k.Created = b.start.Add(-24 * time.Hour)
		}
		k.Credential = passkey.Credential{
			ID: id, PublicKey: seededKey(x), AAGUID: m.aaguid, Model: m.model, DisplayName: m.model, Format: "none", Type: m.kind, Attested: m.attested,
		}
		if m.attested {
			k.Credential.Format = "packed"
			k.Credential.AttestationCertificates = []string{fmt.Sprintf("%x", x[:20])}
		}
		u.Passkeys = append(u.Passkeys, k)
	}
}

// seededMethods are what people have beside passkeys, each list as often as it comes here.
var seededMethods = [][]string{
	nil, nil, nil,
	{"microsoftAuthenticatorPush"},
	{"microsoftAuthenticatorPush", "mobilePhone"},
	{"microsoftAuthenticatorPush", "softwareOneTimePasscode"},
	{"mobilePhone"},
	{"windowsHelloForBusiness"},
	{"windowsHelloForBusiness", "microsoftAuthenticatorPush"},
	{"email"},
}

// habits gives a user other methods, and says of some passkeys when they were used last. It draws from the user's id, so
// that everything else of a seed stays as it is.
func (b *seeder) habits(u *User) {
	h := fnv.New64a()
	_, _ = h.Write([]byte(u.ID)) // a hash takes everything
	rng := rand.New(rand.NewPCG(h.Sum64(), 1))
	id := func() string {
		var raw [16]byte
		binary.LittleEndian.PutUint64(raw[:], rng.Uint64())
		binary.LittleEndian.PutUint64(raw[8:], rng.Uint64())
		return guid(raw[:])
	}
	between := func(from time.Time) time.Time {
		hours := int64(max(b.start.Sub(from)/time.Hour, 1))
		return from.Add(time.Duration(rng.Int64N(hours)) * time.Hour).UTC().Truncate(time.Second)
	}
	if list, err := newMethods(id, between(u.Created), seededMethods[rng.IntN(len(seededMethods))]); err == nil {
		u.Methods = list
	}
	for _, k := range u.Passkeys {
		if rng.IntN(4) > 0 {
			k.LastUsed = between(k.Created)
		}
	}
}

// seededKey is an ES256 COSE_Key (RFC 9053 §7.1) around bytes nobody has a private key for.
func seededKey(xy []byte) []byte {
	key := append([]byte{0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20}, xy[:32]...)
	return append(append(key, 0x22, 0x58, 0x20), xy[32:]...)
}

// unique makes the local part of a user principal name that nobody has yet.
func (b *seeder) unique(local string) string {
	b.taken[local]++
	if n := b.taken[local]; n > 1 {
		return fmt.Sprintf("%s%d", local, n)
	}
	return local
}

// folded maps letters outside ASCII to what a directory would make of them in a user name.
var folded = strings.NewReplacer("ß", "ss", "ł", "l", "ø", "o", "æ", "ae", "ı", "i", "ş", "s", "ç", "c", "ä", "ae", "ö", "oe", "ü", "ue",
	"å", "a", "é", "e", "è", "e", "ê", "e", "ë", "e", "á", "a", "à", "a", "ã", "a", "â", "a", "ā", "a", "í", "i", "ï", "i", "î", "i", "ó", "o", "õ", "o",
	"ô", "o", "ō", "o", "ú", "u", "ñ", "n", "ń", "n", "ą", "a", "ę", "e", "ć", "c", "ś", "s", "ż", "z", "ź", "z", "ẹ́", "e", "ẹ", "e", "ọ̀", "o", "ọ", "o",
	"ṭ", "t", "ğ", "g", "ý", "y")

func ascii(name string) string {
	lower := folded.Replace(strings.ToLower(name))
	return strings.Map(func(r rune) rune {
		switch {
		case r <= unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)):
			return r
		case r == ' ' || r == '-' || r == '\'':
			return -1
		}
		return -1
	}, lower)
}
