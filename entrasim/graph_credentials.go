package entrasim

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

func showSecret(s *Secret) object {
	return object{
		"keyId": s.KeyID, "displayName": text(s.DisplayName), "hint": s.Value[:min(3, len(s.Value))], "secretText": nil,
		"customKeyIdentifier": nil, "startDateTime": shown(s.From), "endDateTime": shown(s.Until),
	}
}

func showCertificate(k *Certificate, key bool) object {
	custom := k.Custom
	if custom == "" {
		custom = strings.ToUpper(hex.EncodeToString(sha1Sum(k.DER)))
	}
	o := object{
		"keyId": k.KeyID, "displayName": text(k.DisplayName), "type": "AsymmetricX509Cert", "usage": "Verify", "key": nil,
		"customKeyIdentifier": custom, "startDateTime": shown(k.From), "endDateTime": shown(k.Until),
	}
	if key {
		o["key"] = base64.StdEncoding.EncodeToString(k.DER)
	}
	return o
}

// life reads the period of a credential.
func (b *secretBody) life(from, until time.Time) (start, end time.Time, problem string) {
	for _, p := range []struct {
		text *string
		to   *time.Time
		name string
	}{{b.Start, &from, "startDateTime"}, {b.End, &until, "endDateTime"}} {
		if p.text == nil {
			continue
		}
		v, err := time.Parse(time.RFC3339Nano, *p.text)
		if err != nil {
			return from, until, "Invalid value specified for property '" + p.name + "'."
		}
		*p.to = v.UTC()
	}
	if !from.Before(until) {
		return from, until, "The credential's end date must be after its start date."
	}
	return from, until, ""
}

// counts is when the token endpoint knows a new credential.
func (c *graphCall) counts() time.Time {
	if d := time.Duration(c.s.Levers().CredentialDelay); d > 0 {
		return c.s.now().Add(d)
	}
	return time.Time{}
}

// addPassword makes a client secret and tells it once.
func (c *graphCall) addPassword() {
	var b struct {
		PasswordCredential *secretBody `json:"passwordCredential"`
	}
	if !c.body(&b) {
		return
	}
	if b.PasswordCredential == nil {
		b.PasswordCredential = &secretBody{}
	}
	now := c.s.now().UTC()
	k := &Secret{KeyID: c.s.newID(), DisplayName: b.PasswordCredential.DisplayName, Value: c.s.newToken("")[:3] + "8Q~" + c.s.newToken("")[:34], Counts: c.counts()}
	a := c.changeApplication(func(a *Application) (problem string) {
		if k.From, k.Until, problem = b.PasswordCredential.life(now, now.AddDate(2, 0, 0)); problem != "" {
			return problem
		}
		if len(a.Secrets) >= maxCredentials {
			return "The maximum number of passwordCredentials has been reached. Remove some first."
		}
		a.Secrets = append(slices.Clone(a.Secrets), k)
		return ""
	})
	if a == nil {
		return
	}
	c.auditCredentials(a)
	out := showSecret(k)
	out["secretText"] = k.Value
	c.entity(http.StatusOK, "microsoft.graph.passwordCredential", out)
}

func (c *graphCall) removePassword() {
	var b struct {
		KeyID string `json:"keyId"`
	}
	if !c.body(&b) {
		return
	}
	a := c.changeApplication(func(a *Application) string {
		kept := slices.DeleteFunc(slices.Clone(a.Secrets), func(k *Secret) bool { return strings.EqualFold(k.KeyID, b.KeyID) })
		if len(kept) == len(a.Secrets) {
			return fmt.Sprintf("No password credential found with keyId '%s'.", b.KeyID)
		}
		a.Secrets = kept
		return ""
	})
	if a == nil {
		return
	}
	c.auditCredentials(a)
	c.noContent()
}

// keepSecrets is PATCH of passwordCredentials: it can take secrets away and change nothing else.
func (a *Application) keepSecrets(list []secretBody) (problem string) {
	var kept []*Secret
	for _, b := range list {
		i := slices.IndexFunc(a.Secrets, func(k *Secret) bool { return b.KeyID != "" && strings.EqualFold(k.KeyID, b.KeyID) })
		if i < 0 {
			return "New password credentials must be generated with service actions. CustomKeyIdentifier: '', KeyId: '" + b.KeyID + "'."
		}
		kept = append(kept, a.Secrets[i])
	}
	a.Secrets = kept
	return ""
}

// setKeys is PATCH of keyCredentials: the list becomes what is sent. An entry that names an existing key must carry it
// unchanged; one without its bytes is refused, because what the service makes of it is not published.
func (a *Application) setKeys(c *graphCall, list []keyBody) (problem string) {
	if len(list) > maxCredentials {
		return "The maximum number of keyCredentials has been reached. Remove some first."
	}
	set := []*Certificate{}
	for i := range list {
		k, problem := list[i].certificate(c)
		if problem != "" {
			return problem
		}
		old := slices.IndexFunc(a.Certificates, func(o *Certificate) bool { return strings.EqualFold(o.KeyID, list[i].KeyID) })
		switch {
		case old >= 0 && !bytes.Equal(a.Certificates[old].DER, k.DER):
			return fmt.Sprintf("Update to existing credential with KeyId '%s' is not allowed.", list[i].KeyID)
		case old >= 0:
			k = a.Certificates[old]
		case slices.ContainsFunc(set, func(o *Certificate) bool { return o.KeyID == k.KeyID }):
			return fmt.Sprintf("The KeyId '%s' is used more than once.", k.KeyID)
		}
		set = append(set, k)
	}
	a.Certificates = set
	return ""
}

// certificate makes the registered certificate of a keyCredential.
func (b *keyBody) certificate(c *graphCall) (k *Certificate, problem string) {
	if b.Type != "AsymmetricX509Cert" || b.Usage != "Verify" {
		return nil, "Invalid combination of key type and usage: a certificate has the type 'AsymmetricX509Cert' and the usage 'Verify'."
	}
	if b.Key == "" {
		return nil, "The value of the property 'key' is missing: every keyCredential must carry its certificate."
	}
	der, err := base64.StdEncoding.DecodeString(b.Key)
	if err != nil {
		return nil, "Cannot convert the literal of the property 'key' to the expected type 'Edm.Binary'."
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, "Key credential is not valid: the certificate cannot be read."
	}
	if b.KeyID != "" && !isGUID(b.KeyID) {
		return nil, "Invalid value specified for property 'keyId'."
	}
	k = &Certificate{KeyID: strings.ToLower(b.KeyID), DisplayName: b.DisplayName, Custom: b.Custom, DER: der, Counts: c.counts()}
	if k.KeyID == "" {
		k.KeyID = c.s.newID()
	}
	if k.DisplayName == "" {
		k.DisplayName = cert.Subject.String()
	}
	if k.From, k.Until, problem = b.life(cert.NotBefore, cert.NotAfter); problem != "" {
		return nil, problem
	}
	if k.Until.After(cert.NotAfter) {
		return nil, "Key credential end date is invalid: it lies after the end of the certificate."
	}
	if !c.s.now().Before(k.Until) {
		return nil, "Key credential end date is invalid: it lies in the past."
	}
	return k, ""
}
