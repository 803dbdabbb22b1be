package aaguid

import (
	"slices"
	"strings"

	"github.com/postern/postern"
)

// rule says which models a bundle holds: those that every given member of the rule fits. Texts are compared without case.
type rule struct {
	name        string
	description string

	aaguids []string            // one of these
	kinds   []postern.ModelKind // one of these
	vendor  string
	begins  []string // the name begins with one of these
	without []string // the name holds none of these
	fips    bool     // certified by FIPS 140 only
	listed  bool     // in the FIDO Metadata Service only
}

// preview marks models that were never sold: samples for developers.
var preview = []string{"preview"}

var securityKeys = []postern.ModelKind{postern.ModelSecurityKey}

// rules are the bundles in the order in which people see them.
var rules = []rule{
	{
		name: postern.BundlePostern, description: "Phones of Postern.",
		aaguids: []string{"8a208249-8aef-41b3-907f-776d51e6526f"},
	},
	{
		name: postern.BundleMicrosoftAuthenticator, description: "Microsoft's app on Android and iOS. Entra wants both models or none.",
		aaguids: []string{"de1e552d-db1d-4423-a619-566b625cdc84", "90a3ccdf-635c-4729-a248-9b709135078f"},
	},
	{
		name: "Windows Hello", description: "Windows itself: with a TPM, with virtualisation-based security, and in software.",
		kinds: []postern.ModelKind{postern.ModelPlatform}, vendor: "Microsoft", begins: []string{"Windows Hello"},
	},
	{
		name: "YubiKey 5", description: "YubiKeys of the 5 series in every shape, without the FIPS series.",
		kinds: securityKeys, vendor: "Yubico", begins: []string{"YubiKey 5 "}, without: append([]string{"fips"}, preview...),
	},
	{
		name: "YubiKey 5 FIPS", description: "YubiKeys of the 5 FIPS series in every shape.",
		kinds: securityKeys, vendor: "Yubico", begins: []string{"YubiKey 5 "}, without: preview, fips: true,
	},
	{
		name: "YubiKey Bio", description: "YubiKeys with a fingerprint reader.",
		kinds: securityKeys, vendor: "Yubico", begins: []string{"YubiKey Bio "}, without: preview,
	},
	{
		name: "Security Key by Yubico", description: "Yubico's keys for FIDO alone, with the Enterprise Edition.",
		kinds: securityKeys, vendor: "Yubico", begins: []string{"Security Key "}, without: preview,
	},
	{name: "Feitian", description: "All security keys by Feitian.", kinds: securityKeys, vendor: "Feitian", without: preview},
	{name: "Google Titan", description: "Titan keys by Google.", kinds: securityKeys, vendor: "Google", begins: []string{"Google Titan"}},
	{name: "all security keys in FIDO metadata", description: "Every security key that the FIDO Metadata Service lists.", kinds: securityKeys, listed: true, without: preview},
	{name: "password managers", description: "Programs that keep passkeys and may copy them between devices.", kinds: []postern.ModelKind{postern.ModelPasswordManager}},
}

func (r *rule) holds(m *postern.Model) bool {
	name := strings.ToLower(m.Name)
	return (r.aaguids == nil || slices.Contains(r.aaguids, m.AAGUID)) &&
		(r.kinds == nil || slices.Contains(r.kinds, m.Kind)) &&
		(r.vendor == "" || strings.EqualFold(r.vendor, m.Vendor)) &&
		(r.begins == nil || slices.ContainsFunc(r.begins, func(begin string) bool { return strings.HasPrefix(name+" ", strings.ToLower(begin)) })) &&
		!slices.ContainsFunc(r.without, func(part string) bool { return strings.Contains(name, part) }) &&
		(!r.fips || m.FIPS) && (!r.listed || m.Listed)
}
