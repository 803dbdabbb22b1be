package doctor_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/auth"
	"github.com/postern/postern/center/doctor"
)

func wants(check string, state postern.FindingState) postern.Finding {
	return postern.Finding{Check: check, State: state}
}

const (
	fails   = postern.FindingFailure
	warns   = postern.FindingWarning
	notes   = postern.FindingNote
	unknown = postern.FindingUnknown
)

// setup changes what the doctor takes for the configuration.
func (w *world) setup(change func(s *doctor.Setup)) func(t *testing.T) func() {
	return func(*testing.T) func() {
		was := w.center.Doctor.Setup
		change(&w.center.Doctor.Setup)
		return func() { w.center.Doctor.Setup = was }
	}
}

func roomy(path string) (doctor.Disk, error) {
	return doctor.Disk{Path: path, Free: 60 << 30, Total: 100 << 30}, nil
}

// disk leaves so many bytes of a hundred GiB free.
func (w *world) disk(free uint64) func(t *testing.T) func() {
	return func(*testing.T) func() {
		w.center.Doctor.Disk = func(path string) (doctor.Disk, error) {
			return doctor.Disk{Path: path, Free: free, Total: 100 << 30}, nil
		}
		return func() { w.center.Doctor.Disk = roomy }
	}
}

// later has the doctor look at a clock that is off. The control center goes on by the right one.
func (w *world) later(by time.Duration) func(t *testing.T) func() {
	return func(*testing.T) func() {
		w.center.Doctor.Now = func() time.Time { return time.Now().Add(by) }
		return func() { w.center.Doctor.Now = time.Now }
	}
}

// sql changes the database behind everybody's back, and back.
func (w *world) sql(breaks, mends string) func(t *testing.T) func() {
	run := func(t *testing.T, text string) int64 {
		t.Helper()
		done, err := w.center.Store.DB().ExecContext(context.WithoutCancel(t.Context()), text)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := done.RowsAffected()
		if err != nil {
			t.Fatal(err)
		}
		return rows
	}
	return func(t *testing.T) func() {
		if run(t, breaks) == 0 {
			t.Fatal("there was nothing to break")
		}
		return func() { run(t, mends) }
	}
}

// front answers as a proxy before Postern that passes nothing on but what is given.
func front(t *testing.T, answers map[string]string) (address string, stop func()) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		text, ok := answers[r.URL.Path]
		if !ok {
			rw.WriteHeader(http.StatusBadRequest)
		}
		fmt.Fprint(rw, text)
	}))
	return s.URL, s.Close
}

// publicly takes a front for the public address.
func (w *world) publicly(answers map[string]string) func(t *testing.T) func() {
	return func(t *testing.T) func() {
		t.Helper()
		address, stop := front(t, answers)
		back := w.setup(func(s *doctor.Setup) { s.PublicURL = address })(t)
		return func() { back(); stop() }
	}
}

// certified configures a certificate.
func (w *world) certified(host string, until time.Time) func(t *testing.T) func() {
	return func(t *testing.T) func() {
		t.Helper()
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		template := &x509.Certificate{
			SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host}, NotBefore: until.AddDate(-1, 0, 0), NotAfter: until,
		}
		der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		sealed, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		cert, private := filepath.Join(w.folder, "tls.pem"), filepath.Join(w.folder, "tls.key")
		write(t, cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
		write(t, private, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: sealed}))
		return w.setup(func(s *doctor.Setup) { s.TLSCertificate, s.TLSKey = cert, private })(t)
	}
}

// moved has a file away for a while.
func moved(path string) func(t *testing.T) func() {
	return func(t *testing.T) func() {
		t.Helper()
		if err := os.Rename(path, path+".away"); err != nil {
			t.Fatal(err)
		}
		return func() {
			if err := os.Rename(path+".away", path); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func (w *world) server(t *testing.T) Patient {
	t.Helper()
	backup := w.onlyBackup(t)
	p := Patient{Where: "server", Examine: func(t *testing.T) postern.DoctorReport {
		t.Helper()
		r, err := w.center.Doctor.Server(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return r
	}}
	p.Defects = []Defect{
		{Name: "the clock is ten minutes ahead", Break: w.later(10 * time.Minute), Want: wants("clock", fails), WantNext: "timedatectl"},
		{Name: "the clock is two minutes behind", Break: w.later(-2 * time.Minute), Want: wants("clock", warns), WantNext: "Set the clock"},
		{Name: "the name of the sign-in service is wrong", Break: w.setup(func(s *doctor.Setup) { s.Authority = "https://entra.invalid" }), Want: wants("authority", fails), WantNext: "entra.authority"},
		{Name: "a firewall keeps Graph away", Break: w.setup(func(s *doctor.Setup) { s.Graph = "https://127.0.0.1:1" }), Want: wants("graph", fails), WantNext: "port 443"},
		{Name: "a proxy opens TLS to Graph", Break: w.setup(func(s *doctor.Setup) { s.Graph = w.push.URL }), Want: wants("graph", fails), WantNext: "exempt"},
		{Name: "a portal answers in the place of Entra", Break: w.portal, Want: wants("authority", fails), WantNext: "Exempt"},
		{Name: "nothing answers at the public address", Break: w.setup(func(s *doctor.Setup) { s.PublicURL = "http://127.0.0.1:1" }), Want: wants("public_url", fails), WantNext: "proxy before Postern"},
		{Name: "something else answers at the public address", Break: w.publicly(map[string]string{"/healthz": "It works!"}), Want: wants("public_url", fails), WantNext: "Have the proxy pass everything"},
		{Name: "phones do not trust the public certificate", Break: w.setup(func(s *doctor.Setup) { s.PublicURL = w.push.URL }), Want: wants("public_url", fails), WantNext: "intermediate"},
		{Name: "the proxy does not pass WebSockets on", Break: w.publicly(map[string]string{"/healthz": "ok"}), Want: wants("relay", fails), WantNext: "WebSockets"},
		{Name: "the own certificate has ended", Break: w.certified("localhost", time.Now().AddDate(0, 0, -1)), Want: wants("certificate", fails), WantNext: "Renew"},
		{Name: "the own certificate ends in a week", Break: w.certified("localhost", time.Now().AddDate(0, 0, 7)), Want: wants("certificate", warns), WantNext: "Renew"},
		{Name: "the own certificate is of another host", Break: w.certified("postern.fabrikam.com", time.Now().AddDate(1, 0, 0)), Want: wants("certificate", fails), WantNext: "issued for the host"},
		{Name: "the own certificate cannot be read", Break: w.setup(func(s *doctor.Setup) { s.TLSCertificate, s.TLSKey = s.KeyFile, s.KeyFile }), Want: wants("certificate", fails), WantNext: "PEM"},
		{Name: "the database was not migrated", Break: w.schema(-1), Want: wants("version", fails), WantNext: "Restart"},
		{Name: "a newer Postern works on the database", Break: w.schema(1), Want: wants("version", fails), WantNext: "newest version"},
		{
			Name: "a job was given up", Want: wants("jobs", warns), WantNext: "audit trail",
			Break: w.sql(`UPDATE river_job SET state = 'discarded' WHERE id = (SELECT max(id) FROM river_job WHERE state = 'completed')`, `UPDATE river_job SET state = 'completed' WHERE state = 'discarded'`),
		},
		{
			Name: "nobody takes a job", Want: wants("jobs", warns), WantNext: "workers",
			Break: w.sql(`UPDATE river_job SET state = 'available', queue = 'nobody', finalized_at = NULL, scheduled_at = strftime('%Y-%m-%d %H:%M:%f', 'now', '-1 hour') WHERE id = (SELECT max(id) FROM river_job WHERE state = 'completed')`,
				`UPDATE river_job SET state = 'completed', queue = 'default', finalized_at = strftime('%Y-%m-%d %H:%M:%f', 'now') WHERE queue = 'nobody'`),
		},
		{Name: "the mail server refuses", Break: w.refused, Want: wants("mail", fails), WantNext: "mail"},
		{
			Name: "messages were given up", Want: wants("mail", warns), WantNext: "outbox",
			Break: w.sql(fmt.Sprintf(`INSERT INTO messages (id, integration_id, user_id, invitation_id, kind, language, address, name, state, attempts, problem, sealed, rank, created_at, next_at, tried_at)
				VALUES ('msg_1', '%s', '%s', '', 'reminder', 'en', 'gone@contoso.com', 'Gone', 'failed', 5, 'There is no such mailbox.', x'', 1, %[3]d, %[3]d, %[3]d)`, w.app.ID, w.user.ID, time.Now().UnixMilli()),
				`DELETE FROM messages WHERE id = 'msg_1'`),
		},
		{Name: "a push service cannot be reached", Break: w.pushedTo("https://127.0.0.1:1"), Want: wants("push", fails), WantNext: "push.proxy"},
		{Name: "push subscriptions are of another key file", Break: w.lostSubscription, Want: wants("push", warns), WantNext: "key file"},
		{Name: "somebody forged a checkpoint", Break: w.forged, Want: wants("audit", fails), WantNext: "kept elsewhere"},
		{Name: "no checkpoint for three hours", Break: w.uncovered, Want: wants("audit", warns), WantNext: "check jobs", Also: []string{"clock"}},
		{Name: "the SIEM does not answer", Break: w.stream(false), Want: wants("streams", fails), WantNext: "goes on by itself"},
		{Name: "a stream is paused", Break: w.stream(true), Want: wants("streams", notes), WantNext: "Resume"},
		{Name: "everybody may read the key file", Break: w.openKey, Want: wants("key_file", fails), WantNext: "chmod 600"},
		{Name: "the key file is gone", Break: moved(w.center.Config.KeyFile), Want: wants("key_file", fails), WantNext: "copy"},
		{Name: "the last backup is a month old", Break: aged(backup, 30), Want: wants("backups", warns), WantNext: "every day"},
		{Name: "no backup was ever made", Break: moved(backup), Want: wants("backups", notes), WantNext: "postern backup"},
		{Name: "there is only one owner", Break: w.dismissed, Want: wants("administrators", warns), WantNext: "second owner"},
		{Name: "an owner has one passkey", Break: w.lostPasskey, Want: wants("administrators", warns), WantNext: "second passkey"},
		{Name: "the disk is filling up", Break: w.disk(5 << 30), Want: wants("disk", warns), WantNext: "Make room"},
		{Name: "the disk is full", Break: w.disk(1 << 30), Want: wants("disk", fails), WantNext: "Make room"},
		{Name: "the log tells everything", Break: w.setup(func(s *doctor.Setup) { s.LogLevel = "debug" }), Want: wants("debug", warns), WantNext: "log_level"},
		{
			Name: "replicas do not hear of each other", Want: wants("backbone", fails), WantNext: "NATS",
			Break: func(*testing.T) func() {
				w.center.Doctor.Replicas = func() bool { return false }
				return func() { w.center.Doctor.Replicas = nil }
			},
		},
	}
	return p
}

// portal is a web server with a certificate that is trusted, and no sign-in service.
func (w *world) portal(t *testing.T) func() {
	was := w.center.Doctor.CAs
	w.center.Doctor.CAs = was.Clone()
	w.center.Doctor.CAs.AddCert(w.push.Certificate())
	back := w.setup(func(s *doctor.Setup) { s.Authority = w.push.URL })(t)
	return func() { back(); w.center.Doctor.CAs = was }
}

// schema takes away the last migration, or adds one that this program does not know.
func (w *world) schema(by int) func(t *testing.T) func() {
	if by > 0 {
		return w.sql(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, 1)`, `DELETE FROM goose_db_version WHERE version_id = 99999`)
	}
	return w.sql(`UPDATE goose_db_version SET version_id = -version_id WHERE version_id = (SELECT max(version_id) FROM goose_db_version)`,
		`UPDATE goose_db_version SET version_id = -version_id WHERE version_id < 0`)
}

func (w *world) refused(*testing.T) func() {
	w.mail.refuses.Store(true)
	return func() { w.mail.refuses.Store(false) }
}

func (w *world) pushedTo(endpoint string) func(t *testing.T) func() {
	return func(t *testing.T) func() {
		w.subscribe(t, endpoint)
		return func() { w.subscribe(t, w.push.URL) }
	}
}

func (w *world) lostSubscription(t *testing.T) func() {
	w.sql(`UPDATE push_subscriptions SET sealed = x'00'`, ``)(t)
	return func() { w.subscribe(t, w.push.URL) }
}

func (w *world) forged(t *testing.T) func() {
	ctx := context.WithoutCancel(t.Context())
	was, err := w.center.Store.Setting(ctx, "audit/checkpoint")
	if err == nil {
		err = w.center.Store.SetSetting(ctx, "audit/checkpoint", []byte("postern/audit\n1\nAAAA\n\n— forged\n"))
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := w.center.Store.SetSetting(ctx, "audit/checkpoint", was); err != nil {
			t.Fatal(err)
		}
	}
}

// uncovered records something, and lets three hours go by.
func (w *world) uncovered(t *testing.T) func() {
	w.change(t, func(i postern.Integration) error {
		_, err := w.center.Integrations.SetFlags(context.WithoutCancel(t.Context()), i.ID, i.Version, i.Flags)
		return err
	})
	return w.later(3 * time.Hour)(t)
}

func (w *world) stream(paused bool) func(t *testing.T) func() {
	return func(t *testing.T) func() {
		ctx := context.WithoutCancel(t.Context())
		made, err := w.center.Streams.Create(ctx, postern.AuditStreamInput{Name: "SIEM", Kind: "syslog", Format: "jsonl", Address: "tcp://127.0.0.1:1"})
		if err != nil {
			t.Fatal(err)
		}
		id := made.Stream.ID
		if paused {
			until(t, "pausing the stream", func() bool {
				s, err := w.center.Streams.Get(ctx, id)
				if err == nil {
					_, err = w.center.Streams.Pause(ctx, id, s.Version, true)
				}
				return err == nil
			})
		} else {
			until(t, "the stream", func() bool {
				s, err := w.center.Streams.Get(ctx, id)
				return err == nil && s.State == postern.StreamFailing
			})
		}
		return func() {
			until(t, "removing the stream", func() bool {
				s, err := w.center.Streams.Get(ctx, id)
				return err == nil && w.center.Streams.Remove(ctx, id, s.Version) == nil
			})
		}
	}
}

func (w *world) openKey(t *testing.T) func() {
	mode := func(m os.FileMode) {
		if err := os.Chmod(w.center.Config.KeyFile, m); err != nil {
			t.Fatal(err)
		}
	}
	mode(0o644)
	return func() { mode(0o600) }
}

func (w *world) onlyBackup(t *testing.T) string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(w.folder, "backups", "*.backup"))
	if err != nil || len(all) != 1 {
		t.Fatal("one backup was made", all, err)
	}
	return all[0]
}

func aged(path string, days int) func(t *testing.T) func() {
	return func(t *testing.T) func() {
		set := func(at time.Time) {
			if err := os.Chtimes(path, at, at); err != nil {
				t.Fatal(err)
			}
		}
		was := time.Now()
		set(was.AddDate(0, 0, -days))
		return func() { set(was) }
	}
}

func (w *world) owner(t *testing.T) postern.Administrator {
	t.Helper()
	all, err := w.center.Store.Administrators(t.Context())
	if err != nil || len(all) == 0 {
		t.Fatal("no administrators", err)
	}
	return all[0]
}

func (w *world) dismissed(t *testing.T) func() {
	ctx, a := context.WithoutCancel(t.Context()), w.owner(t)
	at := time.Now()
	set := func(disabled *time.Time) {
		if a.DisabledAt = disabled; w.center.Store.UpdateAdministrator(ctx, &a) != nil {
			t.Fatal("the administrator cannot be changed")
		}
	}
	set(&at)
	return func() { set(nil) }
}

func (w *world) lostPasskey(t *testing.T) func() {
	ctx, a := context.WithoutCancel(t.Context()), w.owner(t)
	all, err := w.center.Store.AdministratorCredentials(ctx, a.ID)
	if err != nil || len(all) != 2 {
		t.Fatal("two passkeys", err)
	}
	if err := w.center.Store.DeleteCredential(ctx, all[1].ID); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := w.center.Store.CreateCredential(ctx, auth.Credential{ID: all[1].ID, AdministratorID: a.ID, Name: all[1].Name, Data: all[1].Data, CreatedAt: all[1].CreatedAt}); err != nil {
			t.Fatal(err)
		}
	}
}
