package entrasim

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"slices"
	"strings"
	"time"
)

var errNoApp = absent("no such application")

// maxCredentials bounds the secrets and certificates of one application.
const maxCredentials = 50

func controlAppView(a *Application) object {
	keys := []object{}
	for _, k := range a.Secrets {
		keys = append(keys, object{"key_id": k.KeyID, "kind": "secret", "until": k.Until})
	}
	for _, k := range a.Certificates {
		keys = append(keys, object{"key_id": k.KeyID, "kind": "certificate", "until": k.Until})
	}
	return object{
		"client_id": a.AppID, "display_name": a.DisplayName, "roles": append([]string{}, a.Roles...), "scopes": append([]string{}, a.Scopes...),
		"public": a.PublicClient, "disabled": a.Disabled, "redirect_uris": append([]string{}, a.RedirectURIs...), "credentials": keys,
	}
}

func (s *Server) controlApps(c *controlCall) (any, error) {
	t, err := c.tenant()
	if err != nil {
		return nil, err
	}
	out := []object{}
	t.view(func() {
		for _, id := range t.AppOrder {
			if a := t.Apps[id]; a != nil {
				out = append(out, controlAppView(a))
			}
		}
	})
	return out, nil
}

// knownPermissions refuses names Graph does not offer.
func knownPermissions(lists ...[]string) error {
	for _, name := range slices.Concat(lists...) {
		if _, ok := permissionByName(name); !ok {
			return errors.New("unknown Microsoft Graph permission: " + name)
		}
	}
	return nil
}

func (s *Server) controlCreateApp(c *controlCall) (any, error) {
	t, err := c.tenant()
	if err != nil {
		return nil, err
	}
	var b struct {
		DisplayName  string   `json:"display_name"`
		Roles        []string `json:"roles"`
		Scopes       []string `json:"scopes"`
		Public       bool     `json:"public"`
		RedirectURIs []string `json:"redirect_uris"`
	}
	if err := c.body(&b); err != nil {
		return nil, err
	}
	if err := knownPermissions(b.Roles, b.Scopes); err != nil {
		return nil, err
	}
	now := s.now().UTC()
	a := &Application{
		ID: s.newID(), AppID: s.newID(), ServicePrincipalID: s.newID(), DisplayName: b.DisplayName, Created: now, PublicClient: b.Public,
		RedirectURIs: b.RedirectURIs, Roles: b.Roles, Scopes: b.Scopes,
	}
	secret := &Secret{KeyID: s.newID(), Value: s.newToken("8Q~"), From: now.Add(-time.Minute), Until: now.AddDate(2, 0, 0)}
	a.Secrets = []*Secret{secret}
	t.update(func() {
		if len(t.Apps) >= 1000 {
			err = errors.New("too many applications")
			return
		}
		t.Apps[a.AppID] = a
		t.AppOrder = append(t.AppOrder, a.AppID)
	})
	return object{"client_id": a.AppID, "client_secret": secret.Value, "key_id": secret.KeyID, "service_principal_id": a.ServicePrincipalID}, err
}

// changeApp runs f on the application of the path, under the lock.
func (c *controlCall) changeApp(f func(t *Tenant, a *Application) error) error {
	t, err := c.tenant()
	if err != nil {
		return err
	}
	err = errNoApp
	t.update(func() {
		if a := t.app(c.r.PathValue("app")); a != nil {
			err = f(t, a)
		}
	})
	return err
}

func (s *Server) controlPatchApp(c *controlCall) (any, error) {
	var b struct {
		Grant        []string `json:"grant"`
		Revoke       []string `json:"revoke"`
		GrantScopes  []string `json:"grant_scopes"`
		RevokeScopes []string `json:"revoke_scopes"`
		Disabled     *bool    `json:"disabled"`
	}
	if err := c.body(&b); err != nil {
		return nil, err
	}
	if err := knownPermissions(b.Grant, b.GrantScopes); err != nil {
		return nil, err
	}
	change := func(list, add, remove []string) []string {
		list = slices.DeleteFunc(slices.Clone(list), func(p string) bool { return slices.Contains(remove, p) })
		for _, p := range add {
			if !slices.Contains(list, p) {
				list = append(list, p)
			}
		}
		return list
	}
	var out object
	err := c.changeApp(func(_ *Tenant, a *Application) error {
		a.Roles, a.Scopes = change(a.Roles, b.Grant, b.Revoke), change(a.Scopes, b.GrantScopes, b.RevokeScopes)
		if b.Disabled != nil {
			a.Disabled = *b.Disabled
		}
		out = controlAppView(a)
		return nil
	})
	return out, err
}

func (s *Server) controlAddSecret(c *controlCall) (any, error) {
	var b struct {
		Value string `json:"value"`
		Days  int    `json:"days"`
	}
	if err := c.body(&b); err != nil {
		return nil, err
	}
	if b.Value == "" {
		b.Value = s.newToken("8Q~")
	}
	if b.Days == 0 {
		b.Days = 180
	}
	now := s.now().UTC()
	k := &Secret{KeyID: s.newID(), Value: b.Value, From: now.AddDate(-1, 0, 0), Until: now.AddDate(0, 0, b.Days)}
	err := c.changeApp(func(_ *Tenant, a *Application) error {
		if len(a.Secrets) >= maxCredentials {
			return errors.New("too many secrets: remove some first")
		}
		a.Secrets = append(a.Secrets, k)
		return nil
	})
	return object{"key_id": k.KeyID, "value": k.Value, "until": k.Until}, err
}

func (s *Server) controlAddCertificate(c *controlCall) (any, error) {
	var b struct {
		PEM  string `json:"pem"`
		Days int    `json:"days"`
	}
	if err := c.body(&b); err != nil {
		return nil, err
	}
	block, _ := pem.Decode([]byte(b.PEM))
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, errors.New("pem must hold a certificate in PEM form")
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, err
	}
	k := &Certificate{KeyID: s.newID(), DisplayName: cert.Subject.CommonName, DER: cert.Raw, From: cert.NotBefore, Until: cert.NotAfter}
	if b.Days != 0 {
		k.Until = s.now().UTC().AddDate(0, 0, b.Days)
	}
	err = c.changeApp(func(_ *Tenant, a *Application) error {
		if len(a.Certificates) >= maxCredentials {
			return errors.New("too many certificates: remove some first")
		}
		a.Certificates = append(a.Certificates, k)
		return nil
	})
	return object{"key_id": k.KeyID, "until": k.Until}, err
}

func (s *Server) controlPatchCredential(c *controlCall) (any, error) {
	var b struct {
		Days int `json:"days"`
	}
	if err := c.body(&b); err != nil {
		return nil, err
	}
	until, key := s.now().UTC().AddDate(0, 0, b.Days), c.r.PathValue("key")
	err := c.changeApp(func(_ *Tenant, a *Application) error {
		found := false
		// Entries are replaced, not written to: token requests hold copies of the lists.
		for i, k := range a.Secrets {
			if strings.EqualFold(k.KeyID, key) {
				changed := *k
				changed.Until, found = until, true
				a.Secrets[i] = &changed
			}
		}
		for i, k := range a.Certificates {
			if strings.EqualFold(k.KeyID, key) {
				changed := *k
				changed.Until, found = until, true
				a.Certificates[i] = &changed
			}
		}
		if !found {
			return absent("no such credential")
		}
		return nil
	})
	return object{"until": until}, err
}

func (s *Server) controlDeleteCredential(c *controlCall) (any, error) {
	key := c.r.PathValue("key")
	return nil, c.changeApp(func(_ *Tenant, a *Application) error {
		n := len(a.Secrets) + len(a.Certificates)
		a.Secrets = slices.DeleteFunc(a.Secrets, func(k *Secret) bool { return strings.EqualFold(k.KeyID, key) })
		a.Certificates = slices.DeleteFunc(a.Certificates, func(k *Certificate) bool { return strings.EqualFold(k.KeyID, key) })
		if n == len(a.Secrets)+len(a.Certificates) {
			return absent("no such credential")
		}
		return nil
	})
}
