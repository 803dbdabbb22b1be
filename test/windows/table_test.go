package windows

import (
	"fmt"
	"strings"

	"github.com/postern/postern"
	"github.com/postern/postern/agent/join"
	computer "github.com/postern/postern/entrasim/windows"
)

// cases is the table. Cases of one desk follow each other; what takes something from a desk has one of its own. codes: where
// workstations may have codes for signing in without a network.
var cases = []struct {
	name  string
	codes bool
	play  func(*stage)
}{
	{"online with the phone, Entra joined", false, func(s *stage) {
		d, pc := s.w.desk("ana"), s.computer()
		pc.signIn("online", d, accepts, in(computer.Online))
		pc.joined(postern.JoinEntra, join.Yes)
		pc.does("lock")
		pc.signIn("unlock", d, accepts, in(computer.Online))
		pc.does("signout")
	}},
	{"online with the phone, hybrid joined", false, func(s *stage) {
		d, pc := s.w.desk("ana"), s.computer("--kind", "hybrid", "--build", "2004")
		pc.signIn("online", d, accepts, in(computer.Online))
		pc.joined(postern.JoinHybrid, join.Yes)
	}},
	{"offline after one online use", false, func(s *stage) {
		d, pc := s.w.desk("ana"), s.computer()
		pc.signIn("online", d, accepts, in(computer.Online))
		pc.does("lock")
		pc.signIn("offline, by cached logon", d, accepts, in(computer.Cached), noNetwork)
	}},
	{"offline without an online use", false, func(s *stage) {
		s.computer().signIn("offline, the first time here", s.w.desk("ana"), accepts, refused(7, "", "the first sign-in needs Entra"), noNetwork)
	}},
	{"refused at the phone", false, func(s *stage) {
		s.computer().signIn("online", s.w.desk("ana"), refuses, refused(5, "CTAP 27", "The user refused"))
	}},
	{"another key plugged in", false, func(s *stage) {
		d, pc := s.w.desk("ana"), s.computer()
		pc.signIn("online", d, accepts, in(computer.Online))
		other := s.emptyKey()
		pc.signInWith("with a key that has no passkey", other, person{}, refused(5, "CTAP 2E", "no passkey"), "")
		pc.signInWith("with that key, offline", other, person{}, refused(5, "CTAP 2E", "no passkey"), "", noNetwork)
		pc.signIn("the phone, offline", d, accepts, in(computer.Cached), noNetwork)
	}},
	{"joined to Active Directory alone", false, func(s *stage) {
		pc := s.computer("--kind", "ad")
		pc.joined(postern.JoinAD, join.No)
		pc.signIn("online", s.w.desk("ana"), "", refused(2, "", "Microsoft does not support security keys"))
	}},
	{"registered with Entra", false, func(s *stage) {
		pc := s.computer("--kind", "registered")
		pc.joined(postern.JoinNone, join.No)
		if pc.report().Registered != join.Yes {
			s.Error("Postern does not read the account of the organisation")
		}
		pc.signIn("online", s.w.desk("ana"), "", refused(2, "", "registered with Entra, which joins it to nothing"))
	}},
	{"joined to nothing", false, func(s *stage) {
		pc := s.computer("--kind", "none")
		pc.joined(postern.JoinNone, join.No)
		pc.signIn("online", s.w.desk("ana"), "", refused(2, "", "joined to nothing"))
	}},
	{"hybrid joined, before 2004", false, func(s *stage) {
		s.computer("--kind", "hybrid", "--build", "1909").signIn("online", s.w.desk("ana"), "", refused(2, "", "need Windows 10 2004"))
	}},
	{"Entra joined, by release of Windows", false, func(s *stage) {
		d := s.w.desk("ana")
		s.computer("--build", "1809").signIn("1809", d, "", refused(2, "", "they came with 1903"))
		s.computer("--build", "1909").signIn("1909", d, accepts, in(computer.Online))
		s.computer("--server").signIn("Windows Server", d, "", refused(2, "", "Windows Server"))
	}},
	{"security keys are not switched on", false, func(s *stage) {
		s.computer("--no-security-keys").signIn("online", s.w.desk("ana"), "", refused(2, "", "UseSecurityKeyForSignin"))
	}},
	{"revoked phone", false, func(s *stage) {
		d, pc := s.w.desk("bob"), s.computer()
		pc.signIn("online", d, accepts, in(computer.Online))
		s.w.run("", "postern", "phones", "revoke", s.phoneOf(d), "--yes")
		d.keyIs("out")
		pc.signIn("after the phone was revoked", d, "", refused(1, "", "No security key"))
		pc.signIn("and offline", d, "", refused(1, "", "No security key"), noNetwork)
	}},
	{"suspended user", false, func(s *stage) {
		d, pc := s.w.desk("eve"), s.computer()
		pc.signIn("online", d, accepts, in(computer.Online))
		s.w.run("", "postern", "users", "suspend", d.user.UPN)
		d.keyIs("out")
		pc.signIn("after the user was suspended", d, "", refused(1, "", "No security key"))
		pc.signIn("and offline", d, "", refused(1, "", "No security key"), noNetwork)
	}},
	{"account disabled at Entra", false, func(s *stage) {
		d, pc := s.w.desk("kim"), s.computer()
		pc.signIn("online", d, accepts, in(computer.Online))
		s.w.emulator("PATCH", "tenants/first/users/"+d.user.ID, map[string]bool{"enabled": false})
		pc.signIn("offline, before the computer knows", d, accepts, in(computer.Cached), noNetwork)
		pc.signIn("online", d, accepts, refused(8, "AADSTS50057", ""))
		pc.signIn("offline, and the computer knows", d, accepts, refused(7, "AADSTS50057", "may not sign in"), noNetwork)
		if a := pc.report().Attempt; a.Status != "0xc0000072" || a.Credential != "FIDO" || !strings.Contains(a.Server, "AADSTS50057") {
			s.Errorf("dsregcmd tells of the attempt as %+v", a)
		}
	}},
	{"offline PIN after one online use, and codes that are no good", true, offlinePIN},
	{"clock set back", true, clockSetBack},
	{"offline PIN of a revoked phone", true, offlinePINRevoked},
}

// report is what Postern reads from dsregcmd at the computer.
func (p *pc) report() join.Report {
	p.Helper()
	text := p.w.run("", "entrasim-windows", "status", "--state", p.state)
	r, err := join.ParseReport(text)
	if err != nil {
		p.Fatalf("%v in\n%s", err, text)
	}
	return r
}

// joined holds what Postern reads to a join state, and to whether there is a primary refresh token. It prints what Postern says of
// the state.
func (p *pc) joined(state postern.JoinState, prt join.Answer) {
	p.Helper()
	r := p.report()
	entra := state == postern.JoinEntra || state == postern.JoinHybrid
	supported, why := r.State.Support()
	fmt.Fprintf(p.print, "   Postern reads: %s. %s\n", r.State.Name(), why)
	if supported != entra {
		p.Errorf("Postern says of security keys at the sign-in screen: %v", supported)
	}
	if r.State != state || r.PRT != prt || r.EnterpriseJoined || !strings.HasPrefix(r.DeviceName, "DESKTOP-7") || entra != (r.DeviceAuth == "SUCCESS" && r.TPM == join.Yes && r.KeySign == "PASSED") ||
		entra == r.CertificateUntil.IsZero() || (prt == join.Yes) == r.PRTExpires.IsZero() || (r.DomainName == "CORP") != (state == postern.JoinHybrid || state == postern.JoinAD) {
		p.Errorf("Postern reads %+v, and it is %s", r, state)
	}
}

// emptyKey plugs a security key in that has no passkey.
func (s *stage) emptyKey() string {
	s.Helper()
	e := &environment{s.T, s.TempDir(), nil}
	var at struct{ UDP string }
	e.read(e.start("postern-phone", "--json", "serve", "--udp", "127.0.0.1:0", "--auto-touch", "--uv", "--store", "memory").line(func(line string) bool { return strings.Contains(line, "udp") }), &at)
	return "udp:" + at.UDP
}

// phoneOf is the identifier of the phone of a desk.
func (s *stage) phoneOf(d *desk) string {
	s.Helper()
	var phones struct{ Items []struct{ ID string } }
	d.read(string(d.run("", "postern", "phones", "list", d.user.UPN, "--json")), &phones)
	if len(phones.Items) != 1 {
		s.Fatalf("%s has %d phones", d.user.UPN, len(phones.Items))
	}
	return phones.Items[0].ID
}
