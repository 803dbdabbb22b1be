package doctor_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/agent"
	"github.com/postern/postern/agent/doctor"
	"github.com/postern/postern/link/relay"
)

// well is a machine with nothing wrong.
func well() doctor.Facts {
	return doctor.Facts{
		GOOS: "linux", Running: true, Browsers: []string{"firefox"}, Door: doctor.Door{Looked: true, Path: "/dev/uhid"}, Net: doctor.Net{Host: "postern.example.com"},
		View: agent.View{
			Enrolled: true, Connected: true, Server: "https://postern.example.com", Name: "DESKTOP-7", Application: "Contoso", Seal: agent.Seal{Kind: "tpm", Text: "sealed"},
			Phones: []agent.Phone{{Name: "Pixel", UPN: "alex@contoso.com", Key: agent.KeyIn, Serial: "1"}},
		},
		Keys: []doctor.Key{{Path: "/dev/hidraw0", Serial: "1", Virtual: true, Readable: true}},
	}
}

func windows(f *doctor.Facts) {
	on := uint64(1)
	f.GOOS, f.Windows = "windows", doctor.Windows{Build: 22631, SignInKeys: &on}
	f.View.Join = agent.Join{State: postern.JoinEntra, Name: "Entra Domain-joined", Supported: true, Support: "Supported."}
}

func TestJudge(t *testing.T) {
	off, no := uint64(0), false
	for name, tc := range map[string]struct {
		change func(*doctor.Facts)
		check  string
		level  doctor.Level
		says   string
	}{
		"well":          {func(*doctor.Facts) {}, "virtual key", doctor.OK, "hidraw0"},
		"not running":   {func(f *doctor.Facts) { f.Running = false }, "service", doctor.Failure, "systemctl start"},
		"not enrolled":  {func(f *doctor.Facts) { f.View = agent.View{} }, "enrolment", doctor.Failure, "enroll --server"},
		"no TPM":        {func(f *doctor.Facts) { f.View.Seal.Kind = "key file" }, "state", doctor.Note, "tss"},
		"no name":       {func(f *doctor.Facts) { f.Net.DNS = "no such host" }, "network", doctor.Failure, "VPN"},
		"firewall":      {func(f *doctor.Facts) { f.Net.TCP = "refused" }, "network", doctor.Failure, "HTTPS_PROXY"},
		"opened TLS":    {func(f *doctor.Facts) { f.Net.TLS = "unknown authority" }, "network", doctor.Failure, "authority"},
		"login page":    {func(f *doctor.Facts) { f.Net.HTTP, f.Net.Proxy = "302 Found", "http://proxy:3128" }, "network", doctor.Failure, "http://proxy:3128"},
		"clock behind":  {func(f *doctor.Facts) { f.Net.Ahead = 5 * time.Minute }, "clock", doctor.Failure, "5m0s behind"},
		"clock ahead":   {func(f *doctor.Facts) { f.Net.Ahead = -time.Minute }, "clock", doctor.Warning, "1m0s ahead"},
		"no WebSocket":  {func(f *doctor.Facts) { f.Net.Relay = "403" }, "relay", doctor.Failure, "WebSocket"},
		"not connected": {func(f *doctor.Facts) { f.View.Connected = false }, "relay", doctor.Warning, "by itself"},
		"DISABLED": {func(f *doctor.Facts) {
			f.View.Notice = &agent.Problem{Code: postern.CodeIntegrationDisabled, Message: "The integration is DISABLED."}
		}, "integration", doctor.Failure, "administrator"},
		"flag": {func(f *doctor.Facts) {
			f.View.Notice = &agent.Problem{Code: postern.CodeFlagOff, Message: "A flag is off."}
		}, "integration", doctor.Failure, "Integration Settings"},
		"revoked": {func(f *doctor.Facts) {
			f.View.Problem = &agent.Problem{Code: postern.CodeWorkstationRevoked, Message: "Revoked.", Next: "Enrol again."}
		}, "integration", doctor.Failure, "Enrol again."},
		"domain": {func(f *doctor.Facts) {
			f.View.Phones[0].Problem = &agent.Problem{Code: postern.CodeDomainRefused, Message: "The domain is not accepted.", Next: "Ask."}
		}, "phones", doctor.Failure, "domain"},
		"no phone":              {func(f *doctor.Facts) { f.View.Phones = nil }, "phones", doctor.Warning, "pair"},
		"phone away":            {func(f *doctor.Facts) { f.View.Phones[0].Key = agent.KeyOut }, "phones", doctor.Note, "Open the app"},
		"incomplete":            {func(f *doctor.Facts) { f.View.Phones[0].Incomplete = true }, "phones", doctor.Warning, "security-info"},
		"no module":             {func(f *doctor.Facts) { f.Door.Missing = true }, "virtual key", doctor.Failure, "modprobe uhid"},
		"no right":              {func(f *doctor.Facts) { f.Door.Denied, f.Running = true, false }, "virtual key", doctor.Failure, "udev"},
		"not shown":             {func(f *doctor.Facts) { f.Keys = nil }, "virtual key", doctor.Failure, "dmesg"},
		"not readable":          {func(f *doctor.Facts) { f.Keys[0].Readable = false }, "virtual key", doctor.Warning, "may not open"},
		"the service's account": {func(f *doctor.Facts) { f.Keys[0].Readable, f.Inside = false, true }, "virtual key", doctor.OK, "hidraw0"},
		"another key":           {func(f *doctor.Facts) { f.Keys = append(f.Keys, doctor.Key{Name: "YubiKey"}) }, "other keys", doctor.Warning, "Unplug"},
		"two phones":            {func(f *doctor.Facts) { f.Keys = append(f.Keys, doctor.Key{Virtual: true}) }, "other keys", doctor.Note, "Accept on yours"},
		"snap":                  {func(f *doctor.Facts) { f.Confined = []string{"firefox"} }, "browser", doctor.Warning, "u2f-devices"},
		"no browser":            {func(f *doctor.Facts) { f.Browsers = nil }, "browser", doctor.Note, "Install"},
		"macOS":                 {func(f *doctor.Facts) { f.GOOS = "darwin" }, "system", doctor.Failure, "extension"},
		"remote": {func(f *doctor.Facts) {
			f.View.Remote = &agent.Problem{Message: "You work here over SSH.", Next: "web sign-in"}
		}, "remote session", doctor.Note, "web sign-in"},
		"old Windows":           {func(f *doctor.Facts) { windows(f); f.Windows.Build = 17763 }, "system", doctor.Failure, "Update"},
		"no driver":             {func(f *doctor.Facts) { windows(f); f.Door.Missing = true }, "virtual key", doctor.Failure, "usbip-win2"},
		"Windows, all well":     {windows, "windows sign-in", doctor.OK, "offers"},
		"Windows, no policy":    {func(f *doctor.Facts) { windows(f); f.Windows.SignInKeys = nil }, "windows sign-in", doctor.Warning, "policy"},
		"Windows, switched off": {func(f *doctor.Facts) { windows(f); f.Windows.SignInKeys = &off }, "windows sign-in", doctor.Failure, "policy"},
		"Windows, provider":     {func(f *doctor.Facts) { windows(f); f.Windows.Provider = &no }, "windows sign-in", doctor.Failure, "Disabled"},
		"Windows, not joined": {func(f *doctor.Facts) {
			windows(f)
			f.View.Join = agent.Join{Name: "Non-domain-joined", Support: "Web only."}
		}, "join state", doctor.Note, "Join"},
		"Windows, not telling":     {func(f *doctor.Facts) { windows(f); f.View.Join.Problem = "dsregcmd failed." }, "join state", doctor.Warning, "dsregcmd"},
		"an invitation to nothing": {func(f *doctor.Facts) { f.Door = doctor.Door{} }, "phones", doctor.OK, "is there"},
	} {
		f := well()
		tc.change(&f)
		found := false
		for _, got := range doctor.Judge(f).Findings {
			if got.Message == "" || got.Level != doctor.OK && got.Next == "" && !(got.Check == "join state" && got.Level == doctor.Note) {
				t.Errorf("%s: %+v does not say what to do", name, got)
			}
			if strings.Contains(got.Message, "\n") {
				t.Errorf("%s: %q is not one line", name, got.Message)
			}
			found = found || got.Check == tc.check && got.Level == tc.level && strings.Contains(got.Message+" "+got.Next, tc.says)
		}
		if !found {
			t.Errorf("%s: no %s about %s that says %q in %+v", name, tc.level, tc.check, tc.says, doctor.Judge(f).Findings)
		}
	}
	if worst := doctor.Judge(well()).Worst(); worst != doctor.Note { // that Linux is not signed in to with the phone
		t.Errorf("a machine with nothing wrong: %s", worst)
	}
}

// TestGather walks to real servers and finds out where the way ends.
func TestGather(t *testing.T) {
	center := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/healthz" {
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
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "http://" + l.Addr().String()
	_ = l.Close()
	for name, tc := range map[string]struct {
		server string
		dial   error
		holds  func(doctor.Net) bool
	}{
		"well": {good.URL, nil, func(n doctor.Net) bool {
			return n == doctor.Net{Host: n.Host, Ahead: n.Ahead} && n.Ahead.Abs() < time.Minute
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
