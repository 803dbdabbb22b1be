package postern

import (
	"slices"
	"testing"
)

func TestCheckDomains(t *testing.T) {
	got, err := CheckDomains([]string{" Contoso.com ", "büro.example", "sub.contoso.com."})
	if want := []string{"contoso.com", "xn--bro-hoa.example", "sub.contoso.com"}; err != nil || !slices.Equal(got, want) {
		t.Fatalf("%q, %v; want %q", got, err, want)
	}
	for _, bad := range []string{"", "https://contoso.com", "contoso.com/path", "ada@contoso.com", "contoso.com:443", "*.contoso.com", "contoso", "a b.com", "-.com"} {
		if _, err := CheckDomains([]string{bad}); !IsCode(err, CodeInvalid) || AsError(err).Field != "domains" {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := CheckDomains([]string{"contoso.com", "CONTOSO.com"}); err == nil {
		t.Error("a duplicate is taken")
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
