package postern

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestCheckDomains(t *testing.T) {
	got, err := CheckDomains([]string{" Contoso.com ", "büro.example", "sub.contoso.com."})
	if want := []string{"contoso.com", "xn--bro-hoa.example", "sub.contoso.com"}; err != nil || !slices.Equal(got, want) {
		t.Fatalf("%q, %v; want %q", got, err, want)
	}
	for _, bad := range []string{
		"", ".", "https://contoso.com", "contoso.com/path", "ada@contoso.com", "contoso.com:443", "*.contoso.com", "contoso", "a b.com", "-.com",
		"contoso..com", ".contoso.com", "contoso.com..", "con_toso.com", "contoso.com,fabrikam.com", "192.0.2.7", "contoso.1", "contoso.com\u200d", "contoso\u2028.com",
		strings.Repeat("a", 64) + ".com", strings.Repeat("a.", 126) + "com", "xn--zzzz.com",
	} {
		if _, err := CheckDomains([]string{bad}); !IsCode(err, CodeInvalid) || AsError(err).Field != "domains" {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for _, twice := range []string{"CONTOSO.com", "contoso.com.", "contoso\u3002com"} {
		if _, err := CheckDomains([]string{"contoso.com", twice}); !IsCode(err, CodeInvalid) {
			t.Errorf("the duplicate %q is taken", twice)
		}
	}
	if got, err := CheckDomains([]string{strings.Repeat("a", 63) + ".example", "1.example"}); err != nil || len(got) != 2 {
		t.Errorf("%q, %v", got, err)
	}
	many := make([]string, MaxDomains+1)
	if _, err := CheckDomains(many); !IsCode(err, CodeInvalid) || !strings.Contains(err.Error(), "200") {
		t.Errorf("%d domains: %v", len(many), err)
	}
}

func TestAcceptsDomain(t *testing.T) {
	i := Integration{RestrictDomains: true, Domains: []string{"contoso.com", "xn--bro-hoa.example"}}
	for upn, want := range map[string]bool{
		"ada@contoso.com":          true,
		"ada@CONTOSO.COM":          true,
		"ada@contoso.com.":         true,
		"ada@büro.example":         true,
		"ada@evil-contoso.com":     false,
		"ada@contoso.com.evil":     false,
		"ada@sub.contoso.com":      false,
		"ada@com":                  false,
		"ada":                      false,
		"contoso.com":              false,
		"ada@contoso.com@evil.com": false,
		"ada_contoso.com#EXT#@fabrikam.onmicrosoft.com": false,
	} {
		if got := i.AcceptsDomain(upn); got != want {
			t.Errorf("%s: %t", upn, got)
		}
	}
	i.RestrictDomains = false
	if !i.AcceptsDomain("anybody@anywhere.example") {
		t.Error("without a restriction somebody is refused")
	}
}

func TestAdmitNamesTheFlag(t *testing.T) {
	i := Integration{ApplicationName: "Postern", Flags: AllFlags()}
	i.Flags[FlagProvisionAPI] = false
	if err := i.Admit("ada@contoso.com", FlagFIDO2MobileAuthenticator); err != nil {
		t.Error(err)
	}
	err := i.Admit("ada@contoso.com", FlagFIDO2MobileAuthenticator, FlagProvisionAPI)
	if !IsCode(err, CodeFlagOff) || !slices.Equal(i.Flags.Missing(), []Flag{FlagProvisionAPI}) {
		t.Errorf("%v; missing %v", err, i.Flags.Missing())
	}
}

// TestAcceptsWholeLabels: of all names that end like a listed domain only those pass whose domain it is.
func TestAcceptsWholeLabels(t *testing.T) {
	label := rapid.StringMatching(`[a-z][a-z0-9]{0,6}`)
	rapid.Check(t, func(t *rapid.T) {
		listed := label.Draw(t, "label") + "." + label.Draw(t, "top")
		domains, err := CheckDomains([]string{listed})
		if err != nil {
			t.Fatal(err)
		}
		i := Integration{RestrictDomains: true, Domains: domains}
		name := label.Draw(t, "name")
		if !i.AcceptsDomain(name + "@" + strings.ToUpper(listed)) {
			t.Fatalf("%s is refused", listed)
		}
		before := rapid.SampledFrom([]string{"evil", "evil-", "sub."}).Draw(t, "before")
		after := rapid.SampledFrom([]string{".evil", "x", ".."}).Draw(t, "after")
		for _, other := range []string{before + listed, listed + after, before + listed + after, listed[1:], listed[strings.IndexByte(listed, '.')+1:], listed + "@" + "evil.example"} {
			if other != listed && i.AcceptsDomain(name+"@"+other) {
				t.Fatalf("%s passes for %s", other, listed)
			}
		}
	})
}
