package join

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postern/postern"
)

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestParseReport(t *testing.T) {
	until := time.Date(2035, 4, 18, 2, 44, 17, 0, time.UTC)
	expires := time.Date(2026, 12, 7, 4, 10, 32, 0, time.UTC)
	joined := func(r Report) Report {
		r.Registered, r.DeviceAuth, r.TPM, r.CertificateUntil, r.KeySign, r.Recovery = No, "SUCCESS", Yes, until, "PASSED", No
		r.Hello, r.PRT, r.PRTExpires, r.CloudTGT, r.Desktop = No, Yes, expires, Yes, "NOT SET"
		return r
	}
	domain := Report{
		Status: Status{State: postern.JoinAD, DeviceName: "DESKTOP-7.corp.contoso.com"}, DomainName: "CONTOSO", Registered: No, Hello: No, PRT: No, Desktop: "NOT SET",
	}
	ad, pending := domain, domain
	ad.Joining = Joining{ADTest: "PASS", SCPTest: "FAIL [0x80070002]", DRSTest: "SKIPPED"}
	pending.Joining = Joining{
		ADTest: "PASS", SCPTest: "PASS", DRSTest: "PASS", Phase: "join", ClientError: "0x801c03f2",
		ServerMessage: "The device object by the given id (aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb) is not found.",
	}
	alone := Status{State: postern.JoinNone, DeviceName: "DESKTOP-7"}
	for name, want := range map[string]Report{
		"entra.txt":      joined(Report{Status: Status{State: postern.JoinEntra, DeviceName: "DESKTOP-7"}, OnPremTGT: No}),
		"hybrid.txt":     joined(Report{Status: Status{State: postern.JoinHybrid, DeviceName: "DESKTOP-7.corp.contoso.com"}, DomainName: "CONTOSO", OnPremTGT: Yes}),
		"ad.txt":         ad,
		"pending.txt":    pending,
		"none.txt":       {Status: alone, Registered: No, Hello: No, PRT: No, Desktop: "NOT SET"},
		"registered.txt": {Status: alone, Registered: Yes, Hello: No, PRT: No, Desktop: "NOT SET"},
	} {
		got, err := ParseReport(fixture(t, name))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// TestParseReportOfFailures reads what Windows tells only where something fails.
func TestParseReportOfFailures(t *testing.T) {
	text := strings.NewReplacer(
		"AzureAdPrt : YES", "AzureAdPrt : NO\r\n            Attempt Status : 0xc000006d\r\n           Credential Type : Password\r\n         Server Error Code : invalid_grant\r\n  Server Error Description : AADSTS50126: Error validating credentials.",
		"DeviceAuthStatus : SUCCESS", "DeviceAuthStatus : FAILED. Device is either disabled or deleted",
		"Virtual Desktop : NOT SET", "Virtual Desktop : YES\r\n                  Provider : Citrix",
	).Replace(string(fixture(t, "entra.txt")))
	r, err := ParseReport([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	want := PRTAttempt{Status: "0xc000006d", Credential: "Password", Server: "invalid_grant AADSTS50126: Error validating credentials."}
	if r.PRT != No || r.Attempt != want || r.DeviceAuth != "FAILED. Device is either disabled or deleted" || r.DesktopProvider != "Citrix" {
		t.Errorf("%+v", r)
	}
	if _, err := ParseReport([]byte("nothing")); !errors.Is(err, ErrNoDeviceState) {
		t.Errorf("nothing: %v", err)
	}
}

func FuzzParseReport(f *testing.F) {
	for _, name := range []string{"entra.txt", "hybrid.txt", "ad.txt", "pending.txt", "none.txt", "registered.txt"} {
		f.Add(fixture(f, name))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := ParseReport(text)
		if (err == nil) != r.State.Valid() || err != nil && r != (Report{}) {
			t.Fatalf("%+v, %v", r, err)
		}
		for _, a := range []Answer{r.Registered, r.TPM, r.Recovery, r.Hello, r.PRT, r.OnPremTGT, r.CloudTGT} {
			if a != "" && a != Yes && a != No {
				t.Fatalf("an answer %q", a)
			}
		}
	})
}
