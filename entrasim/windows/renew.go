package windows

import (
	"context"
	"encoding/json"
	"errors"
	"time"
)

// Renew asks for a new PRT with the one that is there, as Windows does every four hours while somebody is signed in. A refusal
// of Entra is a [Refusal] without a step: who is signed in stays so, and has no PRT any more.
func (m *Machine) Renew(ctx context.Context) error {
	if m.Who == nil || m.Users[m.Who.User].PRT == nil {
		return errors.New("nobody with a primary refresh token is signed in")
	}
	u := m.Users[m.Who.User]
	session, err := m.sessionKey(u.PRT.Session)
	if err != nil {
		return err
	}
	prt, err := unseal(session, u.PRT.Sealed)
	if err != nil {
		return err
	}
	a, err := newAuthority(m.Entra.Authority, m.Entra.CA)
	if err != nil {
		return err
	}
	answer, err := m.renew(ctx, a, session, string(prt))
	if refused, ok := errors.AsType[*refusedBy](err); ok {
		r := &Refusal{Code: refused.Code(), Reason: refused.text(), Status: statusLogonFailure}
		if r.Code == codeDisabled || r.Code == codeDeleted {
			u.Barred = r.Code
		}
		u.PRT.Expires, m.Failed = m.now(), &tried{Status: r.Status, Code: r.Code, Text: r.Reason, At: m.now()}
		return errors.Join(r, m.save())
	}
	if err != nil {
		return err
	}
	if u.PRT.Sealed, err = seal(session, []byte(answer.PRT)); err != nil {
		return err
	}
	u.PRT.Updated, m.Failed = m.now(), nil
	u.PRT.Expires = u.PRT.Updated.Add(time.Duration(answer.ExpiresIn) * time.Second)
	return m.save()
}

func (m *Machine) renew(ctx context.Context, a *authority, session []byte, prt string) (answer prtAnswer, err error) {
	nonce, err := a.nonce(ctx)
	if err != nil {
		return answer, err
	}
	signed, err := bySession(session, map[string]any{
		"client_id": broker, "request_nonce": nonce, "scope": "openid aza", "grant_type": "refresh_token", "refresh_token": prt,
		"win_ver": m.Build.version(), "iss": "aad:brokerplugin",
	})
	if err != nil {
		return answer, err
	}
	text, err := a.request(ctx, m.Entra.TenantID, signed, false)
	if err != nil {
		return answer, err
	}
	plain, err := reply(session, string(text))
	if err == nil {
		err = json.Unmarshal(plain, &answer)
	}
	if err != nil || answer.PRT == "" {
		return answer, errors.Join(errJWE, err)
	}
	return answer, nil
}
