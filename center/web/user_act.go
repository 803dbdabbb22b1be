package web

import (
	"context"
	"net/http"

	"github.com/postern/postern"
)

// actPage confirms an act that takes something away.
type actPage struct {
	frame
	Path     string // where the form is sent
	Back     string // where it leads afterwards
	Text     string
	Button   string
	Asks     bool // for a reason
	Plain    bool // it takes nothing away
	Note     string
	Version  int64 // of what is acted on; 0 if it has none
	Problems problems
}

// act shows the confirmation, or does the act and returns to the user.
func (c *console) act(w http.ResponseWriter, r *http.Request, u postern.User, title, text, button, note string, do func(ctx context.Context) error) error {
	i, err := c.Integrations.Get(r.Context(), u.IntegrationID)
	if err != nil {
		return err
	}
	p := actPage{frame: c.userFrame(r, u, i, title), Back: userPath(u.ID), Path: r.URL.Path, Text: text, Button: button}
	p.frame.Trail = append(p.frame.Trail, crumb{u.DisplayName, userPath(u.ID)})
	return c.actOn(w, r, p, note, do)
}

// actOn shows the confirmation, or does the act and leads back.
func (c *console) actOn(w http.ResponseWriter, r *http.Request, p actPage, note string, do func(ctx context.Context) error) error {
	if r.Method == http.MethodPost {
		err := do(r.Context())
		if err == nil {
			return c.away(w, r, p.Back+"?done="+note)
		}
		p.Problems = problemsOf(err)
	}
	return c.show(w, r, statusOf(p.Problems), confirmAct(p))
}

func (c *console) withdraw(w http.ResponseWriter, r *http.Request) error {
	u, err := c.loadUser(r)
	if err != nil {
		return err
	}
	id := postern.InvitationID(r.PathValue("invitation"))
	return c.act(w, r, u, "Withdraw the invitation?",
		"The one-time code of "+u.DisplayName+" stops working. A phone that is paired already stays paired.",
		"Withdraw invitation", "withdrawn", func(ctx context.Context) error {
			// The invitation must be this user's: the address says so to whoever confirms it.
			invitations, err := c.Users.Invitations(ctx, u.ID)
			if err != nil {
				return err
			}
			for _, inv := range invitations {
				if inv.ID == id {
					return c.Users.Withdraw(ctx, id)
				}
			}
			return postern.Errorf(postern.CodeNotFound, "%s has no such invitation.", u.DisplayName)
		})
}

// phoneOf finds the phone of the address among the user's.
func (c *console) phoneOf(r *http.Request, u postern.User) (postern.Phone, error) {
	phones, err := c.Phones.Phones(r.Context(), u.ID)
	if err != nil {
		return postern.Phone{}, err
	}
	for _, p := range phones {
		if string(p.ID) == r.PathValue("phone") {
			return p, nil
		}
	}
	return postern.Phone{}, postern.Errorf(postern.CodeNotFound, "%s has no such phone.", u.DisplayName)
}

func (c *console) revokePhone(w http.ResponseWriter, r *http.Request) error {
	u, err := c.loadUser(r)
	if err != nil {
		return err
	}
	phone, err := c.phoneOf(r, u)
	if err != nil {
		return err
	}
	return c.act(w, r, u, "Revoke "+phone.Name+"?",
		"The phone is cut off at once, and every passkey it holds is removed from Entra. It cannot be undone; a new invitation pairs it again.",
		"Revoke phone", "phone-revoked", func(ctx context.Context) error {
			_, err := c.Passkeys.RevokePhone(ctx, phone.ID)
			return err
		})
}

func (c *console) endPairing(w http.ResponseWriter, r *http.Request) error {
	u, err := c.loadUser(r)
	if err != nil {
		return err
	}
	pairings, err := c.Phones.UserPairings(r.Context(), u.ID)
	if err != nil {
		return err
	}
	for _, p := range pairings {
		if string(p.Pairing.ID) != r.PathValue("pairing") {
			continue
		}
		return c.act(w, r, u, "End the pairing with "+p.Workstation.Name+"?",
			p.Phone+" can no longer be used at "+p.Workstation.Name+" until they are paired again there. Phone, workstation and passkeys stay as they are.",
			"End pairing", "pairing-ended", func(ctx context.Context) error {
				_, err := c.Phones.EndPairing(ctx, "", p.Pairing.ID)
				return err
			})
	}
	return postern.Errorf(postern.CodeNotFound, "%s has no such pairing. It may have ended meanwhile.", u.DisplayName)
}

func (c *console) provision(w http.ResponseWriter, r *http.Request) error {
	u, err := c.loadUser(r)
	if err != nil {
		return err
	}
	phone, err := c.phoneOf(r, u)
	if err != nil {
		return err
	}
	if _, _, err := c.Passkeys.Begin(r.Context(), phone.ID); err != nil {
		return err
	}
	return c.away(w, r, userPath(u.ID)+"?done=provisioning")
}

func (c *console) cancelProvisioning(w http.ResponseWriter, r *http.Request) error {
	u, err := c.loadUser(r)
	if err != nil {
		return err
	}
	id := postern.ProvisioningID(r.PathValue("provisioning"))
	return c.act(w, r, u, "Cancel the provisioning?",
		"The phone or security key is no longer asked. If Entra has the passkey already, it is deleted again.",
		"Cancel provisioning", "cancelled", func(ctx context.Context) error {
			provisionings, err := c.Passkeys.Provisionings(ctx, u.ID)
			if err != nil {
				return err
			}
			for _, p := range provisionings {
				if p.ID == id {
					_, err := c.Passkeys.Cancel(ctx, id)
					return err
				}
			}
			return postern.Errorf(postern.CodeNotFound, "%s has no such provisioning.", u.DisplayName)
		})
}

func (c *console) revokePasskey(w http.ResponseWriter, r *http.Request) error {
	u, err := c.loadUser(r)
	if err != nil {
		return err
	}
	keys, err := c.Passkeys.Passkeys(r.Context(), u.ID)
	if err != nil {
		return err
	}
	for _, key := range keys {
		if !key.Managed || string(key.ID) != r.PathValue("passkey") {
			continue
		}
		text := "The passkey is deleted from Entra, and " + u.DisplayName + " can no longer sign in with it. It cannot be undone."
		if key.Carrier == postern.CarrierSecurityKey {
			text += " The copy on the security key stays until it is removed there, and opens nothing."
		}
		return c.act(w, r, u, "Revoke "+key.DisplayName+"?", text,
			"Revoke passkey", "passkey-revoke", func(ctx context.Context) error {
				_, err := c.Passkeys.RevokePasskey(ctx, key.ID)
				return err
			})
	}
	return postern.Errorf(postern.CodeNotFound, "%s has no such passkey.", u.DisplayName)
}
