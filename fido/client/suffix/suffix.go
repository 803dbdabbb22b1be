// Package suffix tells public suffixes, such as com and co.uk, from domains that somebody can register.
//
// It owns nothing but the question: the list is Mozilla's, as golang.org/x/net/publicsuffix has it. It stands apart from
// its parent because the list is long and package net/http comes with it, which a program in a browser should not have to
// fetch in order to use its own domain.
package suffix

import "golang.org/x/net/publicsuffix"

// Registrable reports whether a domain, in ASCII and lower case, is neither a public suffix nor a name without a dot. It is
// what [github.com/postern/postern/fido/client.Client] wants as Registrable.
func Registrable(domain string) bool {
	_, err := publicsuffix.EffectiveTLDPlusOne(domain)
	return err == nil
}
