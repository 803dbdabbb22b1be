package printed

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestParseRegistry(t *testing.T) {
	r := ParseRegistry(fixture(t, "registry.txt"))
	const provider = `HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Authentication\Credential Providers\{f8a1793b-7873-4046-b2a7-1f318747f427}`
	if !r.Has(provider) || r.Text(provider, "") != "FIDO Credential Provider" || r.Number(provider, "Disabled") != nil {
		t.Errorf("the provider: %v", r.Values(provider))
	}
	version := `HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion`
	if r.Text(version, "EditionID") != "Enterprise" || *r.Number(version, "ubr") != 7454 || *r.Number(version, "CurrentBuild") != 26200 {
		t.Errorf("the version: %v", r.Values(version))
	}
	if n := r.Number(`HKLM\SOFTWARE\Microsoft\Policies\PassportForWork\SecurityKey`, "UseSecurityKeyForSignIn"); n == nil || *n != 1 {
		t.Error("the policy is not read")
	}
	if r.Number(version, "ProductName") != nil || r.Text("HKLM\\nothing", "x") != "" || r.Has("HKLM\\nothing") {
		t.Error("what is not there is there")
	}
	if !ParseRegistry([]byte("ERROR: The system was unable to find the specified registry key or value.\r\n")).Empty() {
		t.Error("an error is a key")
	}
	german := ParseRegistry([]byte("HKEY_LOCAL_MACHINE\\A\r\n    (Standard)    REG_SZ    \r\n    Mit Leerzeichen    REG_SZ    a    b\r\n"))
	if german.Text(`HKLM\A`, "") != "" || german.Text(`HKLM\A`, "mit leerzeichen") != "a    b" {
		t.Errorf("%v", german.Values(`HKLM\A`))
	}
}

func TestParseController(t *testing.T) {
	got, ok := ParseController(fixture(t, "nltest.txt"))
	want := Controller{
		Name: "DC01.corp.contoso.com", Address: "192.168.9.50", Domain: "corp.contoso.com", Site: "Default-First-Site-Name",
		Flags: strings.Fields("PDC GC DS LDAP KDC TIMESERV GTIMESERV WRITABLE DNS_DC DNS_DOMAIN DNS_FOREST CLOSE_SITE FULL_SECRET WS DS_8 DS_9 DS_10 KEYLIST"),
	}
	if diff := cmp.Diff(want, got); diff != "" || !ok || !got.KeyList() {
		t.Errorf("%v %s", ok, diff)
	}
	older := strings.Replace(string(fixture(t, "nltest.txt")), "KEYLIST", "0x20000", 1)
	if got, _ := ParseController([]byte(older)); !got.KeyList() {
		t.Error("the flag as a number is not known")
	}
	none, ok := ParseController(fixture(t, "nltest_none.txt"))
	if diff := cmp.Diff(Controller{Status: 1355, Error: "ERROR_NO_SUCH_DOMAIN"}, none); diff != "" || !ok || none.KeyList() {
		t.Errorf("%v %s", ok, diff)
	}
	if _, ok := ParseController([]byte("The system cannot find the file specified.")); ok {
		t.Error("nonsense is an answer")
	}
}

func TestParseDevices(t *testing.T) {
	got, err := ParseDevices([]byte("\xef\xbb\xbf" + `{"Services":[{"Name":"bthserv","State":"Running","StartMode":"Manual"}],"Devices":[{"Name":"x","PNPClass":null,"ConfigManagerErrorCode":52,"HardwareID":null}],"Drivers":null}` + "\r\n"))
	want := Devices{Services: []Service{{"bthserv", "Running", "Manual"}}, Devices: []Device{{Name: "x", ConfigManagerErrorCode: 52}}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	for _, text := range []string{"", "{", `{"Devices":{}}`, "[]"} {
		if _, err := ParseDevices([]byte(text)); err == nil {
			t.Errorf("%q is read", text)
		}
	}
}

func FuzzParseRegistry(f *testing.F) {
	f.Add(fixture(f, "registry.txt"))
	f.Fuzz(func(t *testing.T, text []byte) {
		r := ParseRegistry(text)
		for key, values := range r.keys {
			if key != strings.ToLower(key) || !r.Has(key) {
				t.Fatalf("key %q", key)
			}
			for name, value := range values {
				if r.Text(key, name) != value {
					t.Fatalf("%q %q", key, name)
				}
			}
		}
	})
}

func FuzzParseController(f *testing.F) {
	f.Add(fixture(f, "nltest.txt"))
	f.Add(fixture(f, "nltest_none.txt"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if c, ok := ParseController(text); ok && c.Name == "" && c.Error == "" {
			t.Fatalf("%+v", c)
		}
	})
}

func FuzzParseDevices(f *testing.F) {
	f.Add([]byte(`{"Services":[],"Drivers":[],"SignedDrivers":[],"Devices":[{"HardwareID":["HID_DEVICE_UP:F1D0_U:0001"]}],"Computer":{},"LastUpdate":""}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if d, err := ParseDevices(text); err != nil && len(d.Devices)+len(d.Services) > 0 {
			t.Fatalf("%+v, %v", d, err)
		}
	})
}
