package authenticator_test

import (
	"bytes"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/ctap"
)

// FuzzManagement sends whatever parameters with a token that is good for them.
// Listing changes nothing, a deletion takes one credential or none, an update
// touches one account and not its handle, and every answer is canonical.
func FuzzManagement(f *testing.F) {
	params := func(p *ctap.CredentialManagementParams) []byte {
		raw, err := p.Encode()
		if err != nil {
			f.Fatal(err)
		}
		return raw
	}
	own := ctap.HashRPID(rpID)
	id := &ctap.CredentialDescriptor{ID: []byte{1, 1, 2, 3}, Type: ctap.PublicKeyType}
	for sub := range uint8(9) {
		f.Add(sub, []byte{})
		f.Add(sub, params(&ctap.CredentialManagementParams{RPIDHash: &own}))
		f.Add(sub, params(&ctap.CredentialManagementParams{CredentialID: id, User: &ctap.User{ID: []byte{1}, Name: "new"}}))
	}
	f.Fuzz(func(t *testing.T, sub uint8, params []byte) {
		if len(params) > 1500 {
			return
		}
		store := seededES256(t)
		p := newPlatform(t, largeBlobs, func(c *authenticator.Config) { c.Store = store })
		m := p.manage(2, ctap.PermitCredentialManagement, "")
		r := m.request(uint64(sub), nil)
		var body []byte // built by hand: params need not be CBOR
		if len(params) > 0 {
			r.Params = params
			r.AuthParam = m.sign(r.AuthMessage())
			body = append(append([]byte{0x0A, 0xA4, 0x01}, uintHead(sub)...), 0x02)
			body = append(append(body, params...), 0x03, 0x02, 0x04, 0x58, byte(len(r.AuthParam)))
			body = append(body, r.AuthParam...)
		} else {
			var err error
			if body, err = r.Encode(); err != nil {
				t.Fatal(err)
			}
		}
		before, _ := store.List(t.Context())
		status, result := p.raw(body)
		after, _ := store.List(t.Context())
		switch {
		case status != ctap.OK, sub != uint8(ctap.DeleteCredential) && sub != uint8(ctap.UpdateUserInformation):
			if diff := gocmp.Diff(before, after); diff != "" {
				t.Fatalf("subcommand %d, %v: %s", sub, status, diff)
			}
		case sub == uint8(ctap.DeleteCredential):
			if len(after) != len(before)-1 {
				t.Fatalf("deleting took %d credentials", len(before)-len(after))
			}
		default:
			changed := 0
			for i := range after {
				if !bytes.Equal(after[i].User.ID, before[i].User.ID) {
					t.Fatal("an update changed a user handle")
				}
				if after[i].User.Name != before[i].User.Name || after[i].User.DisplayName != before[i].User.DisplayName || after[i].User.Icon != before[i].User.Icon {
					changed++
				}
				after[i].User = before[i].User
			}
			if diff := gocmp.Diff(before, after); diff != "" || changed > 1 {
				t.Fatalf("an update changed %d accounts; %s", changed, diff)
			}
		}
		if status == ctap.OK {
			if _, err := ctap.DecodeCredentialManagementResponse(result); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func uintHead(v uint8) []byte {
	if v < 24 {
		return []byte{v}
	}
	return []byte{0x18, v}
}
