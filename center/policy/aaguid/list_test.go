package aaguid

import (
	"slices"
	"testing"

	"github.com/postern/postern"
)

func TestBundlesOfTheRelease(t *testing.T) {
	l := Bundled()
	for _, b := range l.Bundles() {
		if len(b.AAGUIDs) == 0 {
			t.Errorf("%s is empty", b.Name)
		}
	}
	app, ok := l.Bundle(" microsoft authenticator ")
	if !ok || !slices.Equal(app, []string{"90a3ccdf-635c-4729-a248-9b709135078f", "de1e552d-db1d-4423-a619-566b625cdc84"}) {
		t.Errorf("Microsoft Authenticator is %v", app)
	}
	mine, ok := For(l, []string{"AAAAAAAA-0000-0000-0000-000000000001", "aaaaaaaa-0000-0000-0000-000000000001"}).Bundle(postern.BundleInUse)
	if !ok || !slices.Equal(mine, []string{"aaaaaaaa-0000-0000-0000-000000000001"}) {
		t.Errorf("in use is %v", mine)
	}
	if got := l.Name("CB69481E-8FF7-4039-93EC-0A2729A154A8"); got != "YubiKey 5 Series" {
		t.Errorf("name is %q", got)
	}
}

func TestResolve(t *testing.T) {
	l := Bundled()
	for ref, want := range map[string]int{"yubikey 5 series": 4, "8A208249-8AEF-41B3-907F-776D51E6526F": 1, "Windows Hello": 3} {
		if got, err := l.Resolve(ref); err != nil || len(got) != want {
			t.Errorf("%s: %v, %v", ref, got, err)
		}
	}
	for _, ref := range []string{"YubiKey", "", "Windows Hullo"} {
		if got, err := l.Resolve(ref); err == nil {
			t.Errorf("%q means %v", ref, got)
		}
	}
}
