package entra

import (
	"cmp"
	"context"
	"iter"
	"net/http"
	"slices"
	"strings"

	"github.com/postern/postern"
)

var (
	readStrengths  = []string{"Policy.Read.AuthenticationMethod", "Policy.Read.All", "Policy.ReadWrite.AuthenticationMethod", "Policy.ReadWrite.ConditionalAccess"}
	writeStrengths = []string{"Policy.ReadWrite.AuthenticationMethod", "Policy.ReadWrite.ConditionalAccess"}
)

var (
	opListStrengths  = operation{name: "authenticationStrengthPolicies.list", doing: "read authentication strengths", needs: readStrengths, lane: lanePolicy, repeatable: true}
	opStrengthUsage  = operation{name: "authenticationStrengthPolicies.usage", doing: "see where an authentication strength is used", needs: readStrengths, lane: lanePolicy, repeatable: true}
	opCreateStrength = operation{name: "authenticationStrengthPolicies.create", doing: "make an authentication strength", needs: writeStrengths, lane: lanePolicy}
	opChangeStrength = operation{name: "authenticationStrengthPolicies.update", doing: "change an authentication strength", needs: writeStrengths, lane: lanePolicy, repeatable: true}
	opLimitStrength  = operation{name: "authenticationStrengthPolicies.limit", doing: "limit an authentication strength to models", needs: writeStrengths, lane: lanePolicy}
	opDeleteStrength = operation{name: "authenticationStrengthPolicies.delete", doing: "delete an authentication strength", needs: writeStrengths, lane: lanePolicy, repeatable: true}
)

const strengthsPath = "/policies/authenticationStrengthPolicies"

// methodPasskey is the method mode of passkeys, in combinations.
const methodPasskey = "fido2"

const passkeyLimitType = "#microsoft.graph.fido2CombinationConfiguration"

// The wire of authenticationStrengthPolicy.
type (
	strengthWire struct {
		ID           string       `json:"id"`
		DisplayName  string       `json:"displayName"`
		Description  string       `json:"description"`
		PolicyType   string       `json:"policyType"`
		Combinations []string     `json:"allowedCombinations"`
		Limits       *[]limitWire `json:"combinationConfigurations"` // absent where Graph does not expand them
	}
	// limitWire is a combination configuration: of passkeys, a list of models.
	limitWire struct {
		ID      string   `json:"id"`
		Type    string   `json:"@odata.type"`
		AAGUIDs []string `json:"allowedAAGUIDs"`
		Applies []string `json:"appliesToCombinations"`
	}
)

// ofPasskeys reports whether a configuration limits the combination that is a passkey alone.
func (w limitWire) ofPasskeys() bool {
	if !strings.EqualFold("#"+strings.TrimPrefix(w.Type, "#"), passkeyLimitType) {
		return false
	}
	return len(w.Applies) == 0 || slices.ContainsFunc(w.Applies, func(c string) bool { return combination(c) == methodPasskey })
}

func (w strengthWire) strength() postern.AuthenticationStrength {
	s := postern.AuthenticationStrength{
		ID: lowerID(w.ID), Name: w.DisplayName, Description: w.Description, BuiltIn: strings.EqualFold(w.PolicyType, "builtIn"),
		Combinations: combinations(w.Combinations),
	}
	if w.Limits == nil {
		return s
	}
	for _, l := range *w.Limits {
		if l.ofPasskeys() {
			s.AAGUIDs = append(s.AAGUIDs, l.AAGUIDs...)
		}
	}
	if len(s.AAGUIDs) > 0 {
		s.AAGUIDs = models(s.AAGUIDs)
	}
	return s
}

// combination writes the modes of a combination in the order of their names, without spaces.
func combination(s string) string {
	var modes []string
	for m := range strings.SplitSeq(s, ",") {
		if m = strings.TrimSpace(m); m != "" && !slices.Contains(modes, m) {
			modes = append(modes, m)
		}
	}
	slices.Sort(modes)
	return strings.Join(modes, ",")
}

func combinations(wire []string) []string {
	all := make([]string, 0, len(wire))
	for _, s := range wire {
		if c := combination(s); c != "" && !slices.Contains(all, c) {
			all = append(all, c)
		}
	}
	return all
}

// strengths reads the authentication strengths, by name.
func (t *Tenant) strengths(ctx context.Context) ([]postern.AuthenticationStrength, error) {
	found, err := collect(each[strengthWire](ctx, t, call{op: opListStrengths, method: http.MethodGet, path: strengthsPath, on: object{kind: "authentication strengths"}}), 0)
	if err != nil {
		return nil, err
	}
	all := make([]postern.AuthenticationStrength, 0, len(found))
	for _, w := range found {
		if w.Limits == nil && !strings.EqualFold(w.PolicyType, "builtIn") && slices.Contains(combinations(w.Combinations), methodPasskey) {
			limits, err := collect(t.limits(ctx, w.ID), 0)
			if err != nil {
				return nil, err
			}
			w.Limits = &limits
		}
		all = append(all, w.strength())
	}
	slices.SortFunc(all, func(a, b postern.AuthenticationStrength) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	return all, nil
}

// limits lists the combination configurations of a strength.
func (t *Tenant) limits(ctx context.Context, id string) iter.Seq2[limitWire, error] {
	return func(yield func(limitWire, error) bool) {
		path, err := strengthPath(id)
		if err != nil {
			yield(limitWire{}, err)
			return
		}
		each[limitWire](ctx, t, call{op: opListStrengths, method: http.MethodGet, path: path + "/combinationConfigurations", on: object{"authentication strength", id}})(yield)
	}
}

func strengthPath(id string) (string, error) {
	s, err := segment("authentication strength", id)
	return strengthsPath + "/" + s, err
}

// StrengthUsage lists the Conditional Access policies that demand a strength.
func (t *Tenant) StrengthUsage(ctx context.Context, id string) ([]postern.ConditionalAccessPolicy, error) {
	path, err := strengthPath(id)
	if err != nil {
		return nil, err
	}
	type usage struct {
		MFA  []accessWire `json:"mfa"`
		None []accessWire `json:"none"`
	}
	u, err := do[usage](ctx, t, call{op: opStrengthUsage, method: http.MethodGet, path: path + "/usage", on: object{"authentication strength", id}})
	if err != nil {
		return nil, err
	}
	all := make([]postern.ConditionalAccessPolicy, 0, len(u.MFA)+len(u.None))
	for _, w := range slices.Concat(u.MFA, u.None) {
		all = append(all, w.policy())
	}
	return all, nil
}

// CreateStrength makes a custom strength and returns it with its id. It is repeated like [Tenant.RegisterPasskey]: after
// an error with ErrOutcomeUnknown look for the name before making it again, for names are not unique.
func (t *Tenant) CreateStrength(ctx context.Context, s postern.AuthenticationStrength) (postern.AuthenticationStrength, error) {
	body := map[string]any{"displayName": s.Name, "description": s.Description, "allowedCombinations": combinations(s.Combinations)}
	if len(s.AAGUIDs) > 0 {
		body["combinationConfigurations"] = []any{passkeyLimit(s.AAGUIDs)}
	}
	c := call{op: opCreateStrength, method: http.MethodPost, path: strengthsPath, body: body, on: object{"authentication strength", s.Name}}
	w, err := do[strengthWire](ctx, t, c)
	if err == nil && w.ID == "" {
		err = t.unexpected(c, "a strength without an id")
	}
	if err != nil {
		return postern.AuthenticationStrength{}, onStrength(err)
	}
	return w.strength(), nil
}

func passkeyLimit(aaguids []string) map[string]any {
	return map[string]any{
		"@odata.type": passkeyLimitType, "allowedAAGUIDs": models(aaguids), "appliesToCombinations": []string{methodPasskey},
	}
}

// UpdateStrength turns a custom strength from what it is into what it shall be. Graph takes names, combinations and
// models in requests of their own. Where models are freed that comes first, and where they are limited last, so that
// nobody fails in between who passes before and after. After an error a part may have been done: read it.
func (t *Tenant) UpdateStrength(ctx context.Context, from, to postern.AuthenticationStrength) error {
	path, err := strengthPath(from.ID)
	if err != nil {
		return err
	}
	on := object{"authentication strength", from.Name}
	change := func(method, path string, body any) error {
		_, err := t.send(ctx, call{op: opChangeStrength, method: method, path: path, body: body, on: on})
		return onStrength(err)
	}
	// The documentation names no status of this PATCH; with and without a body are both in use.
	if named := changedStrings(map[string][2]string{"displayName": {from.Name, to.Name}, "description": {from.Description, to.Description}}); len(named) > 0 {
		if err := change(http.MethodPatch, path, named); err != nil {
			return err
		}
	}
	free := len(to.AAGUIDs) == 0 && len(from.AAGUIDs) > 0
	if free {
		if err := t.limitStrength(ctx, from.ID, path, on, nil); err != nil {
			return err
		}
	}
	if wanted := combinations(to.Combinations); !sameSet(combinations(from.Combinations), wanted) {
		if err := change(http.MethodPost, path+"/updateAllowedCombinations", map[string]any{"allowedCombinations": wanted}); err != nil {
			return err
		}
	}
	if free || sameSet(models(from.AAGUIDs), models(to.AAGUIDs)) {
		return nil
	}
	return t.limitStrength(ctx, from.ID, path, on, to.AAGUIDs)
}

// limitStrength makes a strength's limit to models what it shall be; nil takes the limit away. What is there is read
// first, so that repeating it after an unknown outcome makes no second one.
func (t *Tenant) limitStrength(ctx context.Context, id, path string, on object, aaguids []string) error {
	there, err := collect(t.limits(ctx, id), 0)
	if err != nil {
		return err
	}
	there = slices.DeleteFunc(there, func(l limitWire) bool { return !l.ofPasskeys() })
	path += "/combinationConfigurations"
	if len(aaguids) > 0 && len(there) == 0 {
		_, err := t.send(ctx, call{op: opLimitStrength, method: http.MethodPost, path: path, body: passkeyLimit(aaguids), on: on})
		return onStrength(err)
	}
	for n, l := range there {
		s, err := segment("combination configuration", l.ID)
		if err != nil {
			return err
		}
		c := call{op: opChangeStrength, method: http.MethodDelete, path: path + "/" + s, on: on}
		if n == 0 && len(aaguids) > 0 {
			c.method, c.body = http.MethodPatch, passkeyLimit(aaguids)
		}
		if _, err := t.send(ctx, c); err != nil && (c.method == http.MethodPatch || !isNotFound(err)) {
			return onStrength(err)
		}
	}
	return nil
}

// DeleteStrength deletes a custom strength. One that is gone is done. Graph refuses while a Conditional Access policy
// demands it.
func (t *Tenant) DeleteStrength(ctx context.Context, id string) error {
	path, err := strengthPath(id)
	if err != nil {
		return err
	}
	_, err = t.send(ctx, call{op: opDeleteStrength, method: http.MethodDelete, path: path, on: object{"authentication strength", id}})
	switch {
	case isNotFound(err):
		return nil
	case badRequest(err):
		if used, usageErr := t.StrengthUsage(ctx, id); usageErr == nil && len(used) > 0 {
			names := make([]string, len(used))
			for n, p := range used {
				names[n] = p.Name
			}
			return postern.Errorf(postern.CodeEntraRefused, "Entra does not delete an authentication strength that Conditional Access policies demand: %s.", strings.Join(names, ", ")).
				WithNext("Let these policies demand another strength first, or delete them.").OnField("strengths").Because(err)
		}
	}
	return onStrength(err)
}

func onStrength(err error) error { return onField(err, "strengths") }
