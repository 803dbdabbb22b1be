package model_test

import (
	"errors"
	"fmt"

	"github.com/postern/postern"
)

// enrol has a user take a new phone and type the newest code, or sometimes an older one.
func (w *world) enrol(a, b int) error {
	p := w.coded(a)
	if len(p.codes) == 0 {
		return nil
	}
	at := len(p.codes) - 1
	if b%8 == 0 {
		at = b / 8 % len(p.codes)
	}
	h, err := w.newHandset(p)
	if err != nil {
		return err
	}
	w.handsets = append(w.handsets, h)
	p.typed = len(p.codes)
	phone, err := w.phones.Enrol(w.ctx, h.enrolment(p.codes[at]))
	if err == nil {
		h.id = phone.ID
	}
	return w.refusal(err)
}

func (w *world) enrolWrongCode(a, _ int) error {
	p := w.person(a)
	if len(p.codes) == 0 {
		return nil
	}
	code := []byte(p.codes[len(p.codes)-1])
	last := &code[len(code)-1]
	if *last == '2' {
		*last = '3'
	} else {
		*last = '2'
	}
	h, err := w.newHandset(p)
	if err != nil {
		return err
	}
	if _, err = w.phones.Enrol(w.ctx, h.enrolment(string(code))); err == nil {
		return errors.New("a wrong code enrolled a phone")
	}
	return w.refusal(err)
}

// offers are the provisionings of a phone, as it is told of them.
func (w *world) offers(h *handset) ([]postern.PhoneProvisioning, error) {
	ctx, phone, err := w.call(h)
	if err != nil {
		return nil, err
	}
	return w.passkeys.Open(ctx, phone)
}

func (w *world) accept(a, b int) error { return w.own(a, b, (*world).acceptAll) }

func (w *world) acceptAll(h *handset) error {
	open, err := w.offers(h)
	if err != nil {
		return err
	}
	for _, p := range open {
		if p.Provisioning.State != postern.ProvisioningOffered {
			continue
		}
		if err := w.answer(h, p.Provisioning.ID); err != nil {
			return err
		}
	}
	return nil
}

// handInAgain is a phone that did not hear the answer and repeats itself, perhaps long after.
func (w *world) handInAgain(a, b int) error {
	return w.own(a, b, func(w *world, h *handset) error {
		for _, c := range h.made {
			if c.own {
				continue
			}
			ctx, phone, err := w.call(h)
			if err != nil {
				return err
			}
			if err := w.refusal(w.handIn(ctx, phone, c.provisioning, c.submission)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (w *world) decline(a, b int) error {
	return w.own(a, b, func(w *world, h *handset) error {
		open, err := w.offers(h)
		for _, p := range open {
			ctx, phone, err := w.call(h)
			if err != nil {
				return err
			}
			if _, err := w.passkeys.Decline(ctx, phone, p.Provisioning.ID, "not now"); err == nil {
				w.declined[p.Provisioning.ID] = true
			} else if err := w.refusal(err); err != nil {
				return err
			}
		}
		return err
	})
}

func (w *world) ask(h *handset) error {
	ctx, _, err := w.call(h)
	if err != nil {
		return err
	}
	_, _, err = w.passkeys.Begin(ctx, h.id)
	return err
}

func (w *world) poll(h *handset) error {
	ctx, phone, err := w.call(h)
	if err != nil {
		return err
	}
	_, err = w.passkeys.Self(ctx, phone)
	if err != nil {
		return err
	}
	_, err = w.passkeys.Open(ctx, phone)
	return err
}

// selfRegister has a user add the phone at Security info. Half of the phones tell of it at once.
func (w *world) selfRegister(a, b int) error {
	h := w.phone(a, b)
	if h == nil || h.lost {
		return nil
	}
	w.named++
	c, refused := w.register(h.owner, h.key, fmt.Sprintf("My phone %d", w.named))
	if refused != nil { // the phone has one already, or Entra refuses the user: none of Postern's business
		return nil //nolint:nilerr // the step is over
	}
	h.made = append(h.made, c)
	if b%2 == 0 && !h.offline {
		return w.refusal(w.tellOf(h, c))
	}
	return nil
}

func (w *world) tellOf(h *handset, c *credential) error {
	ctx, _, err := w.call(h)
	if err != nil {
		return err
	}
	err = w.passkeys.Claim(ctx, h.id, postern.SelfServicePasskey{CredentialID: c.submission.ID, RPID: postern.EntraRPID})
	c.told = c.told || err == nil
	return err
}

func (w *world) tell(a, b int) error {
	return w.own(a, b, func(w *world, h *handset) error {
		for _, c := range h.made {
			if c.own && !c.told {
				if err := w.tellOf(h, c); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func (w *world) deleteOwnPasskey(a, b int) error {
	return w.own(a, b, func(w *world, h *handset) error {
		ctx, phone, err := w.call(h)
		if err != nil {
			return err
		}
		self, err := w.passkeys.Self(ctx, phone)
		if err != nil || len(self.Passkeys) == 0 {
			return err
		}
		id := self.Passkeys[b%len(self.Passkeys)].ID
		if _, err = w.passkeys.RevokeOwnPasskey(ctx, phone, id); err == nil {
			w.revokedKeys[id] = true
		}
		return err
	})
}

func (w *world) revokeOwnPhone(h *handset) error {
	ctx, _, err := w.call(h)
	if err != nil {
		return err
	}
	if _, err = w.passkeys.RevokePhone(ctx, h.id); err == nil {
		w.revokedPhones[h.id] = true
	}
	return err
}
