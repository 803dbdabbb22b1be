package main

import (
	"context"
	"encoding/base64"
	"maps"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/fido/client"
	"github.com/postern/postern/phone"
	"github.com/postern/postern/phone/ceremony"
	"github.com/postern/postern/phone/websignin"
)

// use is when a passkey last signed in, by this machine's clock, and the hour that the control center was told of last.
type use struct {
	At   time.Time `json:"at"`
	Told time.Time `json:"told,omitzero"`
}

// noteUse remembers that a passkey signed in just now, until [vault.keepUses]. It may be called at once with everything
// else.
func (v *vault) noteUse(credentialID []byte) {
	v.usesMu.Lock()
	defer v.usesMu.Unlock()
	if v.used == nil {
		v.used = map[string]time.Time{}
	}
	v.used[base64.RawURLEncoding.EncodeToString(credentialID)] = time.Now().UTC()
}

// noteAnswer is noteUse for a request that was answered.
func (v *vault) noteAnswer(request, response []byte) {
	if id, made := ceremony.Used(request, response); id != nil && !made {
		v.noteUse(id)
	}
}

// keepUses makes durable what was noted, and forgets passkeys that are no longer here.
func (v *vault) keepUses(ctx context.Context) error {
	v.usesMu.Lock()
	noted := v.used
	v.used = nil
	v.usesMu.Unlock()
	if len(noted) == 0 {
		return nil
	}
	held, err := v.passkeys.List(ctx)
	if err != nil {
		return err
	}
	uses := map[string]use{}
	for _, c := range held {
		id := base64.RawURLEncoding.EncodeToString(c.ID)
		u, known := v.content.Uses[id]
		if at, again := noted[id]; again {
			u.At, known = at, true
		}
		if known {
			uses[id] = u
		}
	}
	v.content.Uses = uses
	return v.save()
}

// tellUses tells the control center when passkeys that it lists last signed in: the passkey and the hour, by the control
// center's clock, and nothing else. What it does not take now is told the next time.
func (v *vault) tellUses(ctx context.Context, p *phone.Phone, self postern.PhoneSelf) error {
	if err := v.keepUses(ctx); err != nil {
		return err
	}
	told := maps.Clone(v.content.Uses)
	now := time.Now().Add(p.API.Offset())
	for _, k := range self.Passkeys {
		id := base64.RawURLEncoding.EncodeToString(k.CredentialID)
		u, used := told[id]
		hour := u.At.Add(p.API.Offset()).UTC().Truncate(time.Hour)
		if !used || k.State != postern.PasskeyActive || !hour.After(u.Told) || hour.After(now) {
			continue
		}
		err := p.API.TellUse(ctx, k.ID, hour)
		if err != nil && !postern.IsCode(err, postern.CodeNotFound) && !postern.IsCode(err, postern.CodeInvalid) {
			break
		}
		u.Told = hour
		told[id] = u
	}
	if maps.Equal(told, v.content.Uses) {
		return nil
	}
	v.content.Uses = told
	return v.save()
}

// noting notes what it asserts.
type noting struct {
	websignin.Asserter
	v *vault
}

// Get implements [websignin.Asserter].
func (n noting) Get(ctx context.Context, o *client.RequestOptions, origin string) (*client.Assertion, error) {
	made, err := n.Asserter.Get(ctx, o, origin)
	if err == nil {
		n.v.noteUse(made.ID)
	}
	return made, err
}
