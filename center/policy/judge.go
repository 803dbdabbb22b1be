package policy

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/postern/postern"
	"github.com/postern/postern/center/policy/impact"
)

// judged is whom a change concerns, with what should be known of how that was found out.
type judged struct {
	impact postern.PolicyImpact
	users  []postern.UserImpact
	notes  []postern.PolicyNote
}

// judge brings the inventory up to date and works out whom a change of the tenant's policy concerns.
func (s *Service) judge(ctx context.Context, id postern.IntegrationID, graph Graph, models Models, before, after postern.TenantPolicy) (judged, error) {
	var out judged
	// What is not known is told as a gap, and stops an apply.
	if err := s.Inventory.Refresh(ctx, id); err != nil && !withheld(err) && !postern.IsCode(err, postern.CodeInventoryIncomplete) {
		return out, err
	}
	status, err := s.Inventory.Status(ctx, id)
	if err != nil {
		return out, err
	}
	m, err := membersOf(ctx, graph, before, after)
	if err != nil {
		return out, err
	}
	if out.impact, out.users, err = impact.Compare(before, after, s.Inventory.Each(ctx, id), m, models.Name); err != nil {
		return out, err
	}
	basis := &out.impact.Basis
	basis.InventoryAt, basis.Methods = status.FinishedAt, status.MethodsKnown
	basis.Complete = status.Complete && len(m.unknown) == 0
	if len(m.unknown) > 0 {
		out.notes = append(out.notes, postern.PolicyNote{
			Key: "members_unknown", Level: postern.PolicyNoteWarning,
			Message: fmt.Sprintf("The members of %s could not be read, so the impact does not count them.", names(m.unknown, before.Names, after.Names)),
			Next:    "Grant the application GroupMember.Read.All and RoleManagement.Read.Directory, or replace groups that are gone.",
		})
	}
	if !before.ConditionalAccessRead {
		out.notes = append(out.notes, postern.PolicyNote{
			Key: "access_unread", Level: postern.PolicyNoteInfo,
			Message: "The application may not read Conditional Access policies, so the impact leaves them out.",
			Next:    "Grant Policy.Read.All to have them counted.",
		})
	}
	return out, nil
}

// names joins what ids stand for, as far as is known.
func names(ids []string, known ...map[string]postern.DirectoryName) string {
	out := make([]string, len(ids))
	for n, id := range ids {
		out[n] = id
		for _, k := range known {
			if name := k[id].Name; name != "" {
				out[n] = name
			}
		}
	}
	return listed(out)
}

// shownAtMost is how many names a sentence holds.
const shownAtMost = 20

// listed joins names to a part of a sentence, and counts those beyond the first.
func listed(names []string) string {
	if len(names) > shownAtMost {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:shownAtMost], ", "), len(names)-shownAtMost)
	}
	return strings.Join(names, ", ")
}

// LocksOut reports whether a change locks a user out, or may, of everything or of something.
func LocksOut(u postern.UserImpact) bool {
	return u.Possible || slices.Contains(u.Effects, postern.EffectLockedOut) || slices.Contains(u.Effects, postern.EffectLockedOutSomewhere)
}

// unnamed lists those who are locked out and were not named as to be.
func unnamed(users []postern.UserImpact, named []string) []string {
	told := make(map[string]struct{}, len(named))
	for _, n := range named {
		told[strings.ToLower(strings.TrimSpace(n))] = struct{}{}
	}
	var out []string
	for _, u := range users {
		if !LocksOut(u) {
			continue
		}
		_, byID := told[strings.ToLower(u.ObjectID)]
		_, byName := told[strings.ToLower(u.UPN)]
		if !byID && (!byName || u.UPN == "") {
			name := u.UPN
			if name == "" {
				name = u.ObjectID
			}
			out = append(out, name)
		}
	}
	return out
}
