package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/internal/cli"
	"github.com/postern/postern/link/channel"
	"github.com/postern/postern/link/offline"
	"github.com/postern/postern/phone/link"
)

func batch(id, seed byte) offline.Batch {
	return offline.Batch{
		ID: bytes.Repeat([]byte{id}, offline.IDSize), Seed: bytes.Repeat([]byte{seed}, offline.SeedSize), Length: 8, Count: 3,
		Expires: time.Now().Add(24 * time.Hour).Truncate(time.Second),
	}
}

func told(what offline.What, b offline.Batch) *offline.Message {
	return &offline.Message{What: what, Batch: b, Display: 30 * time.Second, WarnAt: 1}
}

var pairingID = postern.NewPairingID([16]byte{7})

// paired opens the files of a phone that is paired with PC-7 and PC-8.
func paired(t *testing.T, file string) *vault {
	t.Helper()
	enrolled(t, file)
	v, err := (&options{File: file}).open()
	if err != nil {
		t.Fatal(err)
	}
	v.content.Link.Workstations = map[postern.PairingID]workstation{
		pairingID:                           {ID: "wks_7", Key: make([]byte, channel.KeySize), Name: "PC-7"},
		postern.NewPairingID([16]byte{8}):   {ID: "wks_8", Key: make([]byte, channel.KeySize), Name: "PC-8"},
		postern.NewPairingID([16]byte{9}):   {ID: "wks_9", Key: make([]byte, channel.KeySize), Name: "PC-9", Unconfirmed: true},
		postern.NewPairingID([16]byte{0xA}): {ID: "wks_a", Key: make([]byte, channel.KeySize), Name: "PC-8"},
	}
	if err := v.save(); err != nil {
		t.Fatal(err)
	}
	return v
}

// TestOfflineCommands: each code is printed once, alone, without a network; what is left is listed.
func TestOfflineCommands(t *testing.T) {
	file := filepath.Join(t.TempDir(), "phone")
	v := paired(t, file)
	one := batch(1, 1)
	if err := errors.Join(v.agreed(pairingID, told(offline.Issue, one)), v.take(pairingID, one.ID), v.close()); err != nil {
		t.Fatal(err)
	}
	if _, out, _ := command(t, file, "offline", "list"); !strings.Contains(out, "PC-7") || !strings.Contains(out, "3 of 3") || strings.Contains(out, "PC-8") {
		t.Errorf("list prints\n%s", out)
	}
	for i, name := range []string{"PC-7", "wks_7", string(pairingID)} {
		code, out, errs := command(t, file, "offline", "code", name)
		if code != cli.ExitOK || out != one.Code(i)+"\n" || (i > 0) != strings.Contains(errs, "codes left for PC-7") {
			t.Errorf("code %d: exit %d, %q, %q; want %s", i, code, out, errs, one.Code(i))
		}
	}
	if code, out, errs := command(t, file, "offline", "code", "PC-7"); code != cli.ExitConflict || out != "" || !strings.Contains(errs, "has been shown") {
		t.Errorf("a code too many: exit %d, %q, %q", code, out, errs)
	}
	for _, name := range []string{"PC-8", "PC-9", "nobody"} {
		if code, out, _ := command(t, file, "offline", "code", name); code != cli.ExitNotFound || out != "" {
			t.Errorf("a code for %s: exit %d, %q", name, code, out)
		}
	}
	if code, _, errs := command(t, file, "offline", "forget", "PC-7"); code != cli.ExitFailure || !strings.Contains(errs, "cannot be reached") {
		t.Errorf("forget out of reach: exit %d, %q", code, errs)
	}
	if _, out, _ := command(t, file, "offline", "list", "--json"); !strings.Contains(out, `"left": 0`) {
		t.Errorf("after a forget that did not come off, list prints %s", out)
	}
	names, _ := filepath.Glob(file + "*")
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(data, one.Seed[:16]) {
			t.Errorf("%s holds the seed in the clear", name)
		}
	}
}

// TestCodesOfAFile: a code is kept as taken before it is given, and nothing stays of what is not on the shelf.
func TestCodesOfAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "phone")
	v := paired(t, file)
	one, two := batch(1, 1), batch(2, 2)
	secrets := func() int { return len(v.shelf(pairingID).Secrets) }
	if err := v.agreed(pairingID, told(offline.Issue, one)); err != nil {
		t.Fatal(err)
	}
	if code, _, err := v.draw(pairingID); err == nil {
		t.Errorf("drew %s before the control center took it", code)
	}
	if err := v.take(pairingID, two.ID); err == nil {
		t.Error("took what nobody agreed to")
	}
	if err := errors.Join(v.take(pairingID, one.ID), v.refill(pairingID, told(offline.Refill, two))); err != nil || secrets() != 1 {
		t.Fatalf("%v, %d secrets", err, secrets())
	}
	code, left, err := v.draw(pairingID)
	if err != nil || code != two.Code(0) || left.Left() != 2 {
		t.Fatalf("drew %s with %+v, %v", code, left, err)
	}
	if err := v.close(); err != nil {
		t.Fatal(err)
	}
	if v, err = (&options{File: file}).open(); err != nil {
		t.Fatal(err)
	}
	if code, _, err := v.draw(pairingID); err != nil || code != two.Code(1) {
		t.Errorf("opened anew it drew %s, %v", code, err)
	}
	self := postern.PhoneSelf{Pairings: []postern.PairedWorkstation{{Pairing: postern.Pairing{ID: pairingID}, Offline: &postern.OfflineAnswer{State: postern.OfflineActive}}}}
	if err := v.endCodes(self); err != nil || v.shelf(pairingID).Current == nil {
		t.Errorf("active ends the codes: %v", err)
	}
	self.Pairings[0].Offline.State = postern.OfflineEnded
	if err := v.endCodes(self); err != nil || v.shelf(pairingID).Current != nil || secrets() != 0 {
		t.Errorf("ended leaves %+v: %v", v.shelf(pairingID), err)
	}
	if err := v.close(); err != nil { // what cannot be kept is not given
		t.Fatal(err)
	}
	if err := v.agreed(pairingID, told(offline.Issue, one)); err == nil || v.shelf(pairingID).Agreed != nil {
		t.Errorf("a closed file took codes: %v", err)
	}
}

// TestDeskCodes answers what workstations send, with a control center that says what it is told to.
func TestDeskCodes(t *testing.T) {
	v := paired(t, filepath.Join(t.TempDir(), "phone"))
	defer v.close()
	status := http.StatusAccepted
	var heard []string
	center := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		heard = append(heard, r.Method+" "+r.URL.Path+" "+string(body))
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(`{"state":"consented","code":"offline_off","detail":"It is switched off.","next":"Ask."}`))
	}))
	defer center.Close()
	v.content.Phone.Server = center.URL
	p, err := v.phone()
	if err != nil {
		t.Fatal(err)
	}
	d := newDesk(v.passkeys, autoTouch{}, t.Output(), func([]byte, bool) {})
	d.codes = &codeKeeper{v: v, phone: p, acts: make(chan act)}
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		for {
			select {
			case a := <-d.codes.acts:
				a.done <- a.do()
			case <-stop:
				return
			}
		}
	}()
	send := func(id postern.PairingID, m *offline.Message) link.Answer {
		t.Helper()
		text, err := m.Encode()
		if err != nil {
			t.Fatal(err)
		}
		return d.handle(t.Context(), &link.Request{Pairing: id, Workstation: "wks_7", Session: 1, CTAP: text, Deadline: time.Now().Add(time.Minute)})
	}
	want := func(what string, got link.Answer, status ctap.Status) {
		t.Helper()
		if got.Reason != 0 || len(got.CTAP) != 1 || ctap.Status(got.CTAP[0]) != status {
			t.Errorf("%s: %+v, want %v", what, got, status)
		}
	}
	one, two := batch(1, 1), batch(2, 2)
	want("a refill of nothing", send(pairingID, told(offline.Refill, one)), ctap.ErrOperationDenied)
	if got := send(postern.NewPairingID([16]byte{9}), told(offline.Refill, one)); got.Reason != channel.ReasonNotAllowed {
		t.Errorf("a pairing that nobody confirmed: %+v", got)
	}
	if err := v.agreed(pairingID, told(offline.Issue, one)); err != nil {
		t.Fatal(err)
	}
	status = http.StatusForbidden
	want("refused by the control center", send(pairingID, told(offline.Issue, one)), ctap.ErrOther)
	status = http.StatusAccepted
	want("the yes that was given", send(pairingID, told(offline.Issue, one)), ctap.OK)
	if len(heard) != 2 || heard[1] != "PUT /phone/v1/pairings/"+string(pairingID)+`/offline {"batch_id":"AQEBAQEBAQEBAQEBAQEBAQ"}` {
		t.Errorf("the control center heard %q", heard)
	}
	want("the same again", send(pairingID, told(offline.Issue, one)), ctap.OK)
	want("a refill of another pairing", send(postern.NewPairingID([16]byte{8}), told(offline.Refill, one)), ctap.ErrOperationDenied)
	want("a refill", send(pairingID, told(offline.Refill, two)), ctap.OK)
	if code, _, err := v.draw(pairingID); err != nil || code != two.Code(0) {
		t.Errorf("drew %s, %v", code, err)
	}
	d.learn(postern.PhoneSelf{Notice: &postern.PhoneNotice{Code: postern.CodeIntegrationDisabled}})
	if got := send(pairingID, told(offline.Refill, one)); got.Reason != channel.ReasonNotAllowed {
		t.Errorf("while the integration is off: %+v", got)
	}
	want("forget", send(pairingID, told(offline.Forget, two)), ctap.OK)
	if kept := v.shelf(pairingID); kept.Current != nil || len(kept.Secrets) > 0 {
		t.Errorf("after forgetting there is %+v", kept)
	}
	if len(heard) != 2 {
		t.Errorf("the control center heard %q", heard)
	}
	noise := make([]byte, 200)
	for range 50 {
		_, _ = rand.Read(noise)
		got := d.handle(context.Background(), &link.Request{Pairing: pairingID, Workstation: "wks_7", CTAP: append([]byte{byte(offline.Command)}, noise...)})
		want("noise", got, ctap.ErrOther)
	}
	want("another vendor's command", d.handle(t.Context(), &link.Request{Pairing: pairingID, CTAP: []byte{0x41}}), ctap.ErrInvalidCommand)
}
