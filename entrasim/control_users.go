package entrasim

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

var errNoUser = absent("no such user")

// controlUserView is a user without secrets.
func controlUserView(u *User) object {
	keys := []object{}
	for _, k := range u.Passkeys {
		keys = append(keys, object{
			"id": k.ID, "display_name": k.Credential.DisplayName, "aaguid": k.Credential.AAGUID, "created": k.Created, "last_used": k.LastUsed,
			"sign_count": k.Credential.SignCount, "live": k.live(), "type": k.Credential.Type, "public_key": base64.RawURLEncoding.EncodeToString(k.Credential.PublicKey),
		})
	}
	kinds := []string{}
	for _, m := range u.Methods {
		kinds = append(kinds, m.Kind)
	}
	return object{
		"id": u.ID, "upn": u.UPN, "display_name": u.DisplayName, "enabled": !u.Disabled, "guest": u.Guest, "roles": append([]string{}, u.Roles...),
		"mfa_required": u.MFARequired, "no_password": u.NoPassword, "sessions_valid_from": u.SessionsValidFrom, "passkeys": keys, "methods": kinds,
	}
}

func (s *Server) controlUser(c *controlCall) (any, error) {
	t, err := c.tenant()
	if err != nil {
		return nil, err
	}
	var out object
	t.view(func() {
		if u := t.user(c.r.PathValue("user")); u != nil {
			out = controlUserView(u)
		}
	})
	if out == nil {
		return nil, errNoUser
	}
	return out, nil
}

func (s *Server) controlCreateUser(c *controlCall) (any, error) {
	t, err := c.tenant()
	if err != nil {
		return nil, err
	}
	var b struct {
		UPN         string   `json:"upn"`
		DisplayName string   `json:"display_name"`
		Password    string   `json:"password"`
		Guest       bool     `json:"guest"`
		Roles       []string `json:"roles"`
	}
	if err := c.body(&b); err != nil {
		return nil, err
	}
	if b.DisplayName == "" {
		b.DisplayName, _, _ = strings.Cut(b.UPN, "@")
	}
	if err := knownRoles(b.Roles); err != nil {
		return nil, err
	}
	u := &User{ID: s.newID(), UPN: b.UPN, DisplayName: b.DisplayName, Password: b.Password, Guest: b.Guest, Roles: b.Roles}
	if problem := t.createUser(u); problem != nil {
		return nil, errors.New(problem.message)
	}
	return object{"id": u.ID, "upn": u.UPN}, nil
}

// knownRoles refuses role template ids the emulator does not know.
func knownRoles(roles []string) error {
	for _, r := range roles {
		if _, ok := directoryRoles[r]; !ok {
			return errors.New("roles must be template ids of directory roles: " + strings.Join(roleTemplates(), ", "))
		}
	}
	return nil
}

func (s *Server) controlPatchUser(c *controlCall) (any, error) {
	t, err := c.tenant()
	if err != nil {
		return nil, err
	}
	var b struct {
		Enabled     *bool     `json:"enabled"`
		MFARequired *bool     `json:"mfa_required"`
		NoPassword  *bool     `json:"no_password"`
		Guest       *bool     `json:"guest"`
		Password    *string   `json:"password"`
		UPN         *string   `json:"upn"`
		Roles       *[]string `json:"roles"`
		Methods     *[]string `json:"methods"`
		Protected   *bool     `json:"on_premises_protected"`
	}
	if err := c.body(&b); err != nil {
		return nil, err
	}
	if b.Roles != nil {
		if err := knownRoles(*b.Roles); err != nil {
			return nil, err
		}
	}
	var methods []*Method
	if b.Methods != nil {
		if methods, err = newMethods(s.newID, s.now(), *b.Methods); err != nil {
			return nil, err
		}
	}
	var out object
	err = errNoUser
	t.update(func() {
		u := t.user(c.r.PathValue("user"))
		if u == nil {
			return
		}
		if err = nil; b.UPN != nil {
			if other := t.user(*b.UPN); !t.validUPN(*b.UPN) || other != nil && other != u {
				err = errors.New("the user principal name is taken, or its domain is not verified")
				return
			}
			delete(t.upns, strings.ToLower(u.UPN))
			u.UPN = *b.UPN
			t.upns[strings.ToLower(u.UPN)] = u.ID
		}
		set := func(to *bool, from *bool, negate bool) {
			if from != nil {
				*to = *from != negate
			}
		}
		set(&u.Disabled, b.Enabled, true)
		set(&u.MFARequired, b.MFARequired, false)
		set(&u.NoPassword, b.NoPassword, false)
		set(&u.Guest, b.Guest, false)
		if b.Password != nil {
			u.Password = *b.Password
		}
		if u.OnPremises != nil {
			set(&u.OnPremises.Protected, b.Protected, false)
		}
		if b.Roles != nil {
			u.Roles, u.RoleChanges = slices.Clone(*b.Roles), nil
		}
		if b.Methods != nil {
			u.setMethods(methods)
		}
		t.touchUser(u)
		out = controlUserView(u)
	})
	return out, err
}

func (s *Server) controlDeleteUser(c *controlCall) (any, error) {
	t, err := c.tenant()
	if err != nil {
		return nil, err
	}
	err = errNoUser
	t.update(func() {
		if u := t.user(c.r.PathValue("user")); u != nil {
			t.deleteUser(u)
			err = nil
		}
	})
	return nil, err
}

func (s *Server) controlRestoreUser(c *controlCall) (any, error) {
	t, err := c.tenant()
	if err != nil {
		return nil, err
	}
	err = errNoUser
	t.update(func() {
		if t.restoreUser(c.r.PathValue("user")) {
			err = nil
		}
	})
	return nil, err
}

func (s *Server) controlTemporaryPass(c *controlCall) (any, error) {
	t, err := c.tenant()
	if err != nil {
		return nil, err
	}
	var b struct {
		Code    string `json:"code"`
		Minutes int    `json:"minutes"`
		OneTime bool   `json:"one_time"`
	}
	if err := c.body(&b); err != nil {
		return nil, err
	}
	if b.Minutes == 0 {
		b.Minutes = 60
	}
	if b.Code == "" {
		b.Code = s.newToken("")[:12]
	}
	if b.Minutes < 0 || b.Minutes > 43200 || len(b.Code) > 64 {
		return nil, errors.New("minutes must lie between 1 and 43200, and a code has at most 64 characters")
	}
	now := s.now()
	err = errNoUser
	t.update(func() {
		if u := t.user(c.r.PathValue("user")); u != nil {
			u.TemporaryPass = &TemporaryPass{Code: b.Code, From: now, Until: now.Add(time.Duration(b.Minutes) * time.Minute), OneTime: b.OneTime}
			err = nil
		}
	})
	return object{"code": b.Code}, err
}

func (s *Server) controlDevice(c *controlCall) (any, error) {
	t, err := c.tenant()
	if err != nil {
		return nil, err
	}
	var b struct {
		UPN     string `json:"upn"`
		MFA     bool   `json:"mfa"`
		Decline bool   `json:"decline"`
	}
	if err := c.body(&b); err != nil {
		return nil, err
	}
	if b.Decline {
		s.adoptDevice(t, c.r.PathValue("code"))
		return nil, t.answerDevice(c.r.PathValue("code"), nil)
	}
	proof := &SignInProof{AuthTime: s.now(), AMR: []string{amrPassword}}
	if b.MFA {
		proof.AMR = append(proof.AMR, amrMFA)
	}
	t.view(func() {
		if u := t.user(b.UPN); u != nil {
			proof.UserID = u.ID
		}
	})
	if proof.UserID == "" {
		return nil, errNoUser
	}
	if refusal := s.deviceRefusal(c.r, t, c.r.PathValue("code"), *proof); refusal != nil {
		return nil, fmt.Errorf("AADSTS%d: %s", refusal.number, refusal.text)
	}
	return nil, t.answerDevice(c.r.PathValue("code"), proof)
}
