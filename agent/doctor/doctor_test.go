package doctor_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/agent"
	"github.com/postern/postern/agent/doctor"
	"github.com/postern/postern/agent/offline"
	"github.com/postern/postern/internal/testport"
	"github.com/postern/postern/link/relay"
)

// well is a machine with nothing wrong.
func well() doctor.Facts {
	return doctor.Facts{
		Now:  time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC),
		GOOS: "linux", Running: true, Browsers: []doctor.Browser{{Name: "chromium", Version: "142.0.1.2"}}, Door: doctor.Door{Looked: true, Path: "/dev/uhid"}, Net: doctor.Net{Host: "postern.example.com"},
		View: agent.View{
			Enrolled: true, Connected: true, Server: "https://postern.example.com", Name: "DESKTOP-7", Application: "Contoso", Seal: agent.Seal{Kind: "tpm", Text: "sealed"},
			Phones: []agent.Phone{{Name: "Pixel", UPN: "alex@contoso.com", Key: agent.KeyIn, Serial: "1"}},
		},
		Keys: []doctor.Key{{Path: "/dev/hidraw0", Serial: "1", Virtual: true, Readable: true}},
	}
}

// withOffline gives the phone an offline passkey.
func withOffline(change func(*agent.Offline), system ...string) func(*doctor.Facts) {
	return func(f *doctor.Facts) {
		proven := f.Now
		o := &agent.Offline{Step: agent.OfflineReady, Standing: &offline.Standing{
			Stage: offline.Active, Left: 12, Codes: 20, WarnAt: 5, TriesLeft: 8, Expires: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), ProvenAt: &proven, Seal: agent.Seal{Kind: "tpm"},
		}}
		change(o)
		f.View.Phones[0].Offline = o
		if len(system) > 0 {
			f.GOOS = system[0]
		}
	}
}

func TestJudge(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*doctor.Facts)
		check  string
		state  postern.FindingState
		says   string
	}{
		"well":          {func(*doctor.Facts) {}, "virtual key", postern.FindingOK, "hidraw0"},
		"no TPM":        {func(f *doctor.Facts) { f.View.Seal.Kind = "key file" }, "state", postern.FindingNote, "tss"},
		"clock ahead":   {func(f *doctor.Facts) { f.Net.Ahead = -time.Minute }, "clock", postern.FindingWarning, "1m0s ahead"},
		"not connected": {func(f *doctor.Facts) { f.View.Connected = false }, "relay", postern.FindingWarning, "by itself"},
		"flag": {func(f *doctor.Facts) {
			f.View.Notice = &agent.Problem{Code: postern.CodeFlagOff, Message: "A flag is off."}
		}, "integration", postern.FindingFailure, "Integration Settings"},
		"revoked": {func(f *doctor.Facts) {
			f.View.Problem = &agent.Problem{Code: postern.CodeWorkstationRevoked, Message: "Revoked.", Next: "Enrol again."}
		}, "integration", postern.FindingFailure, "Enrol again."},
		"phone away":               {func(f *doctor.Facts) { f.View.Phones[0].Key = agent.KeyOut }, "phones", postern.FindingNote, "Open the app"},
		"incomplete":               {func(f *doctor.Facts) { f.View.Phones[0].Incomplete = true }, "phones", postern.FindingWarning, "security-info"},
		"a rule":                   {func(f *doctor.Facts) { f.Door.Denied, f.Door.Rule, f.Running = true, true, false }, "driver", postern.FindingFailure, "the rule's group"},
		"not readable":             {func(f *doctor.Facts) { f.Keys[0].Readable = false }, "virtual key", postern.FindingWarning, "may not open"},
		"the service's account":    {func(f *doctor.Facts) { f.Keys[0].Readable, f.Inside = false, true }, "virtual key", postern.FindingOK, "hidraw0"},
		"two phones":               {func(f *doctor.Facts) { f.Keys = append(f.Keys, doctor.Key{Virtual: true}) }, "other keys", postern.FindingNote, "Accept on yours"},
		"no browser":               {func(f *doctor.Facts) { f.Browsers = nil }, "browser", postern.FindingNote, "Install"},
		"an invitation to nothing": {func(f *doctor.Facts) { f.Door = doctor.Door{} }, "phones", postern.FindingOK, "is there"},
		"the same release":         {func(f *doctor.Facts) { f.View.Software, f.Net.Version = "postern-agent v1.4.0", "v1.4.2" }, "software version", postern.FindingOK, "fits"},
		"a bit older":              {func(f *doctor.Facts) { f.View.Software, f.Net.Version = "postern-agent v1.3.0", "v1.4.2" }, "software version", postern.FindingNote, "Update"},
		"offline, not set up":      {func(f *doctor.Facts) { f.View.Phones[0].Offline = &agent.Offline{Step: agent.OfflineOffered} }, "signing in offline", postern.FindingNote, "Set up"},
		"offline, under way":       {func(f *doctor.Facts) { f.View.Phones[0].Offline = &agent.Offline{Step: agent.OfflineRegistering} }, "signing in offline", postern.FindingNote, "wait"},
		"offline, well":            {withOffline(func(*agent.Offline) {}), "signing in offline", postern.FindingOK, "12 codes, good until 1 December 2026"},
		"offline, few codes":       {withOffline(func(o *agent.Offline) { o.Standing.Left = 5 }), "signing in offline", postern.FindingWarning, "5 of 20"},
		"offline, wrong codes":     {withOffline(func(o *agent.Offline) { o.Standing.TriesLeft = 2 }), "signing in offline", postern.FindingWarning, "2 more wrong codes"},
		"offline, no TPM":          {withOffline(func(o *agent.Offline) { o.Standing.Seal = agent.Seal{Kind: "key file", Text: "encrypted"} }), "signing in offline", postern.FindingNote, "TPM"},
		"offline, locked": {withOffline(func(o *agent.Offline) {
			o.Why = &agent.Problem{Message: "It is locked.", Next: "Sign in with the phone."}
		}), "signing in offline", postern.FindingFailure, "Sign in with the phone."},
		"offline, refused": {withOffline(func(o *agent.Offline) {
			o.Step, o.Problem = agent.OfflineOffered, &agent.Problem{Message: "The user said no.", Next: "Ask again."}
		}), "signing in offline", postern.FindingWarning, "Ask again."},
		"offline, never tried": {withOffline(func(o *agent.Offline) { o.Standing.ProvenAt = nil }, "windows"), "signing in offline", postern.FindingWarning, "Try it once"},
	} {
		f := well()
		tc.change(&f)
		found := false
		for _, got := range doctor.Judge(f).Findings {
			if got.Message == "" || got.State != postern.FindingOK && got.Next == "" {
				t.Errorf("%s: %+v does not say what to do", name, got)
			}
			if strings.Contains(got.Message, "\n") {
				t.Errorf("%s: %q is not one line", name, got.Message)
			}
			found = found || got.Check == tc.check && got.State == tc.state && strings.Contains(got.Message+" "+got.Next, tc.says)
		}
		if !found {
			t.Errorf("%s: no %s about %s that says %q in %+v", name, tc.state, tc.check, tc.says, doctor.Judge(f).Findings)
		}
	}
	if worst := doctor.Judge(well()).Worst; worst != postern.FindingNote { // that Linux is not signed in to with the phone
		t.Errorf("a machine with nothing wrong: %s", worst)
	}
}

// TestGather walks to real servers and finds out where the way ends.
func TestGather(t *testing.T) {
	center := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/healthz" {
			w.Header().Set(postern.VersionHeader, "v1.4.2")
			_, _ = io.WriteString(w, "ok\n")
		}
	}
	late := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat))
		center(w, r)
	}
	good, slow := httptest.NewServer(http.HandlerFunc(center)), httptest.NewServer(http.HandlerFunc(late))
	portal, secure := httptest.NewServer(http.NotFoundHandler()), httptest.NewTLSServer(http.HandlerFunc(center))
	for _, s := range []*httptest.Server{good, slow, portal, secure} {
		s.Config.ErrorLog = nil
		t.Cleanup(s.Close)
	}
	closed := "http://" + testport.For(t, "tcp")
	for name, tc := range map[string]struct {
		server string
		dial   error
		holds  func(doctor.Net) bool
	}{
		"well": {good.URL, nil, func(n doctor.Net) bool {
			return n == doctor.Net{Host: n.Host, Ahead: n.Ahead, Version: "v1.4.2"} && n.Ahead.Abs() < time.Minute
		}},
		"no WebSocket": {good.URL, errors.New("403 Forbidden."), func(n doctor.Net) bool { return n.Relay == "403 Forbidden" }},
		"clock":        {slow.URL, nil, func(n doctor.Net) bool { return n.Ahead < -50*time.Minute }},
		"portal":       {portal.URL, nil, func(n doctor.Net) bool { return strings.Contains(n.HTTP, "404") }},
		"TLS":          {secure.URL, nil, func(n doctor.Net) bool { return n.TLS != "" }},
		"closed":       {closed, nil, func(n doctor.Net) bool { return n.TCP != "" }},
		"no such name": {"https://postern.invalid", nil, func(n doctor.Net) bool { return n.DNS != "" }},
	} {
		looker := doctor.Looker{HTTP: &http.Transport{}, Dial: func(_ context.Context, url string) (relay.Conn, error) {
			if !strings.HasPrefix(url, "ws") || !strings.HasSuffix(url, "/link/v1") {
				t.Errorf("%s: dials %s", name, url)
			}
			if tc.dial != nil {
				return nil, tc.dial
			}
			device, _ := relay.Pipe()
			return device, nil
		}}
		f := looker.Gather(t.Context(), agent.View{Server: tc.server, Socket: "uhid"}, true)
		if !tc.holds(f.Net) || f.GOOS != runtime.GOOS || !f.Door.Looked {
			t.Errorf("%s: %+v", name, f)
		}
	}
}
