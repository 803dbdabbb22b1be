package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/fido/ctap"
)

// TestUses: the hour of a sign-in is kept when the program ends, told once, and told of nothing but passkeys that the
// control center lists.
func TestUses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "phone")
	enrolled(t, file)
	status := http.StatusServiceUnavailable
	var told []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, _ := io.ReadAll(r.Body)
		told = append(told, r.Method+" "+r.URL.Path+" "+string(data))
		if status != http.StatusNoContent {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, `{"code":"unavailable","detail":"Later.","next":"Wait."}`)
			return
		}
		w.WriteHeader(status)
	}))
	defer server.Close()
	id := postern.NewID[postern.PasskeyID](postern.PrefixPasskey)
	self := postern.PhoneSelf{Passkeys: []postern.Passkey{{ID: id, CredentialID: []byte("credential"), State: postern.PasskeyActive}}}
	// tell opens the files anew, notes uses, and tells the control center.
	tell := func(self postern.PhoneSelf, used ...string) {
		t.Helper()
		v, err := (&options{File: file}).open()
		if err != nil {
			t.Fatal(err)
		}
		v.content.Phone.Server = server.URL
		p, err := v.phone()
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range used {
			v.noteUse([]byte(c))
		}
		if err := v.tellUses(t.Context(), p, self); err != nil {
			t.Fatal(err)
		}
		if err := v.close(); err != nil {
			t.Fatal(err)
		}
	}
	tell(self)
	if len(told) != 0 {
		t.Fatalf("told %q of a passkey that was never used", told)
	}
	before := time.Now().UTC().Truncate(time.Hour)
	tell(self, "credential", "one that is not here")
	if len(told) != 1 {
		t.Fatalf("told %q", told)
	}
	status = http.StatusNoContent
	tell(postern.PhoneSelf{}) // it is not listed
	revoked := self
	revoked.Passkeys = []postern.Passkey{self.Passkeys[0]}
	revoked.Passkeys[0].State = postern.PasskeyRevocation
	tell(revoked)
	if len(told) != 1 {
		t.Fatalf("told %q of what is not active", told)
	}
	tell(self) // which the answer before did not take
	tell(self)
	if len(told) != 2 || told[1] != told[0] {
		t.Fatalf("told %q", told)
	}
	hour := before
	body := func() string {
		data, err := json.Marshal(postern.PasskeyUse{UsedAt: hour})
		if err != nil {
			t.Fatal(err)
		}
		return "PUT /phone/v1/passkeys/" + string(id) + "/use " + string(data)
	}
	if told[1] != body() {
		if hour = before.Add(time.Hour); told[1] != body() { // the hour was struck in between
			t.Errorf("told %q", told[1])
		}
	}
}

// TestOnlySignInsAreUses: what only asks, or fails, is none.
func TestOnlySignInsAreUses(t *testing.T) {
	v := new(vault)
	v.noteAnswer([]byte{byte(ctap.GetInfo)}, []byte{byte(ctap.OK), 0xa0})
	v.noteAnswer([]byte{byte(ctap.GetAssertion), 0xa0}, []byte{byte(ctap.ErrNoCredentials)})
	v.noteAnswer(nil, nil)
	if len(v.used) != 0 {
		t.Errorf("noted %v", v.used)
	}
}
