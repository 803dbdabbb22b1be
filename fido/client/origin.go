package client

import (
	"net/netip"
	"net/url"
	"strings"

	"golang.org/x/net/idna"
)

// site is an origin that may hold WebAuthn ceremonies.
type site struct {
	origin string // serialised, as it goes into client data
	domain string // its effective domain, in ASCII and lower case
}

// parseOrigin takes a secure origin: https, or http on localhost. Origins of IP
// addresses have no effective domain that is a valid domain (WebAuthn §5.1.3
// step 8).
func parseOrigin(origin string) (site, error) {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.ForceQuery {
		return site{}, fail(SecurityError, "origin is not one: scheme, host and port are wanted")
	}
	domain, ok := asciiDomain(u.Hostname())
	if !ok {
		return site{}, fail(SecurityError, "origin has no valid domain")
	}
	local := domain == "localhost" || strings.HasSuffix(domain, ".localhost")
	if u.Scheme != "https" && (u.Scheme != "http" || !local) {
		return site{}, fail(SecurityError, "origin is not secure: https is wanted")
	}
	host := domain
	if port := u.Port(); port != "" && !(u.Scheme == "https" && port == "443") && !(u.Scheme == "http" && port == "80") {
		host += ":" + port
	}
	return site{origin: u.Scheme + "://" + host, domain: domain}, nil
}

// asciiDomain gives the ASCII form of a domain name; an IP address is none.
func asciiDomain(s string) (string, bool) {
	if _, err := netip.ParseAddr(s); err == nil {
		return "", false
	}
	ascii, err := idna.Lookup.ToASCII(s)
	if err != nil || ascii == "" || strings.HasSuffix(ascii, ".") {
		return "", false
	}
	return strings.ToLower(ascii), true
}

// mayUse reports whether the site may use a relying party id: its own domain,
// or a parent of it that is not a public suffix (HTML, "is a registrable domain
// suffix of or is equal to").
func (s site) mayUse(rpID string, registrable func(domain string) bool) bool {
	ascii, ok := asciiDomain(rpID)
	if !ok || ascii != rpID {
		return false
	}
	if rpID == s.domain {
		return true
	}
	if !strings.HasSuffix(s.domain, "."+rpID) {
		return false
	}
	return registrable != nil && registrable(rpID) && rpID != "localhost"
}

// relyingPartyID gives the id a ceremony uses, the origin's domain where the
// options name none.
func (s site) relyingPartyID(asked string, registrable func(domain string) bool) (string, error) {
	if asked == "" {
		return s.domain, nil
	}
	if !s.mayUse(asked, registrable) {
		return "", fail(SecurityError, "the origin %s may not use the relying party id %q", s.origin, asked)
	}
	return asked, nil
}
