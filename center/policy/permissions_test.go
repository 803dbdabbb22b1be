package policy

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/postern/postern"
	"github.com/postern/postern/center/entra"
)

// granting is a tenant in which the application has some permissions.
type granting struct {
	Graph
	has []string
	err error
}

func (g granting) MissingFor(_ context.Context, needs ...entra.Need) ([]entra.Need, error) {
	return slices.DeleteFunc(slices.Clone(needs), func(n entra.Need) bool {
		return slices.ContainsFunc(n.Any, func(name string) bool { return slices.Contains(g.has, name) })
	}), g.err
}

func TestPermissionNotes(t *testing.T) {
	var before postern.TenantPolicy
	after := before
	after.Passkeys.SelfService = true
	after.ConditionalAccess = []postern.ConditionalAccessPolicy{{Name: "P"}}
	const method, access, all = "Policy.ReadWrite.AuthenticationMethod", "Policy.ReadWrite.ConditionalAccess", "Policy.Read.All"
	for name, c := range map[string]struct {
		has  []string
		err  error
		kind postern.CredentialKind
		want []string // each in message and next step of one note
		as   string
	}{
		"nothing is missing":   {has: []string{method, access, all}},
		"one of two":           {has: []string{method, access}, want: []string{all}, as: "application"},
		"two for one thing":    {has: []string{method, "Policy.Read.ConditionalAccess"}, want: []string{access + " and " + all}, as: "application"},
		"of a service account": {has: []string{access, all}, kind: postern.CredentialServiceAccount, want: []string{method}, as: "delegated"},
		"nobody can say":       {err: errors.New("offline")},
	} {
		t.Run(name, func(t *testing.T) {
			i := postern.Integration{Credential: postern.Credential{Kind: c.kind}}
			notes := permissionNotes(t.Context(), granting{has: c.has, err: c.err}, i, before, after)
			if len(notes) != len(c.want) {
				t.Fatalf("the notes are %+v", notes)
			}
			for n, note := range notes {
				if note.Key != "permission_missing" || note.Level != postern.PolicyNoteDanger ||
					!strings.Contains(note.Message, "lacks "+c.want[n]+",") || !strings.Contains(note.Next, "add "+c.want[n]+" under Microsoft Graph as "+c.as) {
					t.Errorf("%+v", note)
				}
			}
		})
	}
}
