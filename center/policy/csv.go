package policy

import (
	"context"
	"encoding/csv"
	"io"
	"strings"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit/export"
)

// ImpactCSV writes everybody whom a plan concerns as CSV (RFC 4180), the worst effects first. Lists within a field are
// joined by semicolons.
func (s *Service) ImpactCSV(ctx context.Context, id postern.PolicyPlanID, w io.Writer) error {
	if _, err := s.Store.PolicyPlan(ctx, id); err != nil {
		return err
	}
	out := csv.NewWriter(w)
	out.UseCRLF = true
	if err := out.Write([]string{
		"user_principal_name", "object_id", "display_name", "privileged", "effects", "possible", "only_method", "other_methods", "applications", "passkeys_lost", "passkeys_kept", "why",
	}); err != nil {
		return err
	}
	for u, err := range s.Store.EachPolicyImpact(ctx, id) {
		if err != nil {
			return err
		}
		var lost, kept, why []string
		for _, k := range u.Passkeys {
			switch {
			case k.After:
				kept = append(kept, k.Model)
			case k.Before:
				lost = append(lost, k.Model)
				why = append(why, k.Why)
			}
		}
		effects := make([]string, len(u.Effects))
		for n, e := range u.Effects {
			effects[n] = string(e)
		}
		if err := out.Write([]string{
			export.Harmless(u.UPN), u.ObjectID, export.Harmless(u.DisplayName), yes(u.Privileged), joined(effects), yes(u.Possible), string(u.OnlyMethod), joined(u.Methods),
			joined(u.Applications), joined(lost), joined(kept), joined(why),
		}); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func joined(list []string) string { return export.Harmless(strings.Join(list, "; ")) }
