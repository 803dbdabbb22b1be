package aaguid_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/mod/sumdb/note"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/policy/aaguid"
	"github.com/postern/postern/center/seal"
	"github.com/postern/postern/center/store"
)

// world is a service on a real database, a publisher of metadata with a root of its own, and a web server of lists.
type world struct {
	t     *testing.T
	store *store.Store
	*aaguid.Service

	now    time.Time
	key    *ecdsa.PrivateKey
	chain  []string
	signer note.Signer
	server *httptest.Server
	pages  map[string]string // by path
	asked  []string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, now: time.Date(2026, time.June, 10, 12, 0, 0, 0, time.UTC), pages: map[string]string{}}
	clock := func() time.Time { return w.now }
	dir := t.TempDir()
	var err error
	if w.store, err = store.Open(t.Context(), "sqlite:"+filepath.Join(dir, "postern.db"), store.Options{Now: clock}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.store.Close() })
	if err := w.store.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	sealer, err := seal.OpenKeyFile(filepath.Join(dir, "seal.key"))
	if err != nil {
		t.Fatal(err)
	}
	w.server = httptest.NewTLSServer(http.HandlerFunc(w.serve))
	t.Cleanup(w.server.Close)
	cas := x509.NewCertPool()
	cas.AddCert(w.server.Certificate())
	private, public, err := note.GenerateKey(rand.Reader, "passkeys.example.com")
	if err != nil {
		t.Fatal(err)
	}
	if w.signer, err = note.NewSigner(private); err != nil {
		t.Fatal(err)
	}
	w.Service = &aaguid.Service{
		Store: w.store, Audit: &audit.Log{Store: w.store, Kept: w.store, Sealer: sealer, Now: clock, Origin: "test"},
		Client: aaguid.NewClient(cas, true), Now: clock, Roots: w.root(), Signers: []string{public},
	}
	return w
}

func (w *world) serve(out http.ResponseWriter, r *http.Request) {
	w.asked = append(w.asked, r.URL.Path)
	text, ok := w.pages[r.URL.Path]
	to, away := strings.CutPrefix(text, "redirect ")
	switch {
	case away:
		http.Redirect(out, r, to, http.StatusFound)
	case text == "huge":
		for range 33 {
			if _, err := out.Write(make([]byte, 1<<20)); err != nil {
				return
			}
		}
	case ok:
		fmt.Fprint(out, text)
	default:
		http.NotFound(out, r)
	}
}

// root makes the publisher.
func (w *world) root() *x509.CertPool {
	w.t.Helper()
	pool := x509.NewCertPool()
	var parent *x509.Certificate
	var parentKey *ecdsa.PrivateKey
	for n, name := range []string{"Test root", "mds.fidoalliance.org"} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			w.t.Fatal(err)
		}
		of := &x509.Certificate{
			SerialNumber: big.NewInt(int64(n + 1)), Subject: pkix.Name{CommonName: name}, NotBefore: w.now.AddDate(-1, 0, 0), NotAfter: w.now.AddDate(5, 0, 0),
			IsCA: n == 0, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		}
		if parent == nil {
			parent, parentKey = of, key
		}
		der, err := x509.CreateCertificate(rand.Reader, of, parent, key.Public(), parentKey)
		if err != nil {
			w.t.Fatal(err)
		}
		if parent, err = x509.ParseCertificate(der); err != nil {
			w.t.Fatal(err)
		}
		if parentKey = key; n == 0 {
			pool.AddCert(parent)
		}
		w.key, w.chain = key, []string{base64.StdEncoding.EncodeToString(der)}
	}
	return pool
}

// blob is FIDO's metadata of that number with the names by AAGUID.
func (w *world) blob(number int, models map[string]string) string {
	w.t.Helper()
	var entries []any
	for id, name := range models {
		entries = append(entries, map[string]any{
			"aaguid": id, "metadataStatement": map[string]any{"description": name},
		})
	}
	token := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{"no": number, "nextUpdate": w.now.AddDate(0, 1, 0).Format(time.DateOnly), "entries": entries})
	token.Header["x5c"] = w.chain
	text, err := token.SignedString(w.key)
	if err != nil {
		w.t.Fatal(err)
	}
	return text
}

// note signs a list as of a day.
func (w *world) note(date, list string) string {
	w.t.Helper()
	sum := sha256.Sum256([]byte(list))
	text, err := note.Sign(&note.Note{Text: "postern list of models\n" + date + "\n" + base64.StdEncoding.EncodeToString(sum[:]) + "\n"}, w.signer)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text)
}

// released are FIDO's names of the release, to be changed by a test.
func (w *world) released() map[string]string {
	models := map[string]string{}
	for _, m := range aaguid.Bundled().Models() {
		if m.Listed {
			models[m.AAGUID] = m.Name
		}
	}
	return models
}

func (w *world) update(in postern.ModelListInput) postern.ModelListDiff {
	w.t.Helper()
	d, err := w.Update(w.person(), in)
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

func (w *world) person() context.Context {
	return postern.WithActor(w.t.Context(), postern.Actor{Kind: postern.ActorAdministrator, ID: "adm_1", Name: "Ada"})
}

// events are the codes of the trail, oldest first, and the last entry.
func (w *world) events() (codes []string, last postern.AuditEvent) {
	w.t.Helper()
	all, err := w.store.AuditEvents(w.t.Context(), audit.Query{Limit: 100})
	if err != nil {
		w.t.Fatal(err)
	}
	slices.SortFunc(all, func(a, b postern.AuditEvent) int { return int(a.Sequence - b.Sequence) })
	for _, e := range all {
		codes, last = append(codes, e.Code), e
	}
	return codes, last
}

const (
	five    = "cb69481e-8ff7-4039-93ec-0a2729a154a8"
	newFIPS = "11111111-2222-3333-4444-555555555555"
	card    = "99999999-2222-3333-4444-555555555555"
	hello   = "08987058-cadc-4b81-b6e1-30de50dcbe96"
)

// TestUpdateFromFIDO looks first, then applies, and refuses what is older.
func TestUpdateFromFIDO(t *testing.T) {
	w := newWorld(t)
	models := w.released()
	models[newFIPS] = "YubiKey 5 FIPS Series with NFC"
	models[five] = "YubiKey Five"
	models[hello] = "Windows Hello Hardware Authenticator"
	delete(models, "42b4fb4a-2866-43b2-9bf7-6c6669c2e5d3") // the one Titan
	in := postern.ModelListInput{Content: w.blob(12, models), File: "blob.jwt", DryRun: true}

	d := w.update(in)
	if d.Applied || d.Version != 0 || !d.From.Bundled || d.To.Number != 12 || d.To.Signer != "mds.fidoalliance.org" {
		t.Errorf("a look says %+v", d)
	}
	if len(d.Added) != 1 || d.Added[0].AAGUID != newFIPS || len(d.Removed) != 1 || d.Removed[0].Name != "Google Titan Security Key v2" {
		t.Errorf("added %v, removed %v", d.Added, d.Removed)
	}
	if len(d.Renamed) != 1 || d.Renamed[0] != (postern.ModelRename{AAGUID: five, Old: "YubiKey 5 Series", New: "YubiKey Five"}) {
		t.Errorf("renamed %v: the release's name of Windows Hello stays", d.Renamed)
	}
	var bundles []string
	for _, b := range d.Bundles {
		bundles = append(bundles, fmt.Sprintf("%s +%d -%d", b.Name, len(b.Added), len(b.Removed)))
	}
	want := []string{"YubiKey 5 +0 -1", "YubiKey 5 FIPS +1 -0", "Google Titan +0 -1", "all security keys in FIDO metadata +1 -1"}
	if !slices.Equal(bundles, want) {
		t.Errorf("bundles %q, want %q", bundles, want)
	}
	if l, err := w.List(t.Context()); err != nil || l.Name(five) != "YubiKey 5 Series" {
		t.Errorf("a look changed the list: %v", err)
	}
	if codes, _ := w.events(); codes != nil {
		t.Errorf("a look is in the trail: %v", codes)
	}

	in.DryRun = false
	if d = w.update(in); !d.Applied || d.Version != 1 {
		t.Errorf("applied: %+v", d)
	}
	l, err := w.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if fips, _ := l.Bundle("YubiKey 5 FIPS"); !slices.Contains(fips, newFIPS) || l.Name(five) != "YubiKey Five" || l.Name(hello) != "Windows Hello hardware (TPM)" {
		t.Errorf("the list names %q and %q", l.Name(five), l.Name(hello))
	}
	codes, last := w.events()
	if !slices.Equal(codes, []string{"MDL001W"}) || last.Fields["added"] != "1" || last.Fields["number"] != "12" || last.Fields["origin"] != "file blob.jwt" ||
		!strings.Contains(last.Fields["bundles"], "YubiKey 5 FIPS +1 -0") || last.Actor.Name != "Ada" {
		t.Errorf("trail %v, last %+v", codes, last)
	}
	list, err := w.Models(t.Context(), []string{card})
	if err != nil || list.Version != 1 || list.Bundled || list.Date != "2026-06-10" || list.UpdatedBy != "Ada" || list.Bundles[len(list.Bundles)-1].Name != postern.BundleInUse {
		t.Errorf("list %+v, %v", list.Sources, err)
	}

	for name, c := range map[string]struct {
		in   postern.ModelListInput
		code postern.Code
	}{
		"an older issue":      {postern.ModelListInput{Version: 1, Content: w.blob(11, models)}, postern.CodeModelListOld},
		"an outdated version": {postern.ModelListInput{Version: 0, Content: w.blob(13, models)}, postern.CodeStale},
		"nothing":             {postern.ModelListInput{Version: 1}, postern.CodeInvalid},
		"both":                {postern.ModelListInput{Version: 1, Content: "{}", Address: "https://mds.fidoalliance.org/"}, postern.CodeInvalid},
		"too much":            {postern.ModelListInput{Version: 1, Content: strings.Repeat(" ", aaguid.MaxContent+1)}, postern.CodeTooLarge},
	} {
		if d, err := w.Update(w.person(), c.in); !postern.IsCode(err, c.code) {
			t.Errorf("%s: %+v, %v", name, d, err)
		}
	}
	if codes, last = w.events(); !slices.Equal(codes, []string{"MDL001W", "MDL002W"}) || last.Success || last.ErrorCode != postern.CodeModelListOld {
		t.Errorf("trail %v, last %+v", codes, last)
	}
}

// TestNewerReleaseWins: what a release brings goes before what was applied before its day, and the number still counts.
func TestNewerReleaseWins(t *testing.T) {
	w := newWorld(t)
	w.now = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC) // before the day of the release's list
	models := w.released()
	models[five] = "YubiKey Five"
	if _, err := w.Update(w.person(), postern.ModelListInput{Content: w.blob(12, models)}); !postern.IsCode(err, postern.CodeModelListOld) {
		t.Errorf("a list of March over one of May: %v", err)
	}
}

// TestListsInJSON: a person answers for a file, a list from an address is signed, and the organisation's names go first.
func TestListsInJSON(t *testing.T) {
	w := newWorld(t)
	own := `{"` + card + `": {"name": "Door card", "kind": "security_key"}, "` + five + `": {"name": "The blue key"}}`
	d := w.update(postern.ModelListInput{Content: own, Source: postern.ModelFromFile, File: "own.json"})
	if len(d.Added) != 1 || len(d.Renamed) != 1 || d.Renamed[0].New != "The blue key" || d.From.Date != "" || d.To.Signer != "" {
		t.Errorf("own list: %+v", d)
	}
	l, err := w.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if m, _ := l.Model(five); m.Name != "The blue key" || !m.Listed || m.Kind != postern.ModelSecurityKey || m.Vendor != "Yubico" {
		t.Errorf("%+v", m)
	}
	w.update(postern.ModelListInput{Version: 1, Content: "{}", Source: postern.ModelFromFile})
	if l, err = w.List(t.Context()); err != nil || l.Name(five) != "YubiKey 5 Series" || l.Name(card) != card {
		t.Errorf("taken back, and yet %q, %v", l.Name(card), err)
	}

	list := `{"` + newFIPS + `": {"name": "New keeper"}}`
	w.pages["/list.json"], w.pages["/moved.json"] = list, "redirect /list.json"
	from := func(path string) error {
		_, err := w.Update(w.person(), postern.ModelListInput{Version: 2, Address: w.server.URL + path})
		return err
	}
	if err := from("/list.json"); !postern.IsCode(err, postern.CodeModelListSignature) {
		t.Errorf("unsigned: %v", err)
	}
	w.pages["/list.json.note"] = w.note("2026-06-01", list+" ")
	if err := from("/list.json"); !postern.IsCode(err, postern.CodeModelListSignature) {
		t.Errorf("about another file: %v", err)
	}
	w.pages["/list.json.note"] = w.note("2026-06-11", list)
	if err := from("/list.json"); !postern.IsCode(err, postern.CodeModelListSignature) {
		t.Errorf("of tomorrow: %v", err)
	}
	w.pages["/list.json.note"] = w.note("2026-01-01", list)
	if err := from("/list.json"); !postern.IsCode(err, postern.CodeModelListOld) {
		t.Errorf("older than the release: %v", err)
	}
	w.pages["/list.json.note"], w.pages["/moved.json.note"] = w.note("2026-06-01", list), w.note("2026-06-02", list)
	if err := from("/moved.json"); err != nil {
		t.Errorf("signed, over a redirect: %v", err)
	}
	if l, err = w.List(t.Context()); err != nil || l.Name(newFIPS) != "New keeper" {
		t.Errorf("%q, %v", l.Name(newFIPS), err)
	}
}

// TestAddresses holds every address that must not be fetched from to its refusal.
func TestAddresses(t *testing.T) {
	w := newWorld(t)
	plain := httptest.NewServer(http.HandlerFunc(w.serve))
	t.Cleanup(plain.Close)
	w.pages["/huge"], w.pages["/away"], w.pages["/loop"], w.pages["/list"] = "huge", "redirect "+plain.URL+"/list", "redirect /loop", w.blob(1, w.released())
	for address, code := range map[string]postern.Code{
		plain.URL + "/list":                     postern.CodeInvalid,
		"file:///etc/passwd":                    postern.CodeInvalid,
		"https://":                              postern.CodeInvalid,
		"https://user:secret@localhost/":        postern.CodeInvalid,
		"https://localhost/#part":               postern.CodeInvalid,
		w.server.URL + "/none":                  postern.CodeUnavailable,
		w.server.URL + "/huge":                  postern.CodeTooLarge,
		w.server.URL + "/away":                  postern.CodeUnavailable,
		w.server.URL + "/loop":                  postern.CodeUnavailable,
		"https://127.0.0.1:1/":                  postern.CodeUnavailable,
		strings.ToUpper(w.server.URL[:8]) + "x": postern.CodeUnavailable,
	} {
		_, err := w.Update(w.person(), postern.ModelListInput{Address: address})
		if !postern.IsCode(err, code) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, want %s", address, err, code)
		}
	}
	if _, err := w.Update(w.person(), postern.ModelListInput{Address: w.server.URL + "/list"}); err != nil {
		t.Errorf("the good one: %v", err)
	}
	asked := len(w.asked)
	w.Client = aaguid.NewClient(nil, false)
	for _, host := range []string{w.server.URL, "https://[::1]:443", "https://localhost", "https://169.254.169.254", "https://0.0.0.0", "https://[::ffff:127.0.0.1]"} {
		if _, err := w.Update(w.person(), postern.ModelListInput{Version: 1, Address: host + "/list"}); !postern.IsCode(err, postern.CodeInvalid) {
			t.Errorf("%s: %v", host, err)
		}
	}
	if len(w.asked) != asked {
		t.Error("it was asked all the same")
	}
}

// TestStaged: what was looked at is what is applied, once, within its time and only to the list it was compared with.
func TestStaged(t *testing.T) {
	w := newWorld(t)
	stage := func(name string) string {
		t.Helper()
		id, err := w.Stage(w.person(), postern.ModelListInput{Content: `{"` + newFIPS + `": {"name": "` + name + `"}}`, Source: postern.ModelFromFile})
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	first, second := stage("First"), stage("Second")
	if _, err := w.Staged(t.Context(), first); !postern.IsCode(err, postern.CodeNotFound) {
		t.Errorf("the one before: %v", err)
	}
	d, err := w.Staged(t.Context(), second)
	if err != nil || len(d.Added) != 1 || d.Added[0].Name != "Second" || d.Applied {
		t.Errorf("%+v, %v", d, err)
	}
	w.update(postern.ModelListInput{Content: `{"` + card + `": {"name": "Card"}}`})
	if _, err := w.ApplyStaged(w.person(), second, d.Version); !postern.IsCode(err, postern.CodeStale) {
		t.Errorf("over another's update: %v", err)
	}
	if d, err = w.ApplyStaged(w.person(), second, 1); err != nil || !d.Applied {
		t.Errorf("%+v, %v", d, err)
	}
	if _, err := w.ApplyStaged(w.person(), second, 2); !postern.IsCode(err, postern.CodeNotFound) {
		t.Errorf("twice: %v", err)
	}
	late := stage("Late")
	w.now = w.now.Add(time.Hour + time.Second)
	if _, err := w.ApplyStaged(w.person(), late, 2); !postern.IsCode(err, postern.CodeNotFound) {
		t.Errorf("an hour later: %v", err)
	}
	if _, err := w.Stage(w.person(), postern.ModelListInput{Content: "not.a.blob"}); err == nil {
		t.Error("nonsense was staged")
	}
}

// TestCheck looks once a month, tells once, and changes nothing.
func TestCheck(t *testing.T) {
	w := newWorld(t)
	models := w.released()
	look := func() *postern.ModelListCheck {
		t.Helper()
		if err := w.Check(t.Context(), aaguid.CheckJob{}); err != nil {
			t.Fatal(err)
		}
		list, err := w.Models(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		return list.Check
	}
	codes := func(want ...string) {
		t.Helper()
		if got, _ := w.events(); !slices.Equal(got, want) {
			t.Errorf("trail %v, want %v", got, want)
		}
	}
	if c := look(); c != nil || w.asked != nil {
		t.Errorf("without an address it looked: %+v", c)
	}
	w.Address = w.server.URL + "/blob"
	if c := look(); c.Code != postern.CodeUnavailable || c.Next == "" {
		t.Errorf("nothing there: %+v", c)
	}
	codes("MDL004E")
	look()
	codes("MDL004E") // told once
	w.pages["/blob"] = w.blob(3, models)
	if c := look(); c.Newer || c.Code != "" || c.Number != 3 || len(w.asked) != 3 {
		t.Errorf("the same: %+v, asked %d times", c, len(w.asked))
	}
	models[newFIPS] = "YubiKey 5 FIPS"
	w.pages["/blob"] = w.blob(4, models)
	if c := look(); c.Newer || len(w.asked) != 3 {
		t.Errorf("looked again the same month: %+v", c)
	}
	w.now = w.now.AddDate(0, 0, 31)
	w.pages["/blob"] = w.blob(4, models)
	if c := look(); !c.Newer || c.Number != 4 || c.Changes == 0 {
		t.Errorf("newer: %+v", c)
	}
	codes("MDL004E", "MDL003I")
	w.now = w.now.AddDate(0, 0, 31)
	w.pages["/blob"] = w.blob(4, models)
	look()
	codes("MDL004E", "MDL003I") // that one was told of
	if l, err := w.List(t.Context()); err != nil || l.Name(newFIPS) != newFIPS {
		t.Errorf("the list changed by itself: %v", err)
	}
}
