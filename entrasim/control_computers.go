package entrasim

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"time"
)

var errNoComputer = absent("no such device")

// controlComputer is a device as the control API shows it.
func controlComputer(c *Computer) object {
	return object{
		"id": c.ID, "device_id": c.DeviceID, "display_name": c.DisplayName, "os_version": c.OSVersion, "trust_type": c.Trust, "enabled": !c.Disabled,
		"compliant": c.Compliant, "owner": c.Owner, "registered": !c.Registered.IsZero(), "security_identifier": c.SecurityIdentifier,
	}
}

func (s *Server) controlComputers(c *controlCall) (any, error) {
	t, err := c.tenant()
	if err != nil {
		return nil, err
	}
	out := []object{}
	t.view(func() { t.Computers.all(func(k *Computer) bool { out = append(out, controlComputer(k)); return true }) })
	return out, nil
}

// controlSynchronise makes the device object that Entra Connect makes of a computer account, or gives an existing one another
// certificate.
func (s *Server) controlSynchronise(c *controlCall) (any, error) {
	t, err := c.tenant()
	if err != nil {
		return nil, err
	}
	var b struct {
		DeviceID           string `json:"device_id"`
		DisplayName        string `json:"display_name"`
		SecurityIdentifier string `json:"security_identifier"`
		Certificate        string `json:"certificate"`
	}
	if err := c.body(&b); err != nil {
		return nil, err
	}
	b.DeviceID = strings.ToLower(b.DeviceID)
	der, err := base64.StdEncoding.DecodeString(b.Certificate)
	if err != nil {
		return nil, errors.New("certificate must be a certificate in base64")
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, errors.New("certificate must be a certificate in base64")
	}
	key, ok := cert.PublicKey.(*rsa.PublicKey)
	switch {
	case !isGUID(b.DeviceID) || b.DisplayName == "" || !strings.HasPrefix(b.SecurityIdentifier, "S-1-5-21-"):
		return nil, errors.New("a computer has a device_id, a display_name and a security_identifier that begins with S-1-5-21-")
	case !ok || key.N.BitLen() < minDeviceKey || !strings.EqualFold(cert.Subject.CommonName, b.DeviceID):
		return nil, errors.New("the certificate must be for CN=device_id, with an RSA key of at least 2048 bits")
	}
	var out object
	t.update(func() {
		k := t.computer(b.DeviceID)
		switch {
		case k == nil && t.Computers.len() >= maxComputers, k != nil && k.Trust != trustHybrid:
			err = errors.New("there are too many devices, or one with this id that was not synchronised")
			return
		case k == nil:
			k = &Computer{ID: s.newID(), DeviceID: b.DeviceID, Trust: trustHybrid, Created: s.now().UTC().Truncate(time.Second)}
			t.Computers.add(k.DeviceID, k)
		}
		k.DisplayName, k.SecurityIdentifier, k.SelfSigned = b.DisplayName, b.SecurityIdentifier, der
		out = controlComputer(k)
	})
	return out, err
}

func (s *Server) controlPatchComputer(c *controlCall) (any, error) {
	t, err := c.tenant()
	if err != nil {
		return nil, err
	}
	var b struct {
		Enabled   *bool `json:"enabled"`
		Compliant *bool `json:"compliant"`
	}
	if err := c.body(&b); err != nil {
		return nil, err
	}
	var out object
	err = errNoComputer
	t.update(func() {
		k := t.computer(c.r.PathValue("device"))
		if k == nil {
			return
		}
		if b.Enabled != nil {
			k.Disabled = !*b.Enabled
		}
		if b.Compliant != nil {
			k.Compliant = *b.Compliant
		}
		out, err = controlComputer(k), nil
	})
	return out, err
}

func (s *Server) controlDeleteComputer(c *controlCall) (any, error) {
	t, err := c.tenant()
	if err != nil {
		return nil, err
	}
	err = errNoComputer
	t.update(func() {
		if t.Computers.remove(strings.ToLower(c.r.PathValue("device"))) {
			err = nil
		}
	})
	return nil, err
}

// controlPrimaryTokens lists PRTs, the oldest first.
func (s *Server) controlPrimaryTokens(c *controlCall) (any, error) {
	t, err := c.tenant()
	if err != nil {
		return nil, err
	}
	q := c.r.URL.Query()
	out, ends := []object{}, s.Levers().PRTEndsWithPasskey
	t.view(func() {
		user := ""
		if u := t.user(q.Get("user")); u != nil {
			user = u.ID
		}
		var list []*PrimaryToken
		for _, p := range t.Sessions.Primary {
			if (q.Get("user") == "" || p.UserID == user) && (q.Get("device") == "" || strings.EqualFold(p.DeviceID, q.Get("device"))) {
				list = append(list, p)
			}
		}
		slices.SortFunc(list, func(a, b *PrimaryToken) int {
			if n := a.Issued.Compare(b.Issued); n != 0 {
				return n
			}
			return strings.Compare(a.ID, b.ID)
		})
		for _, p := range list {
			code := 0
			if e := t.primaryProblem(p, ends); e != nil {
				code = e.number
			}
			out = append(out, object{
				"id": p.ID, "user": p.UserID, "device": p.DeviceID, "amr": p.AMR, "passkey": p.Passkey, "auth_time": p.AuthTime, "issued": p.Issued,
				"expires": p.Expires, "renewals": p.Renewals, "error_code": code,
			})
		}
	})
	return out, nil
}
