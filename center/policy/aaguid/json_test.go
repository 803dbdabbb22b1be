package aaguid

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/postern/postern"
)

const community = `{
  "$schema": {"any": ["thing"]},
  "ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4": {"name": "Google Password Manager", "icon_dark": "data:image/svg+xml;base64,AAAA", "icon_light": null},
  "11111111-2222-3333-4444-555555555555": {"name": "New\u202eKeeper", "more": {"of": [1, 2]}}
}`

func TestReadJSON(t *testing.T) {
	got, err := readJSON([]byte(community), postern.ModelFromCommunity, today)
	if err != nil {
		t.Fatal(err)
	}
	want := []postern.Model{
		{AAGUID: newFIPS, Name: "NewKeeper", Kind: postern.ModelPasswordManager, Source: postern.ModelFromCommunity},
		{AAGUID: "ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4", Name: "Google Password Manager", Vendor: "Google", Kind: postern.ModelPasswordManager, Source: postern.ModelFromCommunity},
	}
	if len(got.Entries) != 2 || !equal(got.Entries[0], want[0]) || !equal(got.Entries[1], want[1]) {
		t.Errorf("got %+v", got.Entries)
	}
	own, err := readJSON([]byte(`{"`+newHID+`": {"name": "Door card", "kind": "security_key", "vendor": "House"}}`), postern.ModelFromFile, today)
	if err != nil || !equal(own.Entries[0], postern.Model{AAGUID: newHID, Name: "Door card", Kind: postern.ModelSecurityKey, Vendor: "House", Source: postern.ModelFromFile}) {
		t.Errorf("%+v, %v", own, err)
	}
}

func TestRefusedJSON(t *testing.T) {
	const id = `"11111111-2222-3333-4444-555555555555"`
	var many strings.Builder
	for n := range maxEntries + 1 {
		fmt.Fprintf(&many, `"00000000-0000-0000-0000-%012x":{"name":"x"},`, n)
	}
	for name, text := range map[string]string{
		"empty": `{}`, "nothing": ``, "a list": `[]`, "null": `null`, "cut": `{` + id + `: {"name": "a"}`, "two": `{` + id + `: {"name": "a"}} {}`,
		"no name": `{` + id + `: {}}`, "name of another type": `{` + id + `: {"name": 5}}`, "no AAGUID": `{"x": {"name": "a"}}`,
		"twice": `{` + id + `: {"name": "a"}, ` + id + `: {"name": "b"}}`, "kind": `{` + id + `: {"name": "a", "kind": "toaster"}}`,
		"text": `{` + id + `: "a"}`, "too many": "{" + strings.TrimSuffix(many.String(), ",") + "}", "rest": `{` + id + `: {"name": "a"}},`,
	} {
		if got, err := readJSON([]byte(text), postern.ModelFromCommunity, today); !postern.IsCode(err, postern.CodeInvalid) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// sign makes a note about content and the key that verifies it.
func sign(t *testing.T, title, date string, content []byte) (signed, key string) {
	t.Helper()
	private, public, err := note.GenerateKey(rand.Reader, "passkeys.example.com")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(content)
	text, err := note.Sign(&note.Note{Text: title + "\n" + date + "\n" + base64.StdEncoding.EncodeToString(sum[:]) + "\n"}, signer)
	if err != nil {
		t.Fatal(err)
	}
	return string(text), public
}

func TestReadNote(t *testing.T) {
	content := []byte(community)
	signed, key := sign(t, noteTitle, "2026-06-09", content)
	signers := func(keys ...string) note.Verifiers {
		t.Helper()
		all, err := Verifiers(keys)
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	date, signer, err := readNote(signed, content, signers(key))
	if err != nil || date != "2026-06-09" || signer != "passkeys.example.com" {
		t.Errorf("%s by %s, %v", date, signer, err)
	}
	_, stranger := sign(t, noteTitle, "2026-06-09", content)
	undated, undatedKey := sign(t, noteTitle, "yesterday", content)
	titled, titledKey := sign(t, "another log", "2026-06-09", content)
	for name, c := range map[string]struct {
		signed, content string
		signers         note.Verifiers
	}{
		"no signer":       {signed, community, signers()},
		"a stranger":      {signed, community, signers(stranger)},
		"another file":    {signed, community + " ", signers(key)},
		"a changed note":  {strings.Replace(signed, "2026-06-09", "2026-06-10", 1), community, signers(key)},
		"no date":         {undated, community, signers(undatedKey)},
		"of another kind": {titled, community, signers(titledKey)},
		"no note":         {"hello", community, signers(key)},
		"nothing":         {"", community, signers(key)},
	} {
		if date, signer, err := readNote(c.signed, []byte(c.content), c.signers); !postern.IsCode(err, postern.CodeModelListSignature) {
			t.Errorf("%s: %s by %s, %v", name, date, signer, err)
		}
	}
	if _, err := Verifiers([]string{"no key"}); err == nil {
		t.Error("a key that is none was taken")
	}
}

// FuzzReadJSON: whatever a list holds, what is taken of it are models in order, each once, with clean names.
func FuzzReadJSON(f *testing.F) {
	f.Add([]byte(community))
	f.Add([]byte(`{"11111111-2222-3333-4444-555555555555": {"name": "a", "kind": "phone", "vendor": "b"}, "$schema": 1}`))
	f.Add([]byte(`{"A": {"name": `))
	f.Fuzz(func(t *testing.T, content []byte) {
		got, err := readJSON(content, postern.ModelFromFile, today)
		if err != nil {
			if e := postern.AsError(err); e.Code != postern.CodeInvalid {
				t.Errorf("%v", err)
			}
			return
		}
		last := ""
		for _, m := range got.Entries {
			if !IsAAGUID(m.AAGUID) || m.AAGUID <= last || m.Name == "" || cleanName(m.Name) != m.Name || cleanName(m.Vendor) != m.Vendor || m.Kind == "" {
				t.Errorf("taken: %+v after %s", m, last)
			}
			last = m.AAGUID
		}
		// What was taken can be written into a table and read again.
		again, err := ParseTable(FormatTable(nil, got.Entries))
		if err != nil || len(again) != len(got.Entries) {
			t.Errorf("%d models, %v", len(again), err)
		}
	})
}
