package entrasim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
)

// policyEdit is what POST tenants/{tenant}/policy takes: a change of policies as somebody makes it in the portal, with
// its traces in the directory audit. What Graph would refuse is refused.
type policyEdit struct {
	// As is the user who does it, by id or user principal name, and Address where from. Without a user it is an application.
	As      string `json:"as,omitempty"`
	Address string `json:"address,omitempty"`
	// Reset first puts everything back to the policies of a new tenant, without a trace.
	Reset bool `json:"reset,omitempty"`
	// Passkeys is the body of a PATCH of the passkey method; @odata.type may be absent.
	Passkeys object `json:"passkeys,omitempty"`
	// Strengths and ConditionalAccess are authenticationStrengthPolicies and conditionalAccessPolicies. One with the id of
	// what exists changes it, any other is made, with its own id if it has one. Of a Conditional Access policy only the
	// members that are present change.
	Strengths         []object `json:"strengths,omitempty"`
	ConditionalAccess []object `json:"conditional_access,omitempty"`
	// Delete names strengths and Conditional Access policies by id.
	Delete []string `json:"delete,omitempty"`
}

// portal makes Graph calls in the name of somebody, without token, permission or budget.
type portal struct {
	c    *controlCall
	t    *Tenant
	who  principal
	from string
}

// controlPolicy changes policies. It stops at the first refusal; what was done before stays done.
func (s *Server) controlPolicy(c *controlCall) (any, error) {
	t, err := c.tenant()
	if err != nil {
		return nil, err
	}
	var b policyEdit
	if err := c.body(&b); err != nil {
		return nil, err
	}
	p := &portal{c: c, t: t, from: b.Address}
	if p.who, err = t.portalUser(b.As); err != nil {
		return nil, err
	}
	if b.Address != "" && net.ParseIP(b.Address) == nil {
		return nil, errors.New("address must be an IP address")
	}
	if b.Reset {
		t.update(func() {
			t.keepShown()
			t.Policy, t.CA = defaultMethodsPolicy(t.now()), ConditionalAccess{}
		})
	}
	return p.change(&b)
}

// portalUser is who changes policies in the portal.
func (t *Tenant) portalUser(name string) (who principal, err error) {
	if name == "" {
		return principal{AppID: "c44b4083-3bb0-49c1-b47d-974e53cbdf3c", AppName: "Azure Portal", ServicePrincipalID: derivedID(t.ID, "portal")}, nil
	}
	err = errNoUser
	t.view(func() {
		if u := t.user(name); u != nil {
			who, err = principal{AppName: "Azure Portal", UserID: u.ID, UPN: u.UPN, UserName: u.DisplayName}, nil
		}
	})
	return who, err
}

func (p *portal) change(b *policyEdit) (any, error) {
	if b.Passkeys != nil {
		b.Passkeys["@odata.type"] = passkeyConfigurationType
		if _, err := p.call((*graphCall).patchConfiguration, b.Passkeys, "configuration", "fido2"); err != nil {
			return nil, fmt.Errorf("passkeys: %w", err)
		}
	}
	out := map[string][]string{"strengths": {}, "conditional_access": {}}
	for i, o := range b.Strengths {
		id, err := p.strength(o)
		if err != nil {
			return nil, fmt.Errorf("strengths[%d]: %w", i, err)
		}
		out["strengths"] = append(out["strengths"], id)
	}
	for i, o := range b.ConditionalAccess {
		id, known := p.known(o, p.rule)
		var made object
		var err error
		if known {
			_, err = p.call((*graphCall).patchAccessPolicy, o, "policy", id)
		} else if made, err = p.call((*graphCall).createAccessPolicy, o); err == nil {
			id, _ = made["id"].(string)
		}
		if err != nil {
			return nil, fmt.Errorf("conditional_access[%d]: %w", i, err)
		}
		out["conditional_access"] = append(out["conditional_access"], id)
	}
	return out, p.remove(b.Delete)
}

// remove deletes Conditional Access policies and then strengths, so that none is referred to any more.
func (p *portal) remove(ids []string) error {
	var strengths []string
	for _, id := range ids {
		switch key, rule := p.known(object{"id": id}, p.rule); {
		case !rule:
			strengths = append(strengths, key)
		default:
			if _, err := p.call((*graphCall).deleteAccessPolicy, nil, "policy", key); err != nil {
				return fmt.Errorf("delete %s: %w", id, err)
			}
		}
	}
	for _, id := range strengths {
		if _, err := p.call((*graphCall).deleteStrength, nil, "strength", id); err != nil {
			return fmt.Errorf("delete %s: %w", id, err)
		}
	}
	return nil
}

// strength makes an authentication strength, or changes one by the calls the portal needs for it.
func (p *portal) strength(o object) (string, error) {
	id, known := p.known(o, func(id string) bool { return p.t.CA.strength(id) != nil })
	if !known {
		made, err := p.call((*graphCall).createStrength, o)
		id, _ = made["id"].(string)
		return id, err
	}
	var old object
	p.t.view(func() { old = p.t.CA.strength(id) })
	names := object{}
	for _, k := range []string{"displayName", "description"} {
		if v, ok := o[k]; ok && v != old[k] {
			names[k] = v
		}
	}
	if len(names) > 0 {
		if _, err := p.call((*graphCall).patchStrength, names, "strength", id); err != nil {
			return "", err
		}
	}
	if list, ok := o["allowedCombinations"]; ok && auditJSON(list) != auditJSON(old["allowedCombinations"]) {
		if _, err := p.call((*graphCall).updateCombinations, object{"allowedCombinations": list}, "strength", id); err != nil {
			return "", err
		}
	}
	if _, ok := o["combinationConfigurations"]; !ok {
		return id, nil
	}
	for _, v := range limits(old) {
		l, _ := v.(object)
		limit, _ := l["id"].(string)
		if _, err := p.call((*graphCall).deleteCombinationConfiguration, nil, "strength", id, "configuration", limit); err != nil {
			return "", err
		}
	}
	for _, v := range limits(o) {
		if _, err := p.call((*graphCall).createCombinationConfiguration, v, "strength", id); err != nil {
			return "", err
		}
	}
	return id, nil
}

// rule says whether there is a Conditional Access policy of an id. The caller holds the lock.
func (p *portal) rule(id string) bool { return p.t.CA.Policies[id] != nil }

// known says whether an object with the id of o exists.
func (p *portal) known(o object, exists func(id string) bool) (id string, known bool) {
	id, _ = o["id"].(string)
	id = strings.ToLower(id)
	if id != "" {
		p.t.view(func() { known = exists(id) })
	}
	return id, known
}

// call runs one operation of Graph with the keys of its path, as pairs, and returns the object it answers with, if any.
func (p *portal) call(handle func(*graphCall), body any, keys ...string) (object, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	r := p.c.r.Clone(p.c.r.Context())
	r.Body, r.Header = io.NopCloser(bytes.NewReader(raw)), http.Header{}
	if p.from != "" {
		r.RemoteAddr = net.JoinHostPort(p.from, "0")
	}
	w := &partWriter{header: http.Header{}}
	g := &graphCall{s: p.c.s, w: w, r: r, version: "v1.0", tenant: p.t, who: p.who, named: true, reqID: p.c.s.newID(), param: make(map[string]string)}
	for i := 0; i+1 < len(keys); i += 2 {
		g.param[keys[i]] = keys[i+1]
	}
	handle(g)
	var out object
	_ = json.Unmarshal(w.body.Bytes(), &out) // empty after a PATCH
	if w.code() >= http.StatusBadRequest {
		e, _ := out["error"].(object)
		return nil, fmt.Errorf("%v", e["message"])
	}
	return out, nil
}

// controlSchema makes a tenant one that has not opted in to passkey profiles, or opts it in. The portal only does the
// latter; neither leaves a trace.
func (s *Server) controlSchema(c *controlCall) (any, error) {
	t, err := c.tenant()
	if err != nil {
		return nil, err
	}
	var b struct {
		Profiles bool `json:"profiles"`
	}
	if err := c.body(&b); err != nil {
		return nil, err
	}
	t.update(func() {
		k := &t.Policy.Passkey
		if b.Profiles == (len(k.PasskeyProfiles) > 0) {
			return
		}
		t.keepShown()
		k.IncludeTargets = slices.Clone(k.IncludeTargets) // the old list may still be shown
		if b.Profiles {
			k.withProfiles()
		} else {
			k.withoutProfiles()
		}
	})
	return object{"profiles": b.Profiles}, nil
}
