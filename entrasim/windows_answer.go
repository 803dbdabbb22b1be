package entrasim

import (
	"encoding/json"
	"time"
)

// windowsTopNames are the names for which a computer asks the cloud for a ticket.
const windowsTopNames = ".windows.net,.windows.net:1433,.windows.net:3342,.azure.net,.azure.net:1433,.azure.net:3342"

// primaryAnswer is the answer that carries a PRT, without the token itself.
func (c *tokenCall) primaryAnswer(t *Tenant, p *PrimaryToken, clientID string) (object, *oauthError) {
	var u *User
	t.view(func() {
		if found := t.user(p.UserID); found != nil {
			u = found.clone()
		}
	})
	if u == nil {
		return nil, unknownUser("of the token", t.Name)
	}
	id, err := c.windowsIDToken(t, u, p, clientID)
	if err != nil {
		return nil, internal()
	}
	out := object{
		"token_type": "pop", "refresh_token_expires_in": int(c.s.prtLife() / time.Second), "id_token": id,
		"device_tenant_id": t.ID, "kerberos_top_level_names": windowsTopNames,
	}
	if c.form.Get("client_info") == "1" {
		info, _ := json.Marshal(map[string]string{"uid": u.ID, "utid": t.ID})
		out["client_info"] = encodeBase64URL(info)
	}
	if c.form.Get("tgt") == "true" || c.form.Get("tgt") == "True" {
		if err := c.s.addTickets(out, t, u, p); err != nil {
			return nil, internal()
		}
	}
	return out, nil
}

// windowsIDToken is the ID token of a PRT. It need not be signed ([MS-OAPXBC] section 3.2.5.1.2.2), and the service does not.
func (c *tokenCall) windowsIDToken(t *Tenant, u *User, p *PrimaryToken, clientID string) (string, error) {
	now := c.s.now().Unix()
	claims := object{
		"aud": clientID, "iss": "https://sts.windows.net/" + t.ID + "/", "iat": now, "nbf": now, "exp": now + 3600, "amr": p.AMR,
		"tid": t.ID, "oid": u.ID, "sub": pairwise(u.ID, clientID), "upn": u.UPN, "unique_name": u.UPN, "name": u.DisplayName,
		"primary_sid": securityIdentifier(u.ID), "tenant_display_name": t.Name, "ver": "1.0",
	}
	if u.GivenName != "" {
		claims["given_name"], claims["family_name"] = u.GivenName, u.Surname
	}
	if o := u.OnPremises; o != nil {
		claims["onprem_sid"], claims["onprem_sam_account_name"], claims["onprem_domain_name"] = o.SecurityIdentifier, o.SamAccountName, o.DomainName
	}
	header, err := json.Marshal(object{"typ": "JWT", "alg": "none"})
	if err != nil {
		return "", err
	}
	body, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	return encodeBase64URL(header) + "." + encodeBase64URL(body) + ".", nil
}
