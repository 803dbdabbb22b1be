package entra

import (
	"crypto/x509"
	"net/url"
	"strings"

	"github.com/postern/postern"
)

// Cloud says where the identity platform and Graph of a tenant are. The zero value is Microsoft's public cloud.
type Cloud struct {
	Authority string         // base URL of the identity platform, such as https://login.microsoftonline.com
	Graph     string         // base URL of Graph without a version, such as https://graph.microsoft.com
	CAs       *x509.CertPool // authorities to trust instead of the system's; for an emulator
}

// clouds by name, from the national cloud deployments of the Microsoft Graph documentation.
var clouds = map[string]Cloud{
	"":                  {Authority: "https://login.microsoftonline.com", Graph: "https://graph.microsoft.com"},
	"public":            {Authority: "https://login.microsoftonline.com", Graph: "https://graph.microsoft.com"},
	"us-government":     {Authority: "https://login.microsoftonline.us", Graph: "https://graph.microsoft.us"},
	"us-government-dod": {Authority: "https://login.microsoftonline.us", Graph: "https://dod-graph.microsoft.us"},
	"china":             {Authority: "https://login.chinacloudapi.cn", Graph: "https://microsoftgraph.chinacloudapi.cn"},
}

// CloudByName finds a Microsoft cloud: public (also the empty name), us-government, us-government-dod or china.
func CloudByName(name string) (Cloud, error) {
	if c, ok := clouds[strings.ToLower(name)]; ok {
		return c, nil
	}
	return Cloud{}, postern.Errorf(postern.CodeEntraAuthorityRejected, "There is no Microsoft cloud %q.", name).
		WithNext("Use public, us-government, us-government-dod or china, or give both addresses.")
}

// complete fills absent addresses with the public cloud's and checks the rest. Tokens are secrets, so both addresses
// must be https; a path is allowed in neither.
func (c Cloud) complete() (Cloud, error) {
	public := clouds["public"]
	if c.Authority == "" {
		c.Authority = public.Authority
	}
	if c.Graph == "" {
		c.Graph = public.Graph
	}
	for _, at := range []*string{&c.Authority, &c.Graph} {
		u, err := url.Parse(*at)
		if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
			return Cloud{}, postern.Errorf(postern.CodeEntraAuthorityRejected, "%q is not an https address of a cloud.", *at).
				WithNext("Give an address like https://login.microsoftonline.com, without a path.")
		}
		*at = "https://" + strings.ToLower(u.Host)
	}
	return c, nil
}
