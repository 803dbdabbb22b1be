package policy

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/postern/postern"
	"github.com/postern/postern/center/entra"
)

// permissionNotes names the permissions that a plan's writes will need and the application lacks, so that nobody learns of
// them when half of the plan is written. A token that does not tell what it grants is no reason to say anything.
func permissionNotes(ctx context.Context, graph Graph, i postern.Integration, before, after postern.TenantPolicy) []postern.PolicyNote {
	missing, err := graph.MissingFor(ctx, entra.PolicyNeeds(before, after)...)
	if err != nil {
		return nil
	}
	kind := "application"
	if i.Credential.Kind == postern.CredentialServiceAccount {
		kind = "delegated"
	}
	var names []string // in one order for what they are for
	by := make(map[string][]string)
	for _, n := range missing {
		if _, ok := by[n.For]; !ok {
			names = append(names, n.For)
		}
		if !slices.Contains(by[n.For], n.Any[0]) {
			by[n.For] = append(by[n.For], n.Any[0])
		}
	}
	var notes []postern.PolicyNote
	for _, what := range names {
		lacks := strings.Join(by[what], " and ")
		notes = append(notes, postern.PolicyNote{
			Key: "permission_missing", Level: postern.PolicyNoteDanger,
			Message: fmt.Sprintf("The application lacks %s, which is needed to %s. Without it the plan can be applied in part only, or not at all.", lacks, what),
			Next: fmt.Sprintf("In the Microsoft Entra admin center open the app registration's API permissions, add %s under Microsoft Graph as %s permissions, and choose Grant admin consent. It can take some minutes to take effect.",
				lacks, kind),
		})
	}
	return notes
}
