package authenticator_test

import (
	"testing"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/authenticator/authtest"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/fido/ctap/pinuvauth"
)

// defect is one thing wrong with a request or with the authenticator it goes to.
type defect struct {
	name    string
	want    ctap.Status
	prepare func(*platform)                          // before the key agreement
	change  func(*agreement, *ctap.ClientPINRequest) // before the request is sent
	// what the defect is made of; two of one kind do not go together
	kind string
}

func change(name string, want ctap.Status, kind string, f func(*ctap.ClientPINRequest)) defect {
	return defect{name: name, want: want, kind: kind, change: func(_ *agreement, r *ctap.ClientPINRequest) { f(r) }}
}

func state(name string, want ctap.Status, f func(*authenticator.State)) defect {
	return defect{name: name, want: want, kind: name, prepare: func(p *platform) { p.changeState(f) }}
}

// Defects, in the order CTAP 2.1 §6.5.5.5 to §6.5.5.7 finds them.
var (
	noProtocol = change("no protocol", ctap.ErrMissingParameter, "protocol", func(r *ctap.ClientPINRequest) { r.Protocol = nil })
	noKey      = change("no key", ctap.ErrMissingParameter, "key", func(r *ctap.ClientPINRequest) { r.KeyAgreement = nil })
	noParam    = change("no pinUvAuthParam", ctap.ErrMissingParameter, "param", func(r *ctap.ClientPINRequest) { r.AuthParam = nil })
	noNewPIN   = change("no newPinEnc", ctap.ErrMissingParameter, "new", func(r *ctap.ClientPINRequest) { r.NewPINEnc = nil })
	noHash     = change("no pinHashEnc", ctap.ErrMissingParameter, "hash", func(r *ctap.ClientPINRequest) { r.PINHashEnc = nil })
	noPerms    = change("no permissions", ctap.ErrMissingParameter, "permissions", func(r *ctap.ClientPINRequest) { r.Permissions = nil })
	protocol3  = change("protocol 3", ctap.ErrInvalidParameter, "protocol", func(r *ctap.ClientPINRequest) { r.Protocol = new(uint64(3)) })

	strayPermissions = change("permissions", ctap.ErrInvalidParameter, "permissions", func(r *ctap.ClientPINRequest) { r.Permissions = new(ctap.PermitGetAssertion) })
	strayRPID        = change("rpId", ctap.ErrInvalidParameter, "rpid", func(r *ctap.ClientPINRequest) { r.RPID = new(rpID) })

	zeroPerms = change("permissions 0", ctap.ErrInvalidParameter, "permissions", func(r *ctap.ClientPINRequest) { r.Permissions = new(ctap.Permission(0)) })
	bioPerms  = change("a feature not here", ctap.ErrUnauthorizedPermission, "permissions", func(r *ctap.ClientPINRequest) {
		r.Permissions = new(ctap.PermitBioEnrollment | ctap.PermitGetAssertion)
	})
	pcmrPerms = change("pcmr and another", ctap.ErrUnauthorizedPermission, "permissions", func(r *ctap.ClientPINRequest) {
		r.Permissions = new(ctap.PermitCredentialReadOnly | ctap.PermitCredentialManagement)
	})
	noRPID = change("no rpId", ctap.ErrMissingParameter, "rpid", func(r *ctap.ClientPINRequest) { r.RPID = nil })

	pinNotSet  = state("PIN not set", ctap.ErrPINNotSet, func(s *authenticator.State) { s.PINHash = nil })
	pinBlocked = state("PIN blocked", ctap.ErrPINBlocked, func(s *authenticator.State) { s.PINFailures = 8 })
	threeMiss  = defect{name: "three misses", want: ctap.ErrPINAuthBlocked, kind: "misses", prepare: func(p *platform) {
		for range 3 {
			p.guess(wrongPIN)
		}
	}}

	badKey = change("key off the curve", ctap.ErrInvalidParameter, "key", func(r *ctap.ClientPINRequest) {
		r.KeyAgreement = append(ctap.Raw{}, r.KeyAgreement...)
		r.KeyAgreement[len(r.KeyAgreement)-1] ^= 1
	})
	badParam = change("wrong pinUvAuthParam", ctap.ErrPINAuthInvalid, "param", func(r *ctap.ClientPINRequest) {
		if r.AuthParam != nil {
			r.AuthParam[0] ^= 1
		}
	})
	badPIN = defect{name: "wrong PIN", want: ctap.ErrPINInvalid, kind: "hash", change: func(a *agreement, r *ctap.ClientPINRequest) {
		r.PINHashEnc = a.pinHashEnc(wrongPIN)
		if r.AuthParam != nil {
			a.sign(r)
		}
	}}
	shortPIN = defect{name: "short PIN", want: ctap.ErrPINPolicyViolation, kind: "new", change: func(a *agreement, r *ctap.ClientPINRequest) {
		r.NewPINEnc = a.newPINEnc("1")
		if r.AuthParam != nil {
			a.sign(r)
		}
	}}
	pinIsSet = defect{name: "PIN set already", want: ctap.ErrPINAuthInvalid, kind: "set", prepare: func(p *platform) { p.SetPIN(p.T, rightPIN) }}
)

func forced(want ctap.Status) defect {
	return state("PIN change forced", want, func(s *authenticator.State) { s.ForcePINChange = true })
}

// pairs gives the first defect alone, and each later one it goes together with
// before it.
func pairs(first defect, later []defect) [][]defect {
	all := [][]defect{{first}}
	for _, second := range later {
		if second.kind != first.kind {
			all = append(all, []defect{second, first})
		}
	}
	return all
}

// TestOrderOfChecks: of any two things wrong with a request, the answer is about
// the one the standard looks at first.
func TestOrderOfChecks(t *testing.T) {
	missing := []defect{noProtocol, noKey}
	pin := []defect{pinNotSet, pinBlocked, threeMiss, badKey}
	join := func(lists ...[]defect) (all []defect) {
		for _, l := range lists {
			all = append(all, l...)
		}
		return all
	}
	for _, tc := range []struct {
		name    string
		blank   bool // no PIN is set to begin with
		request func(*agreement) *ctap.ClientPINRequest
		defects []defect
	}{
		{
			"setPIN", true, func(a *agreement) *ctap.ClientPINRequest { return a.setPIN(rightPIN) },
			join(missing, []defect{noParam, noNewPIN, protocol3, pinIsSet, badKey, badParam, shortPIN}),
		},
		{
			"changePIN", false, func(a *agreement) *ctap.ClientPINRequest { return a.changePIN(rightPIN, "9999") },
			join(missing, []defect{noParam, noNewPIN, noHash, protocol3}, pin, []defect{badParam, badPIN, shortPIN}),
		},
		{
			"getPinToken", false, func(a *agreement) *ctap.ClientPINRequest { return a.oldPINToken(rightPIN) },
			join(missing, []defect{noHash, protocol3, strayPermissions, strayRPID}, pin, []defect{badPIN, forced(ctap.ErrPINInvalid)}),
		},
		{
			"UsingPinWithPermissions", false, func(a *agreement) *ctap.ClientPINRequest { return a.pinToken(rightPIN, 0x03, rpID) },
			join(missing, []defect{noHash, noPerms, protocol3, zeroPerms, bioPerms, pcmrPerms, noRPID}, pin, []defect{badPIN, forced(ctap.ErrPINPolicyViolation)}),
		},
	} {
		for i, first := range tc.defects {
			for _, pair := range pairs(first, tc.defects[i+1:]) {
				second := pair[0]
				p := newPlatform(t, withPIN)
				if !tc.blank {
					p.SetPIN(t, rightPIN)
				}
				// Later ones first: what they need must still be possible.
				for _, d := range pair {
					if d.prepare != nil {
						d.prepare(p)
					}
				}
				a := p.agree(pinuvauth.Two)
				r := tc.request(a)
				for _, d := range pair {
					if d.change != nil {
						d.change(a, r)
					}
				}
				before, _ := p.Store.State(t.Context())
				if got, _ := p.send(r); got != first.want {
					t.Errorf("%s with %s and %s: %v, want %v", tc.name, first.name, second.name, got, first.want)
				}
				after, _ := p.Store.State(t.Context())
				tried := first.name == badPIN.name
				if counted := after.PINFailures != before.PINFailures; counted != tried {
					t.Errorf("%s with %s and %s: counted %v, want %v", tc.name, first.name, second.name, counted, tried)
				}
			}
		}
	}
}

// TestOrderOfChecksUsingUV is the same for subcommand 06.
func TestOrderOfChecksUsingUV(t *testing.T) {
	notSetUp := authenticator.VerificationNotSetUp
	defects := []defect{
		noProtocol, noKey, noPerms, protocol3, zeroPerms, bioPerms, pcmrPerms, noRPID,
		{name: "not set up", want: ctap.ErrNotAllowed, kind: "uv", prepare: func(p *platform) { p.User.State = &notSetUp }},
		state("locked", ctap.ErrUVBlocked, func(s *authenticator.State) { s.UVFailures = 25 }),
		badKey,
		{name: "refused", want: ctap.ErrOperationDenied, kind: "answer", prepare: func(p *platform) { p.User.Answer = authtest.Refuse(authenticator.ErrDenied) }},
	}
	for i, first := range defects {
		for _, pair := range pairs(first, defects[i+1:]) {
			second := pair[0]
			p := newPlatform(t)
			for _, d := range pair {
				if d.prepare != nil {
					d.prepare(p)
				}
			}
			a := p.agree(pinuvauth.Two)
			r := a.tokenRequest(0x03, rpID)
			for _, d := range pair {
				if d.change != nil {
					d.change(a, r)
				}
			}
			if got, _ := p.send(r); got != first.want {
				t.Errorf("%s and %s: %v, want %v", first.name, second.name, got, first.want)
			}
			if asked := p.User.Asked(); len(asked) != 0 && first.name != "refused" {
				t.Errorf("%s and %s: the user was asked", first.name, second.name)
			}
		}
	}
}
