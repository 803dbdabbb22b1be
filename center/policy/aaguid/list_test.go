package aaguid

import (
	"bytes"
	"os"
	"reflect"
	"slices"
	"strings"
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

// The release's table is what FormatTable writes of the models, and it holds what curated.tsv says as it says it.
func TestTableOfTheRelease(t *testing.T) {
	models, err := ParseTable(bundledText)
	if err != nil {
		t.Fatal(err)
	}
	if len(models) < 300 {
		t.Errorf("only %d models", len(models))
	}
	head, _, _ := bytes.Cut(bundledText, []byte("\n0"))
	if got := FormatTable(nil, models); !bytes.Equal(got, bundledText[len(head)+1:]) {
		t.Error("the table is not as it would be written")
	}
	text, err := os.ReadFile("curated.tsv")
	if err != nil {
		t.Fatal(err)
	}
	curated, err := ParseTable(text)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range curated {
		if !slices.ContainsFunc(models, func(have postern.Model) bool { return reflect.DeepEqual(have, m) }) {
			t.Errorf("curated.tsv says %+v, the table does not", m)
		}
	}
	kinds := []postern.ModelKind{
		postern.ModelSecurityKey, postern.ModelPlatform, postern.ModelPhone, postern.ModelPasswordManager, postern.ModelKindUnknown,
	}
	for _, m := range models {
		if !slices.Contains(kinds, m.Kind) {
			t.Errorf("%s is of kind %q", m.Name, m.Kind)
		}
	}
}

// Curate keeps what is known better, drops what is no product, and reads the rest off the names.
func TestCurate(t *testing.T) {
	const a, b, c = "00000000-0000-0000-0000-00000000000a", "00000000-0000-0000-0000-00000000000b", "00000000-0000-0000-0000-00000000000c"
	better := []postern.Model{{AAGUID: b, Name: "Better", Kind: postern.ModelPhone}}
	got := Curate(map[string]string{c: " YubiKey\t5 FIPS ", b: "Worse", a: "No product"}, better, []string{a})
	want := []postern.Model{better[0], {
		AAGUID: c, Name: "YubiKey 5 FIPS", Vendor: "Yubico", Kind: postern.ModelSecurityKey, Source: postern.ModelFromFIDO, Listed: true, FIPS: true,
	}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
}

func TestBrokenTable(t *testing.T) {
	const line = "8a208249-8aef-41b3-907f-776d51e6526f\tphone\tpostern\t-\t-\t-\tPostern\tPostern\n"
	for _, text := range []string{line + line, line[1:], line[:len(line)-9] + "\n", strings.ToUpper(line), strings.Replace(line, "\t-", "", 1)} {
		if _, err := ParseTable([]byte(text)); err == nil {
			t.Errorf("taken: %q", text)
		}
	}
}

// The bundles people will write into policies hold the models that makers list for these products, and not others.
func TestBundlesHold(t *testing.T) {
	l := Bundled()
	for bundle, want := range map[string][]string{
		postern.BundlePostern:    {"8a208249-8aef-41b3-907f-776d51e6526f"},
		"Windows Hello":          {"08987058-cadc-4b81-b6e1-30de50dcbe96", "6028b017-b1d4-4c02-b4b3-afcdafc96bb2", "9ddd1817-af5a-4672-a2b9-3e3dd95000a9"},
		"YubiKey 5":              {"cb69481e-8ff7-4039-93ec-0a2729a154a8", "2fc0579f-8113-47ea-b116-bb5a8db9202a", "1ac71f64-468d-4fe0-bef1-0e5f2f551f18", "c5ef55ff-ad9a-4b9f-b580-adebafe026d0"},
		"YubiKey 5 FIPS":         {"73bb0cd4-e502-49b8-9c6f-b59445bf720b", "57f7de54-c807-4eab-b1c6-1c9be7984e92", "c1f9a0bc-1dd2-404a-b27f-8e29047a43fd", "fcc0118f-cd45-435b-8da1-9782b2da0715"},
		"YubiKey Bio":            {"d8522d9f-575b-4866-88a9-ba99fa02f35b", "7d1351a6-e097-4852-b8bf-c9ac5c9ce4a3"},
		"Security Key by Yubico": {"a4e9fc6d-4cbe-4758-b8ba-37598bb5bbaa", "f8a011f3-8c0a-4d15-8006-17111f9edc7d"},
		"Feitian":                {"ee041bce-25e5-4cdb-8f86-897fd6418464", "77010bd7-212a-4fc9-b236-d2ca5e9d4084"},
		"Google Titan":           {"42b4fb4a-2866-43b2-9bf7-6c6669c2e5d3"},
		"password managers":      {"bada5566-a7aa-401f-bd96-45619a55120d", "fbfc3007-154e-4ecc-8c0b-6e020557d7bd"},
	} {
		have, _ := l.Bundle(bundle)
		for _, id := range want {
			if !slices.Contains(have, id) {
				t.Errorf("%s lacks %s", bundle, l.Name(id))
			}
		}
	}
	fips, _ := l.Bundle("YubiKey 5 FIPS")
	five, _ := l.Bundle("YubiKey 5")
	listed, _ := l.Bundle("all security keys in FIDO metadata")
	for _, id := range fips {
		if slices.Contains(five, id) {
			t.Errorf("%s is in both YubiKey 5 and YubiKey 5 FIPS", l.Name(id))
		}
	}
	for _, id := range slices.Concat(fips, five) {
		if m, _ := l.Model(id); !slices.Contains(listed, id) || m.Vendor != "Yubico" || strings.Contains(m.Name, "Preview") {
			t.Errorf("%+v is in a bundle of YubiKeys", m)
		}
	}
	for _, b := range l.Bundles() {
		if _, err := l.Resolve(strings.ToUpper(b.Name)); err != nil {
			t.Errorf("%s: %v", b.Name, err)
		}
		for _, m := range l.Models() { // or the bundle would hide a model that is called the same
			if strings.EqualFold(m.Name, b.Name) && !slices.Contains(b.AAGUIDs, m.AAGUID) {
				t.Errorf("%s is called like a bundle that does not hold it", m.Name)
			}
		}
	}
}
