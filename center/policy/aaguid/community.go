package aaguid

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/postern/postern"
)

// readJSON reads a list in the form of the community's list of passkey providers: an object that names by each AAGUID an
// object with the member name. An organisation's own list has the same form, and may say kind and vendor besides. Other
// members, the icons, are passed over. A repeated AAGUID is refused, in whatever case it is written.
func readJSON(content []byte, from postern.ModelSource, now time.Time) (*source, error) {
	s := &source{ModelListSource: postern.ModelListSource{Source: from, Date: now.UTC().Format(time.DateOnly)}}
	if err := s.decode(content); err != nil {
		return nil, err
	}
	return s, s.finish()
}

func (s *source) decode(content []byte) error {
	bad := func(err error) error {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			return postern.FieldErrorf("content", "The list is no JSON: at byte %d, %s.", syntax.Offset, syntax.Error())
		}
		return postern.FieldErrorf("content", "The list is not of the form {\"AAGUID\": {\"name\": \"…\"}, …}.").Because(err)
	}
	d := json.NewDecoder(bytes.NewReader(content))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return bad(err)
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return bad(err)
		}
		id, _ := key.(string)
		id = strings.ToLower(id)
		if id == "$schema" {
			var skip any
			if err := d.Decode(&skip); err != nil {
				return bad(err)
			}
			continue
		}
		var said struct {
			Name   string            `json:"name"`
			Kind   postern.ModelKind `json:"kind"`
			Vendor string            `json:"vendor"`
		}
		if err := d.Decode(&said); err != nil {
			return bad(err)
		}
		m, err := s.said(id, cleanName(said.Name), said.Kind, cleanName(said.Vendor))
		if err != nil {
			return err
		}
		if s.Entries = append(s.Entries, m); len(s.Entries) > maxEntries {
			return postern.FieldErrorf("content", "The list has more than %d models.", maxEntries)
		}
	}
	if _, err := d.Token(); err != nil {
		return bad(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return bad(errors.New("more than one value"))
	}
	return nil
}

// said makes a model of what a list in JSON says. What a name of the community does not tell is most likely a program
// that keeps passkeys, which is what that list is for; what an organisation does not say stays unknown.
func (s *source) said(id, name string, kind postern.ModelKind, vendor string) (postern.Model, error) {
	m := postern.Model{AAGUID: id, Name: name, Kind: kind, Vendor: vendor, Source: s.Source}
	if !IsAAGUID(id) {
		return m, postern.FieldErrorf("content", "%q in the list is no AAGUID.", cleanName(id))
	}
	if name == "" {
		return m, postern.FieldErrorf("content", "%s has no name in the list.", id)
	}
	switch kind {
	case "", postern.ModelSecurityKey, postern.ModelPlatform, postern.ModelPhone, postern.ModelPasswordManager, postern.ModelKindUnknown:
	default:
		return m, postern.FieldErrorf("content", "%s is of a kind that there is not: %q.", id, cleanName(string(kind)))
	}
	known, ok := Bundled().Model(id)
	switch {
	case kind != "":
	case ok:
		m.Kind = known.Kind
	case s.Source == postern.ModelFromCommunity:
		m.Kind = postern.ModelPasswordManager
	default:
		m.Kind = postern.ModelKindUnknown
	}
	if m.Vendor == "" && ok {
		m.Vendor = known.Vendor
	}
	return describe(m), nil
}

// noteTitle is the first line of a note about a list; the second is its date, the third the SHA-256 of the file in
// base64.
const noteTitle = "postern list of models"

// readNote checks a signed note (golang.org/x/mod/sumdb/note) about a file and returns the date that it gives and who
// signed it.
func readNote(signed string, content []byte, signers note.Verifiers) (date, signer string, err error) {
	refused := func(because error, format string, args ...any) (string, string, error) {
		return "", "", postern.Errorf(postern.CodeModelListSignature, format, args...).OnField("signature").Because(because)
	}
	n, err := note.Open([]byte(signed), signers)
	if err != nil || len(n.Sigs) == 0 {
		return refused(err, "The note about the list is not signed by anybody whom the configuration names.")
	}
	lines := strings.Split(n.Text, "\n")
	sum := sha256.Sum256(content)
	if len(lines) < 3 || lines[0] != noteTitle || lines[2] != base64.StdEncoding.EncodeToString(sum[:]) {
		return refused(nil, "The signed note is about another file.")
	}
	if _, err := time.Parse(time.DateOnly, lines[1]); err != nil {
		return refused(err, "The signed note gives no date.")
	}
	return lines[1], n.Sigs[0].Name, nil
}
