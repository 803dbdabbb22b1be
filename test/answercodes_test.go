package test

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/link/offline"
	"github.com/postern/postern/link/workstation"
)

// TestAnswerCodes brings codes for signing in without a network to a phone without a screen, at whose terminal somebody says yes. It prints
// them one by one, with nothing there to ask.
func TestAnswerCodes(t *testing.T) {
	w := newLinkWorld(t)
	w.pair()
	admin := &postern.Client{BaseURL: w.demo.Console, Token: w.demo.Token}
	integrations, err := admin.Integrations(t.Context())
	if err != nil || len(integrations) != 1 {
		t.Fatalf("%+v, %v", integrations, err)
	}
	settings, err := admin.WorkstationSettings(t.Context(), integrations[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	settings.Offline.Enabled = true
	if settings, err = admin.SetWorkstationSettings(t.Context(), integrations[0].ID, settings); err != nil {
		t.Fatal(err)
	}
	batch := offline.Batch{
		ID: bytes.Repeat([]byte{1}, offline.IDSize), Seed: bytes.Repeat([]byte{2}, offline.SeedSize), Length: settings.Offline.Length, Count: 3,
		Expires: time.Now().Add(24 * time.Hour).Truncate(time.Second),
	}
	request, err := offline.Message{What: offline.Issue, Batch: batch, Display: 30 * time.Second, WarnAt: 1}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	answer := w.start("answer")
	w.until("the phone is there", func(p workstation.Phone) bool { return p.Ready })
	pairing := w.desk.Status().Phones[0].Pairing
	ask := func(line string, want ctap.Status) {
		t.Helper()
		answer.says(line)
		got, err := w.ask(t.Context(), request)
		if err != nil || len(got) != 1 || ctap.Status(got[0]) != want {
			t.Fatalf("answered %x, %v, want %v\n%s", got, err, want, answer.said())
		}
	}
	_, err = w.desk.AskOffline(t.Context(), pairing, postern.OfflineRequest{BatchID: batch.ID, Length: batch.Length, Codes: 3, ExpiresAt: batch.Expires, Seal: "key file"})
	if err != nil {
		t.Fatal(err)
	}
	ask("n\n", ctap.ErrOperationDenied)
	ask("\n", ctap.OK)
	ask("", ctap.OK) // the same again asks nobody
	if said := answer.said(); strings.Count(said, "Take 3 codes for signing in there without a network") != 2 || !strings.Contains(said, "Desk asks") {
		t.Errorf("the phone said\n%s", said)
	}
	if stands, err := w.desk.Offline(t.Context(), pairing); err != nil || stands.State != postern.OfflineConsented {
		t.Errorf("the control center has %+v, %v", stands, err)
	}
	if err := answer.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := answer.cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, answer.said())
	}
	for i := range 3 {
		if got := string(w.run("", "postern-phone", "offline", "code", "Desk")); got != batch.Code(i)+"\n" {
			t.Errorf("code %d is %q, want %q", i, got, batch.Code(i))
		}
	}
	if out := string(w.run("", "postern-phone", "offline", "forget", "Desk")); !strings.Contains(out, "has ended") {
		t.Errorf("forget prints %q", out)
	}
	if stands, err := w.desk.Offline(t.Context(), pairing); err != nil || stands.State != postern.OfflineEnded {
		t.Errorf("the control center has %+v, %v", stands, err)
	}
}
