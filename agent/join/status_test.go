package join

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern/postern"
)

// status writes what dsregcmd prints, with more around it.
func status(fields ...string) string {
	frame := "+----------------------------------------------------------------------+\r\n"
	heading := func(name string) string {
		return frame + "| " + name + strings.Repeat(" ", 69-len(name)) + "|\r\n" + frame + "\r\n"
	}
	text := "\r\n" + heading("Device State")
	for _, f := range fields {
		name, value, _ := strings.Cut(f, "=")
		text += strings.Repeat(" ", max(0, 26-len(name))) + name + " : " + value + "\r\n"
	}
	return text + "\r\n" + heading("User State") + "             NgcSet : NO\r\n      AzureAdJoined : NO\r\n       DomainJoined : YES\r\n"
}

func TestParse(t *testing.T) {
	for _, tc := range []struct {
		name   string
		fields []string
		want   Status
	}{
		{"Entra joined", []string{"AzureAdJoined=YES", "EnterpriseJoined=NO", "DomainJoined=NO", "Device Name=DESKTOP-1.contoso.com"}, Status{State: postern.JoinEntra, DeviceName: "DESKTOP-1.contoso.com"}},
		{"hybrid", []string{"AzureAdJoined=YES", "EnterpriseJoined=NO", "DomainJoined=YES", "DomainName=CONTOSO"}, Status{State: postern.JoinHybrid}},
		{"AD only", []string{"AzureAdJoined=NO", "EnterpriseJoined=YES", "DomainJoined=YES"}, Status{State: postern.JoinAD, EnterpriseJoined: true}},
		{"not joined", []string{"AzureAdJoined=NO", "DomainJoined=NO"}, Status{State: postern.JoinNone}},
		{"told twice", []string{"AzureAdJoined=YES", "AzureAdJoined=NO", "DomainJoined=NO"}, Status{State: postern.JoinEntra}},
		{"colon in a name", []string{"AzureAdJoined=NO", "DomainJoined=NO", "Device Name=a:b"}, Status{State: postern.JoinNone, DeviceName: "a:b"}},
		{"a name that is none", []string{"AzureAdJoined=NO", "DomainJoined=NO", "Device Name=" + strings.Repeat("a", 300)}, Status{State: postern.JoinNone}},
	} {
		got, err := Parse([]byte(status(tc.fields...)))
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s: %s", tc.name, diff)
		}
	}
}

// TestUnreadable: a text that does not say is not taken for a machine that is not joined.
func TestUnreadable(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":            "",
		"another program":    "AzureAdJoined : YES\nDomainJoined : NO\n",
		"no AzureAdJoined":   status("DomainJoined=NO"),
		"no DomainJoined":    status("AzureAdJoined=YES"),
		"another word":       status("AzureAdJoined=JA", "DomainJoined=NO"),
		"another enterprise": status("AzureAdJoined=YES", "DomainJoined=NO", "EnterpriseJoined=?"),
		"an endless line":    status("AzureAdJoined=YES", "DomainJoined=NO", "x="+strings.Repeat("y", maxLine)),
		"an endless text":    status("AzureAdJoined=YES", "DomainJoined=NO") + strings.Repeat("\n", maxStatus),
	} {
		if got, err := Parse([]byte(text)); !errors.Is(err, ErrNoDeviceState) || got != (Status{}) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(status("AzureAdJoined=YES", "EnterpriseJoined=NO", "DomainJoined=NO", "Device Name=x")))
	f.Add([]byte("| Device State |\nAzureAdJoined:YES\nDomainJoined:YES"))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := Parse(text)
		if (err == nil) != got.State.Valid() || err != nil && got != (Status{}) || len(got.DeviceName) > maxName {
			t.Fatalf("%+v, %v", got, err)
		}
	})
}
