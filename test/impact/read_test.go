package impact_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/postern/postern"
	"github.com/postern/postern/center/policy/impact"
)

// places are memberships as they were read: of groups and of roles.
type places map[string]map[string]bool

func (p places) InGroup(group, user string) bool { return p[group][user] }
func (p places) InRole(role, user string) bool   { return p[role][user] }

// places reads the memberships by which policies choose people. Direct ones are what somebody would see who forgot that
// groups hold groups.
func (l *lab) places(ctx context.Context, policies ...postern.TenantPolicy) (all, direct places, err error) {
	all, direct = make(places), make(places)
	groups, roles := impact.Concerned(policies...)
	for _, g := range groups {
		all[g], direct[g] = make(map[string]bool), make(map[string]bool)
		for id, err := range l.tenant.TransitiveMembers(ctx, g) {
			if err != nil {
				return nil, nil, err
			}
			all[g][id] = true
		}
		for m, err := range l.tenant.Members(ctx, g) {
			if err != nil {
				return nil, nil, err
			}
			direct[g][m.ObjectID] = true
		}
	}
	for _, r := range roles {
		holders, err := l.tenant.RoleHolders(ctx, r)
		if err != nil {
			return nil, nil, err
		}
		all[r] = make(map[string]bool)
		for _, id := range holders {
			all[r][id] = true
		}
		direct[r] = all[r]
	}
	return all, direct, nil
}

// inventory reads everybody with their passkeys, and finds the keys that belong to these.
func (l *lab) inventory(ctx context.Context, w *world) ([]postern.InventoryUser, error) {
	at := time.Now()
	byID := make(map[string]*postern.InventoryUser)
	for u, err := range l.tenant.AllUsers(ctx) {
		if err != nil {
			return nil, err
		}
		byID[u.ObjectID] = &postern.InventoryUser{
			ObjectID: u.ObjectID, UPN: u.UPN, DisplayName: u.DisplayName, Enabled: u.Enabled, Guest: u.Guest, LookedAt: &at,
		}
	}
	privileged, err := l.tenant.PrivilegedUsers(ctx)
	if err != nil {
		return nil, err
	}
	var out []postern.InventoryUser
	n := 0
	for listed, err := range l.tenant.PasskeysOf(ctx, w.ids()) {
		if err != nil {
			return nil, err
		}
		p, u := w.people[n], byID[listed.User]
		if n++; u == nil || listed.User != p.id {
			return nil, fmt.Errorf("somebody is missing: %s", listed.User)
		}
		u.Privileged, u.Roles = len(privileged[p.id]) > 0, privileged[p.id]
		for _, k := range p.keys {
			k.methodID = ""
		}
		for i, k := range listed.Passkeys {
			if i >= len(p.keys) {
				return nil, fmt.Errorf("%s has more passkeys than were made", p.upn)
			}
			p.keys[i].methodID = k.ID
			u.Passkeys = append(u.Passkeys, postern.InventoryPasskey{
				ObjectID: p.id, MethodID: k.ID, Name: k.DisplayName, Model: k.Model, AAGUID: k.AAGUID, Attested: k.Attested(), Synced: k.Synced(), CreatedAt: k.CreatedAt,
			})
		}
		if len(u.Passkeys) != len(p.keys) {
			return nil, fmt.Errorf("%s has fewer passkeys than were made", p.upn)
		}
		out = append(out, *u)
	}
	return out, nil
}

func each(list []postern.InventoryUser) iter.Seq2[postern.InventoryUser, error] {
	return func(yield func(postern.InventoryUser, error) bool) {
		for _, u := range slices.Clone(list) {
			if !yield(u, nil) {
				return
			}
		}
	}
}

// register tries to register a passkey for somebody, as Postern does, and takes it away again.
func (l *lab) register(ctx context.Context, p *somebody, c candidate) (allowed bool, refusal string, err error) {
	path := "/v1.0/users/" + p.id + "/authentication/fido2Methods"
	var options struct {
		PublicKey struct {
			Challenge string `json:"challenge"`
		} `json:"publicKey"`
		Error struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	status, err := l.graph(ctx, http.MethodGet, path+"/creationOptions", nil, &options)
	if err != nil || status == http.StatusForbidden {
		return false, options.Error.Message, err
	}
	if status != http.StatusOK {
		return false, "", fmt.Errorf("creation options: status %d", status)
	}
	key, err := newSoftKey(c.synced)
	if err != nil {
		return false, "", err
	}
	var by *vendor
	if c.attested {
		by = l.vendors[c.model]
	}
	credential, err := key.create(options.PublicKey.Challenge, uuid.MustParse(c.model), by)
	if err != nil {
		return false, "", err
	}
	var made struct {
		ID string `json:"id"`
	}
	status, err = l.graph(ctx, http.MethodPost, path, object{"displayName": "Attempt", "publicKeyCredential": credential}, &made)
	switch {
	case err != nil:
		return false, "", err
	case status == http.StatusBadRequest || status == http.StatusForbidden:
		return false, fmt.Sprint("status ", status), nil
	case status != http.StatusCreated:
		return false, "", fmt.Errorf("registration: status %d", status)
	}
	status, err = l.graph(ctx, http.MethodDelete, path+"/"+made.ID, nil, nil)
	if err == nil && status != http.StatusNoContent {
		err = errors.New("a passkey that was registered cannot be deleted")
	}
	return true, "", err
}
