package u2f_test

import (
	"bytes"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/postern/postern/fido/ctap/ctaphid"
	"github.com/postern/postern/fido/ctap/ctaptest"
	"github.com/postern/postern/fido/ctap/u2f"
)

func fill(b byte) (out [32]byte) {
	copy(out[:], bytes.Repeat([]byte{b}, 32))
	return out
}

var (
	challenge   = fill(0xC1)
	application = fill(0xA1)
	both        = append(bytes.Clone(challenge[:]), application[:]...)
)

// TestParseRequest: every length encoding a host may choose, and the status word
// of each defect.
func TestParseRequest(t *testing.T) {
	register := &u2f.Register{Challenge: challenge, Application: application}
	authenticate := func(c u2f.Control, handle string) *u2f.Authenticate {
		return &u2f.Authenticate{Control: c, Challenge: challenge, Application: application, KeyHandle: []byte(handle)}
	}
	join := func(head string, rest ...[]byte) []byte {
		b, err := hex.DecodeString(head)
		if err != nil {
			t.Fatal(err)
		}
		return append(b, bytes.Join(rest, nil)...)
	}
	le := []byte{0, 0}
	kh := []byte("\x02kh")
	long := append([]byte{255}, bytes.Repeat([]byte("k"), 255)...)
	for name, tc := range map[string]struct {
		message []byte
		want    u2f.Request
		err     error
	}{
		"register, extended":               {join("00010000000040", both), register, nil},
		"register, extended, Le":           {join("00010000000040", both, le), register, nil},
		"register, short":                  {join("0001000040", both), register, nil},
		"register, short, Le":              {join("0001000040", both, le[:1]), register, nil},
		"register, P1 and P2 of Chrome":    {join("00018300000040", both, le), register, nil},
		"register, a byte short":           {join("0001000000003F", both[:63], le), nil, u2f.WrongLength},
		"register, a byte more":            {join("00010000000041", both, []byte{1}, le), nil, u2f.WrongLength},
		"register, nothing":                {join("00010000"), nil, u2f.WrongLength},
		"register, Lc lies":                {join("00010000000041", both), nil, u2f.WrongLength},
		"register, Lc lies low":            {join("0001000000003F", both), nil, u2f.WrongLength},
		"register, one byte of Le":         {join("00010000000040", both, le[:1]), nil, u2f.WrongLength},
		"register, three bytes of Le":      {join("00010000000040", both, []byte{0, 0, 0}), nil, u2f.WrongLength},
		"register, short, two bytes of Le": {join("0001000040", both, le), nil, u2f.WrongLength},
		"authenticate":                     {join("00020300000043", both, kh, le), authenticate(u2f.Enforce, "kh"), nil},
		"authenticate, short":              {join("0002070043", both, kh), authenticate(u2f.CheckOnly, "kh"), nil},
		"authenticate, no presence":        {join("00020800000043", both, kh), authenticate(u2f.DontEnforce, "kh"), nil},
		"authenticate, longest handle":     {join("00020300000140", both, long), authenticate(u2f.Enforce, string(long[1:])), nil},
		"authenticate, no handle":          {join("00020300000041", both, []byte{0}), authenticate(u2f.Enforce, ""), nil},
		"authenticate, no length":          {join("00020300000040", both), nil, u2f.WrongLength},
		"authenticate, handle cut":         {join("00020300000042", both, kh[:2]), nil, u2f.WrongLength},
		"authenticate, handle too long":    {join("00020300000044", both, kh, []byte{1}), nil, u2f.WrongLength},
		"authenticate, control 0":          {join("00020000000043", both, kh), nil, u2f.WrongData},
		"version, header alone":            {join("00030000"), &u2f.VersionRequest{}, nil},
		"version, short Le":                {join("0003000000"), &u2f.VersionRequest{}, nil},
		"version, extended Le":             {join("00030000000000"), &u2f.VersionRequest{}, nil},
		"version, empty Lc and Le":         {join("000300000000000000"), &u2f.VersionRequest{}, nil},
		"version, two bytes":               {join("000300000000"), nil, u2f.WrongLength},
		"version with data":                {join("000300000101"), nil, u2f.WrongLength},
		"nothing":                          {nil, nil, u2f.WrongLength},
		"three bytes":                      {join("000300"), nil, u2f.WrongLength},
		"class 80":                         {join("80030000"), nil, u2f.ClassNotSupported},
		"instruction 04":                   {join("00040000"), nil, u2f.InstructionNotSupported},
		"instruction C0, broken length":    {join("00C000000000"), nil, u2f.InstructionNotSupported},
	} {
		got, err := u2f.ParseRequest(tc.message)
		if !errors.Is(err, tc.err) {
			t.Errorf("%s: %v, want %v", name, err, tc.err)
		}
		if diff := cmp.Diff(tc.want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// TestSignedMessages holds the signed bytes to FIDO U2F Raw Message Formats §4.3
// and §5.4, put together by hand.
func TestSignedMessages(t *testing.T) {
	r := &u2f.RegisterResponse{KeyHandle: []byte("handle")}
	r.PublicKey[0], r.PublicKey[64] = 4, 9
	want := bytes.Join([][]byte{{0}, application[:], challenge[:], []byte("handle"), r.PublicKey[:]}, nil)
	if got := r.SignedMessage(&u2f.Register{Challenge: challenge, Application: application}); !bytes.Equal(got, want) {
		t.Errorf("registration: %x", got)
	}
	a := &u2f.AuthenticateResponse{Flags: 1, Counter: 0x01020304}
	want = bytes.Join([][]byte{application[:], {1, 1, 2, 3, 4}, challenge[:]}, nil)
	if got := a.SignedMessage(&u2f.Authenticate{Challenge: challenge, Application: application}); !bytes.Equal(got, want) {
		t.Errorf("authentication: %x", got)
	}
}

func array(t *rapid.T, name string) [32]byte {
	return [32]byte(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, name))
}

func TestRequestsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SampledFrom([]u2f.Request{
			&u2f.VersionRequest{},
			&u2f.Register{Challenge: array(t, "challenge"), Application: array(t, "application")},
			&u2f.Authenticate{
				Control:   rapid.SampledFrom([]u2f.Control{u2f.Enforce, u2f.CheckOnly, u2f.DontEnforce}).Draw(t, "control"),
				Challenge: array(t, "c"), Application: array(t, "a"), KeyHandle: rapid.SliceOfN(rapid.Byte(), 0, 255).Draw(t, "handle"),
			},
		}).Draw(t, "request")
		got, err := u2f.ParseRequest(want.Encode())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestResponsesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		certificate, err := asn1.Marshal([]asn1.RawValue{{Tag: asn1.TagOctetString, Bytes: rapid.SliceOfN(rapid.Byte(), 0, 400).Draw(t, "certificate")}})
		if err != nil {
			t.Fatal(err)
		}
		bytesOf := rapid.SliceOfN(rapid.Byte(), 1, 80)
		r := &u2f.RegisterResponse{
			PublicKey: [65]byte(rapid.SliceOfN(rapid.Byte(), 65, 65).Draw(t, "key")), KeyHandle: rapid.SliceOfN(rapid.Byte(), 1, 255).Draw(t, "handle"),
			Certificate: certificate, Signature: bytesOf.Draw(t, "signature"),
		}
		gotR, err := u2f.DecodeRegisterResponse(r.Encode())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(r, gotR); diff != "" {
			t.Fatal(diff)
		}
		a := &u2f.AuthenticateResponse{Flags: rapid.Byte().Draw(t, "flags"), Counter: rapid.Uint32().Draw(t, "counter"), Signature: bytesOf.Draw(t, "s")}
		gotA, err := u2f.DecodeAuthenticateResponse(a.Encode())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(a, gotA); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestResponseErrors(t *testing.T) {
	for name, tc := range map[string]struct {
		response []byte
		want     error
	}{
		"empty":                 {nil, u2f.WrongLength},
		"a byte":                {[]byte{0x90}, u2f.WrongLength},
		"a status":              {[]byte{0x69, 0x85}, u2f.ConditionsNotSatisfied},
		"a status with data":    {[]byte{1, 2, 3, 4, 5, 6, 0x6A, 0x80}, u2f.WrongData},
		"success without data":  {[]byte{0x90, 0x00}, u2f.WrongData},
		"success with too less": {[]byte{1, 0, 0, 0, 1, 0x90, 0x00}, u2f.WrongData},
	} {
		if r, err := u2f.DecodeRegisterResponse(tc.response); !errors.Is(err, tc.want) || r != nil {
			t.Errorf("%s: register: %v, %v", name, r, err)
		}
		if r, err := u2f.DecodeAuthenticateResponse(tc.response); !errors.Is(err, tc.want) || r != nil {
			t.Errorf("%s: authenticate: %v, %v", name, r, err)
		}
	}
}

// FuzzU2F: a failed parse yields nothing but a status word; what parses is
// written back in a form that parses to the same.
func FuzzU2F(f *testing.F) {
	f.Add((&u2f.Register{}).Encode())
	f.Add((&u2f.Authenticate{Control: u2f.Enforce, KeyHandle: []byte("kh")}).Encode())
	f.Add((&u2f.VersionRequest{}).Encode())
	f.Add([]byte{0, 2, 7, 0, 66})
	f.Add([]byte{0, 1, 0, 0, 0, 0xFF, 0xFF})
	for _, e := range ctaptest.Exchanges(f, ctaphid.Msg) {
		f.Add(e.Request)
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		got, err := u2f.ParseRequest(message)
		if err != nil {
			var status u2f.Status
			if got != nil || !errors.As(err, &status) || status == u2f.NoError {
				t.Fatalf("%x: %v with %v", message, err, got)
			}
			return
		}
		again, err := u2f.ParseRequest(got.Encode())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(got, again, cmpopts.EquateEmpty()); diff != "" {
			t.Fatal(diff)
		}
	})
}

// FuzzU2FResponse: the same for responses, which a platform reads.
func FuzzU2FResponse(f *testing.F) {
	f.Add((&u2f.AuthenticateResponse{Signature: []byte{1}}).Encode())
	f.Add((&u2f.RegisterResponse{KeyHandle: []byte{1}, Certificate: []byte{0x30, 0x00}, Signature: []byte{1}}).Encode())
	for _, e := range ctaptest.Exchanges(f, ctaphid.Msg) {
		f.Add(e.Answer[:len(e.Answer)-2])
	}
	f.Fuzz(func(t *testing.T, response []byte) {
		if r, err := u2f.DecodeRegisterResponse(response); err != nil && r != nil || err == nil && !bytes.Equal(r.Encode(), response) {
			t.Fatalf("register: %v, %v", r, err)
		}
		if r, err := u2f.DecodeAuthenticateResponse(response); err != nil && r != nil || err == nil && !bytes.Equal(r.Encode(), response) {
			t.Fatalf("authenticate: %v, %v", r, err)
		}
	})
}
