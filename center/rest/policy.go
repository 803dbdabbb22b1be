package rest

import (
	"context"
	"io"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/postern/postern"
)

const tagPolicy = "Policy"

// Policies is what the API needs of package policy.
type Policies interface {
	Tenant(ctx context.Context, id postern.IntegrationID) (postern.TenantPolicy, []postern.PolicyNote, error)
	Export(ctx context.Context, id postern.IntegrationID) (string, error)
	Strengths(ctx context.Context, id postern.IntegrationID) ([]postern.StrengthUse, error)
	Plan(ctx context.Context, id postern.IntegrationID, in postern.PolicyPlanInput) (postern.PolicyPlan, error)
	PlanOf(ctx context.Context, id postern.PolicyPlanID) (postern.PolicyPlan, error)
	Plans(ctx context.Context, id postern.IntegrationID, limit int) ([]postern.PolicyPlan, error)
	Impact(ctx context.Context, id postern.PolicyPlanID, q postern.ImpactQuery) ([]postern.UserImpact, int, error)
	ImpactCSV(ctx context.Context, id postern.PolicyPlanID, w io.Writer) error
	Apply(ctx context.Context, id postern.PolicyPlanID, in postern.PolicyApplyInput) (postern.PolicyPlan, error)
	Undo(ctx context.Context, id postern.PolicyPlanID, note string) (postern.PolicyPlan, error)
	Drift(ctx context.Context, id postern.IntegrationID) (postern.PolicyDrift, error)
	SetDrift(ctx context.Context, id postern.IntegrationID, in postern.PolicyDriftInput) (postern.PolicyDrift, error)
	CheckDrift(ctx context.Context, id postern.IntegrationID) (postern.PolicyDrift, error)
	Accept(ctx context.Context, id postern.IntegrationID, note string) (postern.PolicyDrift, error)
	PlanBack(ctx context.Context, id postern.IntegrationID, note string) (postern.PolicyPlan, error)
}

// PolicyPlanPath is the path parameter of everything about one plan.
type PolicyPlanPath struct {
	ID postern.PolicyPlanID `path:"id" doc:"Identifier of the plan." example:"pol_01jd…"`
}

type versionedPolicyPlan struct {
	ETag string `header:"ETag"`
	Body postern.PolicyPlan
}

func answerPolicyPlan(p postern.PolicyPlan, err error) (*versionedPolicyPlan, error) {
	return &versionedPolicyPlan{etag(p.Version), p}, err
}

// bringsPolicy reports whether a request may carry a policy document, or the names of many users.
func bringsPolicy(r *http.Request) bool {
	path, ok := strings.CutPrefix(r.URL.Path, postern.APIPath)
	return ok && r.Method == http.MethodPost && (r.Header.Get("Authorization") != "" || r.Header.Get("Cookie") != "") &&
		(strings.HasPrefix(path, "/policy-plans/") && strings.HasSuffix(path, "/apply") ||
			strings.HasPrefix(path, "/integrations/") && strings.HasSuffix(path, "/policy/plans"))
}

// documentCodes are what may be wrong with a document.
var documentCodes = []postern.Code{postern.CodePolicyDocument, postern.CodePolicyLimit, postern.CodePolicyTarget}

func (a *API) policyRoutes() {
	s := a.services.Policies
	const path = postern.APIPath + "/integrations/{id}/policy"
	add(a, route{
		method: http.MethodGet, path: path, id: "get-policy", tag: tagPolicy, takes: entraTime, codes: entraCodes,
		summary: "Read the passkey policy of the tenant", needs: postern.PermPolicyRead,
		notes: "As Entra tells it now: the passkey method, authentication strengths, and Conditional Access policies, as far as the application may read them, with what people should know of it.",
	}, func(ctx context.Context, in *IntegrationPath) (*object[postern.PolicyReading], error) {
		p, notes, err := s.Tenant(ctx, in.ID)
		if notes == nil {
			notes = []postern.PolicyNote{}
		}
		return answer(postern.PolicyReading{Policy: p, Notes: notes}, err)
	})
	add(a, route{
		method: http.MethodGet, path: path + "/document", id: "export-policy", tag: tagPolicy, takes: entraTime, codes: entraCodes,
		summary: "Write the tenant's policy as a document", needs: postern.PermPolicyRead,
		notes: "YAML. Planned against the same tenant it changes nothing.",
	}, func(ctx context.Context, in *IntegrationPath) (*object[postern.PolicyDocument], error) {
		text, err := s.Export(ctx, in.ID)
		return answer(postern.PolicyDocument{Document: text}, err)
	})
	add(a, route{
		method: http.MethodGet, path: path + "/strengths", id: "list-strengths", tag: tagPolicy, takes: entraTime, codes: with(entraCodes, postern.CodeEntraLicence),
		summary: "List authentication strengths, and who demands them", needs: postern.PermPolicyRead,
	}, func(ctx context.Context, in *IntegrationPath) (*list[postern.StrengthUse], error) {
		return answerList(s.Strengths(ctx, in.ID))
	})
	a.planRoutes()
	a.driftRoutes()
}

func (a *API) planRoutes() {
	s := a.services.Policies
	const (
		of   = postern.APIPath + "/integrations/{id}/policy/plans"
		path = postern.APIPath + "/policy-plans/{id}"
	)
	add(a, route{
		method: http.MethodPost, path: of, id: "plan-policy", tag: tagPolicy, status: http.StatusCreated, takes: entraTime, codes: with(documentCodes, entraCodes...),
		summary: "Plan what a document would change", needs: postern.PermPolicyWrite,
		notes: "Nothing is written at Entra. The steps are there at once; whom they concern is worked out in the background, and the plan is `planning` until then: watch it with get-policy-plan. A plan without steps says that the tenant is as the document says.",
	}, func(ctx context.Context, in *struct {
		IntegrationPath
		Body postern.PolicyPlanInput
	},
	) (*versionedPolicyPlan, error) {
		return answerPolicyPlan(s.Plan(ctx, in.ID, in.Body))
	})
	add(a, route{
		method: http.MethodGet, path: of, id: "list-policy-plans", tag: tagPolicy,
		summary: "List the newest plans", needs: postern.PermPolicyRead,
		notes: "Newest first, without the policies before and after. Plans that were applied are kept; of the others the newest 50.",
	}, func(ctx context.Context, in *struct {
		IntegrationPath
		Limit int `query:"limit" minimum:"1" maximum:"200" default:"50"`
	},
	) (*list[postern.PolicyPlan], error) {
		return answerList(s.Plans(ctx, in.ID, in.Limit))
	})
	add(a, route{
		method: http.MethodGet, path: path, id: "get-policy-plan", tag: tagPolicy,
		summary: "Look at a plan", needs: postern.PermPolicyRead,
	}, func(ctx context.Context, in *PolicyPlanPath) (*versionedPolicyPlan, error) {
		return answerPolicyPlan(s.PlanOf(ctx, in.ID))
	})
	add(a, route{
		method: http.MethodGet, path: path + "/impact", id: "list-policy-impact", tag: tagPolicy,
		summary: "List whom a plan concerns", needs: postern.PermUsersRead,
		notes: "The worst effects first.",
	}, func(ctx context.Context, in *struct {
		PolicyPlanPath
		Effect     string `query:"effect" enum:"locked_out,locked_out_somewhere,passkey_lost,registration_lost,postern_lost,strength_unmet,sign_in_gained,registration_gained" doc:"Only users with this effect."`
		Privileged bool   `query:"privileged" doc:"Only privileged users."`
		OnlyMethod bool   `query:"only_method" doc:"Only users who have no other method registered."`
		Page       int    `query:"page" minimum:"0" maximum:"10000000" doc:"The member next of the page before."`
		Limit      int    `query:"limit" minimum:"1" maximum:"500" default:"100"`
	},
	) (*object[postern.InventoryPage[postern.UserImpact]], error) {
		found, total, err := s.Impact(ctx, in.ID, postern.ImpactQuery{
			Effect: postern.PolicyEffect(in.Effect), Privileged: in.Privileged, OnlyMethod: in.OnlyMethod, Offset: in.Page, Limit: in.Limit,
		})
		return answerCounted(InventoryFilter{Page: in.Page}, found, total, err)
	})
	add(a, route{
		method: http.MethodGet, path: path + "/impact/export", id: "export-policy-impact", tag: tagPolicy, produces: csvType, takes: longTime,
		summary: "Export whom a plan concerns as CSV", needs: postern.PermUsersRead,
		notes: "The worst effects first. An export that fails midway breaks the connection off.",
	}, func(ctx context.Context, in *PolicyPlanPath) (*huma.StreamResponse, error) {
		if _, err := s.PlanOf(ctx, in.ID); err != nil {
			return nil, err
		}
		return &huma.StreamResponse{Body: func(hc huma.Context) {
			_, w := humago.Unwrap(hc)
			hc.SetHeader("Content-Type", csvType+"; charset=utf-8")
			hc.SetHeader("Content-Disposition", `attachment; filename="postern-impact.csv"`)
			hc.SetStatus(http.StatusOK)
			if err := s.ImpactCSV(hc.Context(), in.ID, w); err != nil {
				logger(hc.Context()).ErrorContext(hc.Context(), "an export of an impact broke off", "plan", in.ID, "error", err)
				panic(http.ErrAbortHandler)
			}
		}}, nil
	})
	add(a, route{
		method: http.MethodPost, path: path + "/apply", id: "apply-policy-plan", tag: tagPolicy, status: http.StatusAccepted, takes: entraTime,
		summary: "Apply a plan", needs: postern.PermPolicyWrite,
		notes: "Refused while another plan is being applied in the tenant, if somebody else changed the policy since, if somebody would be locked out who is not named in lock_out, and if the inventory has gaps, unless unknown accepts that. " +
			"The writing goes on in the background: watch the plan until it is `landed`, `partly` or `failed`. In a tenant so large that the check takes long, it may go back to `planned` with a code.",
		codes: with(entraCodes, postern.CodeStale, postern.CodePolicyBusy, postern.CodePolicyChanged, postern.CodePolicyLockOut, postern.CodePolicyNothing, postern.CodeInventoryIncomplete, postern.CodeConflict),
	}, func(ctx context.Context, in *struct {
		PolicyPlanPath
		Versioned
		Body postern.PolicyApplyInput
	},
	) (*versionedPolicyPlan, error) {
		var err error
		if in.Body.Version, err = in.version(in.Body.Version); err != nil {
			return nil, err
		}
		return answerPolicyPlan(s.Apply(ctx, in.ID, in.Body))
	})
	add(a, route{
		method: http.MethodPost, path: path + "/undo", id: "undo-policy-plan", tag: tagPolicy, status: http.StatusCreated, takes: entraTime,
		summary: "Plan to take back what a plan changed", needs: postern.PermPolicyWrite,
		notes: "The answer is a new plan, to be looked at and applied like any other.",
		codes: with(entraCodes, postern.CodePolicyNothing, postern.CodeConflict),
	}, func(ctx context.Context, in *struct {
		PolicyPlanPath
		Body postern.PolicyNoteInput
	},
	) (*versionedPolicyPlan, error) {
		return answerPolicyPlan(s.Undo(ctx, in.ID, in.Body.Note))
	})
}

func (a *API) driftRoutes() {
	s := a.services.Policies
	const path = postern.APIPath + "/integrations/{id}/policy/drift"
	add(a, route{
		method: http.MethodGet, path: path, id: "get-policy-drift", tag: tagPolicy,
		summary: "See what others changed in the policy", needs: postern.PermPolicyRead,
		notes: "As found at the last look. A tenant is watched once a plan was applied or its policy was accepted, while the integration is enabled.",
	}, func(ctx context.Context, in *IntegrationPath) (*object[postern.PolicyDrift], error) {
		return answer(s.Drift(ctx, in.ID))
	})
	add(a, route{
		method: http.MethodPut, path: path, id: "set-policy-drift", tag: tagPolicy,
		summary: "Say how often the policy is looked at", needs: postern.PermPolicyWrite, codes: []postern.Code{postern.CodeStale},
		notes: "The version is that of the drift; 0 while the interval was never changed.",
	}, func(ctx context.Context, in *struct {
		IntegrationPath
		Body postern.PolicyDriftInput
	},
	) (*object[postern.PolicyDrift], error) {
		return answer(s.SetDrift(ctx, in.ID, in.Body))
	})
	add(a, route{
		method: http.MethodPost, path: path + "/check", id: "check-policy-drift", tag: tagPolicy, takes: entraTime, codes: entraCodes,
		summary: "Look now whether others changed the policy", needs: postern.PermPolicyRead,
		notes: "Whom a change concerns is worked out in the background.",
	}, func(ctx context.Context, in *IntegrationPath) (*object[postern.PolicyDrift], error) {
		return answer(s.CheckDrift(ctx, in.ID))
	})
	add(a, route{
		method: http.MethodPost, path: path + "/accept", id: "accept-policy-drift", tag: tagPolicy, takes: entraTime, codes: with(entraCodes, postern.CodePolicyBusy),
		summary: "Accept the policy as it is", needs: postern.PermPolicyWrite,
		notes: "From then on a change is told against what is there now.",
	}, func(ctx context.Context, in *struct {
		IntegrationPath
		Body postern.PolicyNoteInput
	},
	) (*object[postern.PolicyDrift], error) {
		return answer(s.Accept(ctx, in.ID, in.Body.Note))
	})
	add(a, route{
		method: http.MethodPost, path: path + "/plan", id: "plan-policy-back", tag: tagPolicy, status: http.StatusCreated, takes: entraTime,
		summary: "Plan to take back what others changed", needs: postern.PermPolicyWrite, codes: with(entraCodes, postern.CodePolicyNothing, postern.CodeConflict),
		notes: "The answer is a new plan, to be looked at and applied like any other.",
	}, func(ctx context.Context, in *struct {
		IntegrationPath
		Body postern.PolicyNoteInput
	},
	) (*versionedPolicyPlan, error) {
		return answerPolicyPlan(s.PlanBack(ctx, in.ID, in.Body.Note))
	})
}
