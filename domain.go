package postern

import (
	"slices"
	"strings"

	"golang.org/x/net/idna"
)

// MaxDomains is how many domains an integration may list.
const MaxDomains = 200

// domainNames knows the form of a domain name: labels of 1 to 63 ASCII letters, digits and hyphens, 253 of all in its
// ASCII form (RFC 1035 §2.3.4, RFC 5891).
var domainNames = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.StrictDomainName(true), idna.VerifyDNSLength(true))

// CheckDomains normalises the domains of a restriction: lower case, ASCII form (IDNA 2008), no duplicates. A value
// with a scheme, a path, a port or an @ is refused, and so is what nobody's user name could end with: an address, an
// empty label, a single one.
func CheckDomains(domains []string) ([]string, error) {
	if len(domains) > MaxDomains {
		return nil, FieldErrorf("domains", "%d domains are too many; %d is the most.", len(domains), MaxDomains)
	}
	out := make([]string, 0, len(domains))
	for _, given := range domains {
		domain := strings.TrimSuffix(strings.TrimSpace(given), ".")
		if domain == "" {
			return nil, FieldErrorf("domains", "A domain is empty.")
		}
		if i := strings.IndexAny(domain, "/@:?#*\\ "); i >= 0 {
			return nil, FieldErrorf("domains", "%q is not a domain: it holds %q.", given, domain[i]).
				WithNext("Type the domain alone, such as contoso.com, without https:// and without a path. A subdomain needs an entry of its own.")
		}
		ascii, err := domainNames.ToASCII(domain)
		labels := strings.Split(ascii, ".")
		if err != nil || len(labels) < 2 || strings.Trim(labels[len(labels)-1], "0123456789") == "" {
			return nil, FieldErrorf("domains", "%q is not a domain name.", given).
				WithNext("Type a verified domain of the tenant, such as contoso.com.").Because(err)
		}
		if slices.Contains(out, ascii) {
			return nil, FieldErrorf("domains", "%q is listed twice.", given)
		}
		out = append(out, ascii)
	}
	return out, nil
}

// AcceptsDomain reports whether the integration's domain restriction lets the user name in. Whole domains are
// compared, so neither evil-contoso.com nor contoso.com.evil passes for contoso.com, and a subdomain is a domain of
// its own.
func (i Integration) AcceptsDomain(upn string) bool {
	if !i.RestrictDomains {
		return true
	}
	at := strings.LastIndexByte(upn, '@')
	if at < 0 {
		return false
	}
	ascii, err := domainNames.ToASCII(strings.TrimSuffix(upn[at+1:], "."))
	return err == nil && slices.Contains(i.Domains, ascii)
}

// Admit checks what an integration asks of a user before anything is done for them: the flags that are needed, and the
// domain of the user name. It does not look at the state, since pairing is allowed while DISABLED.
func (i Integration) Admit(upn string, need ...Flag) error {
	for _, flag := range need {
		if !i.Flags[flag] {
			return Errorf(CodeFlagOff, "The feature flag %s is off for %s.", flag, i.ApplicationName)
		}
	}
	if !i.AcceptsDomain(upn) {
		return Errorf(CodeDomainRefused, "")
	}
	return nil
}
