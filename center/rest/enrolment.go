package rest

import (
	"context"
	"net/http"

	"github.com/postern/postern"
	"github.com/postern/postern/center/auth"
)

const tagEnrolment = "Enrolment"

// Enrolment is what the API needs of package enrolment.
type Enrolment interface {
	Policy(ctx context.Context, id postern.IntegrationID) (postern.EnrolmentPolicy, error)
	SetPolicy(ctx context.Context, id postern.IntegrationID, in postern.EnrolmentPolicyInput) (postern.EnrolmentPolicy, error)
	Impact(ctx context.Context, id postern.IntegrationID, p postern.EnrolmentPolicy) (postern.EnrolmentImpact, error)
	Groups(ctx context.Context, id postern.IntegrationID, query string, limit int) ([]postern.GroupChoice, error)
	Approvals(ctx context.Context, id postern.IntegrationID) ([]postern.AwaitedApproval, error)
	Approval(ctx context.Context, phone postern.PhoneID) (postern.AwaitedApproval, error)
	Approve(ctx context.Context, phone postern.PhoneID, in postern.ApprovalInput) (postern.AwaitedApproval, error)
	Reject(ctx context.Context, phone postern.PhoneID, in postern.ApprovalInput) (postern.Phone, error)
	SignIn(ctx context.Context, phone postern.Phone, language string) (postern.SignInStart, error)
	SignInOffer(ctx context.Context, id postern.IntegrationID) (postern.SignInOffer, error)
	BeginEnrolment(ctx context.Context, in postern.SignInInput) (postern.SignInStart, error)
}

func (a *API) enrolmentRoutes() {
	s := a.services.Enrolment
	const path = postern.APIPath + "/integrations/{id}/enrolment"
	add(a, route{
		method: http.MethodGet, path: path, id: "get-enrolment-policy", tag: tagEnrolment,
		summary: "Look at who may or must enrol", needs: postern.PermIntegrationsRead,
	}, func(ctx context.Context, in *IntegrationPath) (*object[postern.EnrolmentPolicy], error) {
		return answer(s.Policy(ctx, in.ID))
	})
	add(a, route{
		method: http.MethodPut, path: path, id: "set-enrolment-policy", tag: tagEnrolment,
		summary: "Say who may or must enrol", needs: postern.PermIntegrationsWrite, takes: entraTime,
		notes: "Send the version you saw, 0 for the first. A policy under which people would have to enrol and nobody could is refused; so is one that names people who cannot, " +
			"unless acknowledged_hit is their number.",
		codes: with(entraCodes, postern.CodeStale, postern.CodeEnrolmentHits, postern.CodeEnrolmentImpossible),
	}, func(ctx context.Context, in *struct {
		IntegrationPath
		Body postern.EnrolmentPolicyInput
	},
	) (*object[postern.EnrolmentPolicy], error) {
		return answer(s.SetPolicy(ctx, in.ID, in.Body))
	})
	add(a, route{
		method: http.MethodPost, path: path + "/impact", id: "assess-enrolment-policy", tag: tagEnrolment,
		summary: "Find out what a policy would mean", needs: postern.PermIntegrationsRead, takes: entraTime,
		notes: "Reads the members of the groups and counts who could be offered a passkey, and who could not and why. Nothing is stored.",
		codes: entraCodes,
	}, func(ctx context.Context, in *struct {
		IntegrationPath
		Body postern.EnrolmentPolicy
	},
	) (*object[postern.EnrolmentImpact], error) {
		return answer(s.Impact(ctx, in.ID, in.Body))
	})
	add(a, route{
		method: http.MethodGet, path: postern.APIPath + "/integrations/{id}/groups", id: "search-groups", tag: tagEnrolment,
		summary: "Find groups of the tenant", needs: postern.PermIntegrationsRead, takes: entraTime, codes: entraCodes,
	}, func(ctx context.Context, in *struct {
		IntegrationPath
		Query string `query:"query" maxLength:"200" doc:"Beginning of the name."`
		Limit int    `query:"limit" minimum:"1" maximum:"100" default:"25"`
	},
	) (*list[postern.GroupChoice], error) {
		return answerList(s.Groups(ctx, in.ID, in.Query, in.Limit))
	})
	a.approvalRoutes(s)
}

func (a *API) approvalRoutes(s Enrolment) {
	add(a, route{
		method: http.MethodGet, path: postern.APIPath + "/integrations/{id}/approvals", id: "list-approvals", tag: tagEnrolment,
		summary: "List phones that wait for approval", needs: postern.PermUsersRead,
	}, func(ctx context.Context, in *IntegrationPath) (*list[postern.AwaitedApproval], error) {
		return answerList(s.Approvals(ctx, in.ID))
	})
	add(a, route{
		method: http.MethodGet, path: postern.APIPath + "/phones/{id}/approval", id: "get-approval", tag: tagEnrolment,
		summary: "Look at what proves who holds a phone", needs: postern.PermUsersRead,
	}, func(ctx context.Context, in *PhonePath) (*object[postern.AwaitedApproval], error) {
		return answer(s.Approval(ctx, in.ID))
	})
	type decision struct {
		PhonePath
		Body postern.ApprovalInput
	}
	add(a, route{
		method: http.MethodPost, path: postern.APIPath + "/phones/{id}/approve", id: "approve-phone", tag: tagEnrolment,
		summary: "Vouch for the user of a phone", needs: postern.PermUsersApprove,
		notes: "Compare the fingerprint with the one in the app first, by telephone. One administrator counts once for a phone, by session or token; for privileged users two are needed. " +
			"What waited goes on by itself when nothing is missing.",
		codes: []postern.Code{postern.CodeApprovalRepeated, postern.CodePhoneRevoked},
	}, func(ctx context.Context, in *decision) (*object[postern.AwaitedApproval], error) {
		return answer(s.Approve(ctx, in.ID, in.Body))
	})
	add(a, route{
		method: http.MethodPost, path: postern.APIPath + "/phones/{id}/reject", id: "reject-phone", tag: tagEnrolment,
		summary: "Refuse to vouch for the user of a phone", needs: postern.PermUsersApprove,
		notes: "The phone is revoked.", codes: []postern.Code{postern.CodePhoneRevoked},
	}, func(ctx context.Context, in *decision) (*object[postern.Phone], error) {
		return answer(s.Reject(ctx, in.ID, in.Body))
	})
}

// ownProofRoutes are how a phone proves who holds it.
func (a *API) ownProofRoutes() {
	add(a, route{
		method: http.MethodPost, path: postern.PhoneAPIPath + "/proofs/sign-in", id: "begin-own-sign-in", tag: tagOwnPhone, access: phone, takes: entraTime,
		summary: "Begin a sign-in at Entra", notes: "Open the address in a browser, and show the number: the page after the sign-in asks for it. It works once, for ten minutes, and for this phone's user alone; what comes of it the phone's enrolment says.",
		codes: with(phoneCodes, postern.CodeSignInRefused, postern.CodeEntraUnreachable),
	}, func(ctx context.Context, in *struct {
		Language string `query:"language" maxLength:"10" doc:"Of Entra's page, such as de."`
	},
	) (*object[postern.SignInStart], error) {
		return answer(a.services.Enrolment.SignIn(ctx, phoneFrom(ctx), in.Language))
	})
	add(a, route{
		method: http.MethodGet, path: postern.PhoneAPIPath + "/enrolments/sign-in", id: "get-sign-in-offer", tag: tagOwnPhone, access: open,
		summary: "Whether a phone may be enrolled with a sign-in at Entra", notes: "At the integration, or where none is named, at the only one that allows it.",
		codes: []postern.Code{postern.CodeEnrolmentOff},
	}, func(ctx context.Context, in *struct {
		Integration postern.IntegrationID `query:"integration" maxLength:"64"`
	},
	) (*object[postern.SignInOffer], error) {
		return answer(a.services.Enrolment.SignInOffer(ctx, in.Integration))
	})
	add(a, route{
		method: http.MethodPost, path: postern.PhoneAPIPath + "/enrolments/sign-in", id: "begin-sign-in-enrolment", tag: tagOwnPhone, access: open, takes: entraTime,
		summary: "Begin a sign-in at Entra that enrols a phone", notes: "Open the address, show the number, and enrol with the ticket, which is refused with sign_in_pending until the number was typed.",
		codes: []postern.Code{postern.CodeEnrolmentOff, postern.CodeSignInRefused, postern.CodeEntraUnreachable},
	}, func(ctx context.Context, in *struct{ Body postern.SignInInput }) (*object[postern.SignInStart], error) {
		// Each costs a row, and nobody has proved anything yet.
		from := auth.AddrKey(postern.ActorFrom(ctx).Addr)
		if after := a.enrolments.Take(from); after > 0 {
			return nil, tooMany(after)
		}
		return answer(a.services.Enrolment.BeginEnrolment(ctx, in.Body))
	})
}
