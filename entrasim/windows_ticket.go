package entrasim

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"
)

// The emulator speaks no Kerberos. A ticket is a sealed blob that only the control API opens: that call stands for the domain
// controller, which exchanges the partial ticket for a full one.

const (
	cloudRealm   = "KERBEROS.MICROSOFTONLINE.COM"
	ticketLife   = 10 * time.Hour
	ticketKeyAES = 18 // aes256-cts-hmac-sha1-96 (RFC 3962 §7)
)

// ticket is what a sealed blob says.
type ticket struct {
	Tenant, User, Realm, Account, SecurityIdentifier string
	Expires                                          time.Time
}

// noTicket is the answer in the place of a ticket there is none of.
const noTicket = `{"keyType":0,"error":1}`

// addTickets puts the tickets of a user into an answer: for the cloud, and for the domain the user was synchronised from.
func (s *Server) addTickets(out object, t *Tenant, u *User, p *PrimaryToken) error {
	expires := s.now().Add(ticketLife)
	cloud, err := s.sealTicket(p, ticket{Tenant: t.ID, User: u.ID, Realm: cloudRealm, Account: u.UPN, SecurityIdentifier: securityIdentifier(u.ID), Expires: expires})
	if err != nil {
		return err
	}
	out["tgt_cloud"] = cloud
	kerberos := false
	t.view(func() { kerberos = !t.CloudOnly && !t.NoKerberos })
	o := u.OnPremises
	if o == nil {
		return nil
	}
	if !kerberos {
		out["tgt_ad"] = noTicket
		return nil
	}
	out["tgt_ad"], err = s.sealTicket(p, ticket{
		Tenant: t.ID, User: u.ID, Realm: strings.ToUpper(o.DomainName), Account: o.SamAccountName, SecurityIdentifier: o.SecurityIdentifier, Expires: expires,
	})
	return err
}

// sealTicket writes a ticket as it stands in an answer: JSON as text, its key for whoever has the session key.
func (s *Server) sealTicket(p *PrimaryToken, k ticket) (string, error) {
	body, err := json.Marshal(k)
	if err != nil {
		return "", err
	}
	aead, err := newGCM(s.ownKey("ticket"))
	if err != nil {
		return "", err
	}
	nonce, key := make([]byte, aead.NonceSize()), make([]byte, 32)
	_, _ = rand.Read(nonce) // crypto/rand does not fail
	_, _ = rand.Read(key)
	clientKey, err := sealReply(p.SessionKey, key)
	if err != nil {
		return "", err
	}
	out, err := json.Marshal(object{
		"keyType": ticketKeyAES, "error": 0, "clientKey": clientKey, "messageBuffer": base64.StdEncoding.EncodeToString(aead.Seal(nonce, nonce, body, nil)),
		"realm": k.Realm, "sn": "krbtgt/" + k.Realm, "cn": k.Account, "accountType": 2,
	})
	return string(out), err
}

var errTicket = errors.New("not a ticket of this emulator")

func (s *Server) openTicket(buffer string) (k ticket, err error) {
	b, err := base64.StdEncoding.DecodeString(buffer)
	if err != nil {
		return k, errTicket
	}
	aead, err := newGCM(s.ownKey("ticket"))
	if err != nil {
		return k, err
	}
	if len(b) < aead.NonceSize() {
		return k, errTicket
	}
	body, err := aead.Open(nil, b[:aead.NonceSize()], b[aead.NonceSize():], nil)
	if err != nil || json.Unmarshal(body, &k) != nil {
		return k, errTicket
	}
	return k, nil
}

// controlTickets stands for the domain controller: it takes the partial ticket of an account of its domain and gives a full
// one, unless the account is one whose secrets a read-only domain controller may not have, as those of administrators are.
func (s *Server) controlTickets(c *controlCall) (any, error) {
	t, err := c.tenant()
	if err != nil {
		return nil, err
	}
	var b struct {
		MessageBuffer string `json:"message_buffer"`
	}
	if err := c.body(&b); err != nil {
		return nil, err
	}
	k, err := s.openTicket(b.MessageBuffer)
	if err != nil {
		return nil, err
	}
	switch {
	case k.Tenant != t.ID || k.Realm == cloudRealm:
		return nil, errors.New("the ticket is for another realm")
	case !s.now().Before(k.Expires):
		return nil, errors.New("KRB_AP_ERR_TKT_EXPIRED: the ticket has expired")
	}
	err = errNoUser
	t.view(func() {
		switch u := t.user(k.User); {
		case u == nil || u.OnPremises == nil:
		case u.OnPremises.Protected:
			err = errors.New("KDC_ERR_POLICY: the password replication policy of the read-only domain controller denies this account")
		default:
			err = nil
		}
	})
	if err != nil {
		return nil, err
	}
	return object{"realm": k.Realm, "account": k.Account, "security_identifier": k.SecurityIdentifier, "expires": k.Expires}, nil
}
