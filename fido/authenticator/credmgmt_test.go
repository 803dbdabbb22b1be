package authenticator_test

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/fido/ctap/pinuvauth"
)

// management is a token with which credentials are managed.
type management struct {
	*platform
	a     *agreement
	token []byte
}

func (p *platform) manage(protocol uint64, permission ctap.Permission, rp string) *management {
	p.Helper()
	a := p.agree(protocol)
	return &management{platform: p, a: a, token: p.token(a, permission, rp)}
}

func (m *management) request(sub uint64, params *ctap.CredentialManagementParams) *ctap.CredentialManagementRequest {
	m.Helper()
	r := &ctap.CredentialManagementRequest{Subcommand: sub}
	if params != nil {
		raw, err := params.Encode()
		if err != nil {
			m.Fatal(err)
		}
		r.Params = raw
	}
	r.Protocol = &m.a.protocol
	r.AuthParam = m.sign(r.AuthMessage())
	return r
}

func (m *management) sign(message []byte) []byte {
	return pinuvauth.Authenticate(m.a.protocol, m.token, message)
}

func next(sub uint64) *ctap.CredentialManagementRequest {
	return &ctap.CredentialManagementRequest{Subcommand: sub}
}

func (p *platform) managed(r *ctap.CredentialManagementRequest) *ctap.CredentialManagementResponse {
	p.Helper()
	status, result := p.send(r)
	if status != ctap.OK {
		p.Fatalf("credential management %d: %v", r.Subcommand, status)
	}
	resp, err := ctap.DecodeCredentialManagementResponse(result)
	if err != nil {
		p.Fatal(err)
	}
	return resp
}

// listed is what an enumeration tells of one credential.
type listed struct {
	RP          ctap.RelyingParty
	User        ctap.User
	ID          []byte
	PublicKey   ctap.Raw
	CredProtect ctap.CredProtect
}

// enumerate lists everything, in the order it is told.
func (m *management) enumerate() []listed {
	m.Helper()
	status, result := m.send(m.request(ctap.EnumerateRPsBegin, nil))
	if status == ctap.ErrNoCredentials {
		return nil
	}
	if status != ctap.OK {
		m.Fatalf("enumerateRPsBegin: %v", status)
	}
	first, err := ctap.DecodeCredentialManagementResponse(result)
	if err != nil {
		m.Fatal(err)
	}
	rps := []*ctap.CredentialManagementResponse{first}
	for uint64(len(rps)) < first.TotalRPs {
		rps = append(rps, m.managed(next(ctap.EnumerateRPsNext)))
	}
	m.wantStatus(next(ctap.EnumerateRPsNext), ctap.ErrNotAllowed)
	var all []listed
	for i, rp := range rps {
		if *rp.RPIDHash != ctap.HashRPID(rp.RP.ID) {
			m.Errorf("rpIDHash of %s is %x", rp.RP.ID, rp.RPIDHash)
		}
		if i > 0 && rp.TotalRPs != 0 {
			m.Errorf("totalRPs is told again: %d", rp.TotalRPs)
		}
		c := m.managed(m.request(ctap.EnumerateCredentialsBegin, &ctap.CredentialManagementParams{RPIDHash: rp.RPIDHash}))
		for n := c.TotalCredentials; ; c = m.managed(next(ctap.EnumerateCredentialsNext)) {
			all = append(all, listed{*rp.RP, *c.User, c.CredentialID.ID, c.PublicKey, c.CredProtect})
			if n--; n == 0 {
				break
			}
		}
		m.wantStatus(next(ctap.EnumerateCredentialsNext), ctap.ErrNotAllowed)
	}
	return all
}

// stored is what an enumeration has to tell.
func stored(t *testing.T, st authenticator.Store) []listed {
	t.Helper()
	list, err := st.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var all []listed
	for _, c := range list {
		if c.Discoverable {
			all = append(all, listed{c.RP, c.User, c.ID, c.PublicKey, max(c.CredProtect, ctap.UVOptional)})
		}
	}
	return all
}

func byID(a, b listed) int { return cmp.Compare(string(a.ID), string(b.ID)) }

func (p *platform) register(rp, user string, rk bool) *credential {
	p.Helper()
	r := mcRequest()
	r.RP = ctap.RelyingParty{ID: rp, Name: "RP " + rp}
	r.User = ctap.User{ID: []byte(user), Name: user + "@" + rp, DisplayName: "Display " + user}
	r.Options["rk"] = rk
	return p.make(r)
}

// TestManagementEnumerates: whatever is made, replaced, renamed and deleted in
// whatever order, what is listed is what is stored.
func TestManagementEnumerates(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p := newPlatform(t)
		protocol := rapid.SampledFrom([]uint64{1, 2}).Draw(rt, "protocol")
		for range rapid.IntRange(0, 12).Draw(rt, "steps") {
			all := stored(t, p.Store)
			act := rapid.IntRange(0, 3).Draw(rt, "act")
			if len(all) == 0 || act < 2 {
				rp := fmt.Sprintf("rp%d.example", rapid.IntRange(0, 2).Draw(rt, "rp"))
				p.register(rp, fmt.Sprintf("user-%d", rapid.IntRange(0, 2).Draw(rt, "user")), rapid.IntRange(0, 4).Draw(rt, "rk") > 0)
				continue
			}
			m := p.manage(protocol, ctap.PermitCredentialManagement, "")
			c := rapid.SampledFrom(all).Draw(rt, "credential")
			params := &ctap.CredentialManagementParams{CredentialID: &ctap.CredentialDescriptor{ID: c.ID, Type: ctap.PublicKeyType}}
			if act == 2 {
				p.managed(m.request(ctap.DeleteCredential, params))
				continue
			}
			params.User = &ctap.User{ID: c.User.ID, Name: rapid.StringN(0, 20, 60).Draw(rt, "name")}
			p.managed(m.request(ctap.UpdateUserInformation, params))
		}
		m := p.manage(protocol, ctap.PermitCredentialManagement, "")
		want, got := stored(t, p.Store), m.enumerate()
		slices.SortFunc(want, byID)
		slices.SortFunc(got, byID)
		if diff := gocmp.Diff(want, got); diff != "" {
			rt.Fatal(diff)
		}
		meta := p.managed(m.request(ctap.GetCredsMetadata, nil))
		if *meta.ExistingCount != uint64(len(want)) || *meta.RemainingCount != *p.info().RemainingDiscoverableCredentials {
			rt.Fatalf("metadata %d of %d, remaining %d", *meta.ExistingCount, len(want), *meta.RemainingCount)
		}
	})
}

func TestManagementOrder(t *testing.T) {
	p := newPlatform(t)
	for _, c := range [][2]string{{"a.example", "1"}, {"b.example", "1"}, {"a.example", "2"}, {"c.example", "1"}, {"b.example", "2"}} {
		p.register(c[0], c[1], true)
	}
	p.register("d.example", "1", false)
	var got []string
	for _, l := range p.manage(2, ctap.PermitCredentialManagement, "").enumerate() {
		got = append(got, l.RP.ID+"/"+string(l.User.ID))
	}
	want := []string{"a.example/2", "a.example/1", "b.example/2", "b.example/1", "c.example/1"}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestManagementNests: a platform may list the credentials of one relying party
// before it asks for the next, and may not go on after anything else.
func TestManagementNests(t *testing.T) {
	p := newPlatform(t)
	for _, c := range [][2]string{{"a.example", "1"}, {"a.example", "2"}, {"b.example", "1"}, {"c.example", "1"}} {
		p.register(c[0], c[1], true)
	}
	m := p.manage(2, ctap.PermitCredentialManagement, "")
	credentials := func(rp *ctap.CredentialManagementResponse) *ctap.CredentialManagementResponse {
		return p.managed(m.request(ctap.EnumerateCredentialsBegin, &ctap.CredentialManagementParams{RPIDHash: rp.RPIDHash}))
	}
	rp := p.managed(m.request(ctap.EnumerateRPsBegin, nil))
	if c := credentials(rp); c.TotalCredentials != 2 {
		t.Errorf("%s has %d credentials", rp.RP.ID, c.TotalCredentials)
	}
	p.managed(next(ctap.EnumerateCredentialsNext))
	rp = p.managed(next(ctap.EnumerateRPsNext))
	if c := credentials(rp); rp.RP.ID != "b.example" || c.TotalCredentials != 1 {
		t.Errorf("%s has %d credentials", rp.RP.ID, c.TotalCredentials)
	}
	d := ctap.CredentialDescriptor{ID: []byte{1}, Type: ctap.PublicKeyType}
	p.wantStatus(m.request(ctap.DeleteCredential, &ctap.CredentialManagementParams{CredentialID: &d}), ctap.ErrNoCredentials)
	p.wantStatus(next(ctap.EnumerateRPsNext), ctap.ErrNotAllowed)
}

func TestManagementDeletes(t *testing.T) {
	p := newPlatform(t)
	keep, gone := p.register(rpID, "1", true), p.register(rpID, "2", true)
	before := *p.info().RemainingDiscoverableCredentials
	m := p.manage(2, ctap.PermitCredentialManagement, rpID)
	d := gone.descriptor()
	r := m.request(ctap.DeleteCredential, &ctap.CredentialManagementParams{CredentialID: &d})
	p.managed(r)
	p.wantStatus(r, ctap.ErrNoCredentials)
	if after := *p.info().RemainingDiscoverableCredentials; after != before+1 {
		t.Errorf("remaining %d, then %d", before, after)
	}
	if got := p.get(gaRequest(), keep, gone); !bytes.Equal(got.Credential.ID, keep.id) || got.NumberOfCredentials != 0 {
		t.Errorf("assertion by %x of %d", got.Credential.ID, got.NumberOfCredentials)
	}
	g := gaRequest()
	g.AllowList = []ctap.CredentialDescriptor{d}
	p.wantStatus(g, ctap.ErrNoCredentials)
}

// TestManagementUpdates: what the platform leaves out is gone, the handle
// stays, and an assertion tells the new name.
func TestManagementUpdates(t *testing.T) {
	p := newPlatform(t)
	c := p.make(mcRequest())
	m := p.manage(2, ctap.PermitCredentialManagement, "")
	d := c.descriptor()
	params := &ctap.CredentialManagementParams{CredentialID: &d, User: &ctap.User{ID: []byte("user-1"), Name: "new"}}
	p.managed(m.request(ctap.UpdateUserInformation, params))
	if diff := gocmp.Diff(params.User, p.get(gaRequest(), c).User); diff != "" {
		t.Error(diff)
	}
	m = p.manage(2, ctap.PermitCredentialManagement, "")
	params.User.ID = []byte("user-2")
	p.wantStatus(m.request(ctap.UpdateUserInformation, params), ctap.ErrInvalidParameter)
	if list := m.enumerate(); len(list) != 1 || string(list[0].User.ID) != "user-1" {
		t.Errorf("after a refused update: %+v", list)
	}
}

// TestManagementRefusals: who may not, and what is asked wrongly.
func TestManagementRefusals(t *testing.T) {
	const cm = ctap.PermitCredentialManagement
	other := ctap.HashRPID("example.org")
	own := ctap.HashRPID(rpID)
	rp := &ctap.CredentialManagementParams{RPIDHash: &own}
	for _, tc := range []struct {
		name       string
		sub        uint64
		permission ctap.Permission
		rpID       string
		params     func(id *ctap.CredentialDescriptor) *ctap.CredentialManagementParams
		change     func(*management, *ctap.CredentialManagementRequest)
		want       ctap.Status
	}{
		{name: "metadata", sub: ctap.GetCredsMetadata, permission: cm},
		{name: "metadata, bound", sub: ctap.GetCredsMetadata, permission: cm, rpID: rpID, want: ctap.ErrPINAuthInvalid},
		{name: "RPs", sub: ctap.EnumerateRPsBegin, permission: cm},
		{name: "RPs, bound", sub: ctap.EnumerateRPsBegin, permission: cm, rpID: rpID, want: ctap.ErrPINAuthInvalid},
		{name: "credentials, another permission", sub: ctap.EnumerateCredentialsBegin, permission: ctap.PermitGetAssertion, rpID: rpID, want: ctap.ErrPINAuthInvalid},
		{name: "credentials", sub: ctap.EnumerateCredentialsBegin, permission: cm},
		{name: "credentials, bound", sub: ctap.EnumerateCredentialsBegin, permission: cm, rpID: rpID},
		{name: "credentials, bound to another", sub: ctap.EnumerateCredentialsBegin, permission: cm, rpID: "example.org", want: ctap.ErrPINAuthInvalid},
		{name: "delete", sub: ctap.DeleteCredential, permission: cm},
		{name: "delete, bound to another", sub: ctap.DeleteCredential, permission: cm, rpID: "example.org", want: ctap.ErrPINAuthInvalid},
		{name: "update", sub: ctap.UpdateUserInformation, permission: cm, rpID: rpID},
		{name: "update, bound to another", sub: ctap.UpdateUserInformation, permission: cm, rpID: "example.org", want: ctap.ErrPINAuthInvalid},
		{
			name: "credentials of an unknown RP", sub: ctap.EnumerateCredentialsBegin, permission: cm, want: ctap.ErrNoCredentials,
			params: func(*ctap.CredentialDescriptor) *ctap.CredentialManagementParams {
				return &ctap.CredentialManagementParams{RPIDHash: &other}
			},
		},
		{
			name: "credentials without rpIDHash", sub: ctap.EnumerateCredentialsBegin, permission: cm, want: ctap.ErrMissingParameter,
			params: func(*ctap.CredentialDescriptor) *ctap.CredentialManagementParams {
				return &ctap.CredentialManagementParams{}
			},
		},
		{
			name: "credentials without params", sub: ctap.EnumerateCredentialsBegin, permission: cm, want: ctap.ErrMissingParameter,
			params: func(*ctap.CredentialDescriptor) *ctap.CredentialManagementParams { return nil },
		},
		{
			name: "delete without id", sub: ctap.DeleteCredential, permission: cm, want: ctap.ErrMissingParameter,
			params: func(*ctap.CredentialDescriptor) *ctap.CredentialManagementParams { return rp },
		},
		{
			name: "delete unknown", sub: ctap.DeleteCredential, permission: cm, want: ctap.ErrNoCredentials,
			params: func(id *ctap.CredentialDescriptor) *ctap.CredentialManagementParams {
				id.ID = []byte{1}
				return &ctap.CredentialManagementParams{CredentialID: id}
			},
		},
		{
			name: "delete unknown type", sub: ctap.DeleteCredential, permission: cm, want: ctap.ErrNoCredentials,
			params: func(id *ctap.CredentialDescriptor) *ctap.CredentialManagementParams {
				id.Type = "other"
				return &ctap.CredentialManagementParams{CredentialID: id}
			},
		},
		{
			name: "update without user", sub: ctap.UpdateUserInformation, permission: cm, want: ctap.ErrMissingParameter,
			params: func(id *ctap.CredentialDescriptor) *ctap.CredentialManagementParams {
				return &ctap.CredentialManagementParams{CredentialID: id}
			},
		},
		{
			name: "no param", sub: ctap.DeleteCredential, permission: cm, want: ctap.ErrPUATRequired,
			change: func(_ *management, r *ctap.CredentialManagementRequest) { r.AuthParam = nil },
		},
		{
			name: "no protocol", sub: ctap.GetCredsMetadata, permission: cm, want: ctap.ErrMissingParameter,
			change: func(_ *management, r *ctap.CredentialManagementRequest) { r.Protocol = nil },
		},
		{
			name: "protocol 3", sub: ctap.GetCredsMetadata, permission: cm, want: ctap.ErrInvalidParameter,
			change: func(_ *management, r *ctap.CredentialManagementRequest) { r.Protocol = new(uint64(3)) },
		},
		{
			name: "wrong param", sub: ctap.GetCredsMetadata, permission: cm, want: ctap.ErrPINAuthInvalid,
			change: func(_ *management, r *ctap.CredentialManagementRequest) { r.AuthParam[3] ^= 1 },
		},
		{
			name: "param of another subcommand", sub: ctap.GetCredsMetadata, permission: cm, want: ctap.ErrPINAuthInvalid,
			change: func(m *management, r *ctap.CredentialManagementRequest) {
				r.AuthParam = m.request(ctap.EnumerateRPsBegin, nil).AuthParam
			},
		},
		{
			name: "params changed on the way", sub: ctap.EnumerateCredentialsBegin, permission: cm, want: ctap.ErrPINAuthInvalid,
			change: func(_ *management, r *ctap.CredentialManagementRequest) { r.Params[len(r.Params)-1] ^= 1 },
		},
		{
			name: "params of the wrong type", sub: ctap.EnumerateCredentialsBegin, permission: cm, want: ctap.ErrCBORUnexpectedType,
			change: func(_ *management, r *ctap.CredentialManagementRequest) { r.Params = ctap.Raw{0xA1, 0x01, 0x01} },
		},
		{
			name: "short rpIDHash", sub: ctap.EnumerateCredentialsBegin, permission: cm, want: ctap.ErrInvalidLength,
			change: func(_ *management, r *ctap.CredentialManagementRequest) { r.Params = ctap.Raw{0xA1, 0x01, 0x41, 0x01} },
		},
		{name: "unknown subcommand", sub: 0x20, permission: cm, want: ctap.ErrInvalidSubcommand},
		{name: "next RP without begin", sub: ctap.EnumerateRPsNext, permission: cm, want: ctap.ErrNotAllowed},
		{name: "next credential without begin", sub: ctap.EnumerateCredentialsNext, permission: cm, want: ctap.ErrNotAllowed},
	} {
		for _, protocol := range []uint64{pinuvauth.One, pinuvauth.Two} {
			t.Run(fmt.Sprintf("%s/%d", tc.name, protocol), func(t *testing.T) {
				p := newPlatform(t)
				d := p.make(mcRequest()).descriptor()
				m := p.manage(protocol, tc.permission, tc.rpID)
				var params *ctap.CredentialManagementParams
				switch {
				case tc.params != nil:
					params = tc.params(&d)
				case tc.sub == ctap.EnumerateCredentialsBegin:
					params = rp
				case tc.sub == ctap.DeleteCredential:
					params = &ctap.CredentialManagementParams{CredentialID: &d}
				case tc.sub == ctap.UpdateUserInformation:
					params = &ctap.CredentialManagementParams{CredentialID: &d, User: &ctap.User{ID: mcRequest().User.ID}}
				}
				r := m.request(tc.sub, params)
				if tc.change != nil {
					tc.change(m, r)
				}
				before := stored(t, p.Store)
				p.wantStatus(r, tc.want)
				if diff := gocmp.Diff(before, stored(t, p.Store)); tc.want != ctap.OK && diff != "" {
					t.Errorf("a refusal changed the store: %s", diff)
				}
			})
		}
	}
}

// TestManagementStateEnds: an enumeration goes on only without a break.
func TestManagementStateEnds(t *testing.T) {
	for name, tc := range map[string]struct {
		between func(*management)
		want    ctap.Status
	}{
		"nothing":            {func(*management) {}, ctap.OK},
		"29 seconds":         {func(m *management) { m.Clock.Advance(29 * time.Second) }, ctap.OK},
		"31 seconds":         {func(m *management) { m.Clock.Advance(31 * time.Second) }, ctap.ErrNotAllowed},
		"clock set back":     {func(m *management) { m.Clock.Advance(-time.Second) }, ctap.ErrNotAllowed},
		"getInfo":            {func(m *management) { m.info() }, ctap.ErrNotAllowed},
		"unknown command":    {func(m *management) { m.raw([]byte{0x66}) }, ctap.ErrNotAllowed},
		"power cycle":        {func(m *management) { m.PowerCycle() }, ctap.ErrNotAllowed},
		"metadata":           {func(m *management) { m.managed(m.request(ctap.GetCredsMetadata, nil)) }, ctap.ErrNotAllowed},
		"refused management": {func(m *management) { m.send(next(ctap.GetCredsMetadata)) }, ctap.ErrNotAllowed},
		"the other next":     {func(m *management) { m.send(next(ctap.EnumerateRPsNext)) }, ctap.ErrNotAllowed},
	} {
		p := newPlatform(t)
		for _, user := range []string{"1", "2", "3"} {
			p.register(rpID, user, true)
		}
		m := p.manage(2, ctap.PermitCredentialManagement, "")
		own := ctap.HashRPID(rpID)
		p.managed(m.request(ctap.EnumerateCredentialsBegin, &ctap.CredentialManagementParams{RPIDHash: &own}))
		p.managed(next(ctap.EnumerateCredentialsNext))
		tc.between(m)
		if status, _ := p.send(next(ctap.EnumerateCredentialsNext)); status != tc.want {
			t.Errorf("%s: %v, want %v", name, status, tc.want)
		}
	}
}

// TestManagementPreview: the number the command had before CTAP 2.1 serves too.
func TestManagementPreview(t *testing.T) {
	p := newPlatform(t)
	p.make(mcRequest())
	b, err := p.manage(1, ctap.PermitCredentialManagement, "").request(ctap.GetCredsMetadata, nil).Encode()
	if err != nil {
		t.Fatal(err)
	}
	b[0] = byte(ctap.CredentialManagementPreview)
	if status, _ := p.raw(b); status != ctap.OK {
		t.Error(status)
	}
}

// TestManagementFitsMessage: the longest names and keys leave room for the rest.
func TestManagementFitsMessage(t *testing.T) {
	p := newPlatform(t, func(c *authenticator.Config) { c.MaxMsgSize = 1024; c.Algorithms = []ctap.Algorithm{ctap.RS256} })
	r := mcRequest()
	r.Parameters[0].Algorithm = ctap.RS256
	long := string(bytes.Repeat([]byte("n"), 256))
	r.User = ctap.User{ID: bytes.Repeat([]byte("u"), 64), Name: long, DisplayName: long}
	p.make(r)
	own := ctap.HashRPID(rpID)
	p.managed(p.manage(2, ctap.PermitCredentialManagement, "").
		request(ctap.EnumerateCredentialsBegin, &ctap.CredentialManagementParams{RPIDHash: &own}))
}

// TestManagementNextBelongsToItsBegin: what one enumeration left is not told by
// the other.
func TestManagementNextBelongsToItsBegin(t *testing.T) {
	p := newPlatform(t)
	for _, rp := range []string{rpID, "example.org"} {
		p.register(rp, "1", true)
		p.register(rp, "2", true)
	}
	m := p.manage(2, ctap.PermitCredentialManagement, "")
	own := ctap.HashRPID(rpID)
	p.managed(m.request(ctap.EnumerateRPsBegin, nil))
	p.wantStatus(next(ctap.EnumerateCredentialsNext), ctap.ErrNotAllowed)
	p.managed(m.request(ctap.EnumerateCredentialsBegin, &ctap.CredentialManagementParams{RPIDHash: &own}))
	p.wantStatus(next(ctap.EnumerateRPsNext), ctap.ErrNotAllowed)
}
