package rest

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/auth"
)

const tagOwnPhone = "Phone's own API"

// maxPolls is how many long polls one phone may hold open at once: one for offers, one for a provisioning, and the
// same again of a connection that died without saying so.
const maxPolls = 4

// phoneCodes are what any signed request may be refused with.
var phoneCodes = []postern.Code{
	postern.CodePhoneUnknown, postern.CodePhoneRevoked, postern.CodePhoneProof, postern.CodePhoneClock, postern.CodePhoneReplay,
}

type phoneKey struct{}

func phoneFrom(ctx context.Context) postern.Phone {
	p, _ := ctx.Value(phoneKey{}).(postern.Phone)
	return p
}

// enterPhone verifies the signature of a phone over the request, as it was sent.
func (a *API) enterPhone(req *http.Request) (ctx context.Context, done func(), err error) {
	ctx, done = req.Context(), func() {}
	signed, ok := signedRequest(req, postern.PhoneAuthScheme)
	if !ok {
		return ctx, done, postern.Errorf(postern.CodePhoneProof, "The request carries no signature of a phone.")
	}
	p, err := a.services.Phones.Authenticate(ctx, signed)
	if err != nil {
		return ctx, done, err
	}
	noteActor(ctx, string(p.ID))
	ctx = postern.WithActor(ctx, postern.Actor{Kind: postern.ActorPhone, ID: string(p.ID), Name: p.Name, Addr: postern.ActorFrom(ctx).Addr})
	ctx = context.WithValue(ctx, phoneKey{}, p)
	if wait := a.phones.Take(string(p.ID)); wait > 0 {
		return ctx, done, tooMany(wait)
	}
	if req.URL.Query().Has("wait") {
		if !a.polls.begin(p.ID) {
			return ctx, done, tooMany(time.Second)
		}
		done = func() { a.polls.end(p.ID) }
	}
	return ctx, done, nil
}

// polls counts the long polls that each phone holds open.
type polls struct {
	mu   sync.Mutex
	open map[postern.PhoneID]int
}

func newPolls() *polls { return &polls{open: make(map[postern.PhoneID]int)} }

func (p *polls) begin(id postern.PhoneID) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open[id] >= maxPolls {
		return false
	}
	p.open[id]++
	return true
}

func (p *polls) end(id postern.PhoneID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open[id]--; p.open[id] <= 0 {
		delete(p.open, id)
	}
}

// Wait is the parameter of long polls. More than the most is the most.
type Wait struct {
	Seconds int `query:"wait" minimum:"0" maximum:"3600" doc:"How many seconds to wait for news; at most 25."`
}

func (w Wait) duration() time.Duration {
	return min(time.Duration(w.Seconds)*time.Second, postern.PhoneWaitMax)
}

// ownPhoneRoutes are the page docs/phone-api.md.
func (a *API) ownPhoneRoutes() {
	s := a.services.Passkeys
	add(a, route{
		method: http.MethodPost, path: postern.PhoneAPIPath + "/enrolments", id: "enrol-phone", tag: tagOwnPhone, access: open, status: http.StatusCreated,
		summary: "Enrol a phone", notes: "With the one-time code of an invitation or the ticket of a sign-in at Entra, and a proof that the phone holds its identity key.",
		codes: []postern.Code{
			postern.CodeInvitationInvalid, postern.CodeInvitationUsed, postern.CodeInvitationExpired, postern.CodePhoneProof, postern.CodePhoneAssurance,
			postern.CodeIntegrationDisabled, postern.CodeFlagOff, postern.CodeDomainRefused, postern.CodeSignInPending, postern.CodeSignInExpired,
			postern.CodeUserSuspended, postern.CodeUserRevoked, postern.CodeEnrolmentOff,
		},
	}, func(ctx context.Context, in *struct{ Body postern.PhoneEnrolment }) (*object[postern.PhoneSelf], error) {
		// Only what fails counts: a whole office enrols from one address on one morning.
		from := auth.AddrKey(postern.ActorFrom(ctx).Addr)
		if after := a.enrolments.Wait(from); after > 0 {
			return nil, tooMany(after)
		}
		p, err := a.services.Phones.Enrol(ctx, in.Body)
		if err != nil {
			if !postern.IsCode(err, postern.CodeSignInPending) { // which is asked again and again
				a.enrolments.Take(from)
			}
			return nil, err
		}
		return answer(s.Self(ctx, p))
	})
	add(a, route{
		method: http.MethodGet, path: postern.PhoneAPIPath + "/self", id: "get-own-phone", tag: tagOwnPhone, access: phone,
		summary: "What a phone may know of itself", codes: phoneCodes,
	}, func(ctx context.Context, _ *struct{}) (*object[postern.PhoneSelf], error) {
		return answer(s.Self(ctx, phoneFrom(ctx)))
	})
	add(a, route{
		method: http.MethodDelete, path: postern.PhoneAPIPath + "/self", id: "revoke-own-phone", tag: tagOwnPhone, access: phone, status: http.StatusAccepted,
		summary: "Revoke this phone and its passkeys", codes: phoneCodes,
	}, func(ctx context.Context, _ *struct{}) (*object[postern.Phone], error) {
		return answer(s.RevokePhone(ctx, phoneFrom(ctx).ID))
	})
	add(a, route{
		method: http.MethodDelete, path: postern.PhoneAPIPath + "/passkeys/{id}", id: "revoke-own-passkey", tag: tagOwnPhone, access: phone, status: http.StatusAccepted,
		summary: "Revoke a passkey of this phone", codes: phoneCodes,
	}, func(ctx context.Context, in *PasskeyPath) (*object[postern.Passkey], error) {
		self, err := s.Self(ctx, phoneFrom(ctx))
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(self.Passkeys, func(k postern.Passkey) bool { return k.ID == in.ID && k.PhoneID == self.Phone.ID }) {
			return nil, postern.Errorf(postern.CodeNotFound, "This phone has no such passkey.")
		}
		return answer(s.RevokePasskey(ctx, in.ID))
	})
	a.ownProvisionings(s)
}

// ownProvisionings are the steps of a provisioning on the phone.
func (a *API) ownProvisionings(s Passkeys) {
	const path = postern.PhoneAPIPath + "/provisionings"
	add(a, route{
		method: http.MethodPost, path: path, id: "begin-own-provisioning", tag: tagOwnPhone, access: phone, status: http.StatusCreated, again: true,
		summary: "Ask for a passkey", notes: "Answers 201, or 200 with the provisioning that is already under way.",
		codes: with(phoneCodes, postern.CodeIntegrationDisabled, postern.CodeFlagOff, postern.CodePhoneAssurance, postern.CodePrivilegedUser, postern.CodeEnrolmentOff),
	}, func(ctx context.Context, _ *struct{}) (*begun[postern.PhoneProvisioning], error) {
		p := phoneFrom(ctx)
		record, created, err := s.BeginOwn(ctx, p)
		if err != nil {
			return nil, err
		}
		own, err := s.ForPhone(ctx, p, record.ID)
		return &begun[postern.PhoneProvisioning]{begunStatus(created), own}, err
	})
	add(a, route{
		method: http.MethodGet, path: path, id: "list-own-provisionings", tag: tagOwnPhone, access: phone, takes: postern.PhoneWaitMax + quickTime,
		summary: "Provisionings under way", notes: "With wait, answers when one is offered, or when the time is over.", codes: phoneCodes,
	}, func(ctx context.Context, in *Wait) (*object[[]postern.PhoneProvisioning], error) {
		all, err := s.WaitOffered(ctx, phoneFrom(ctx), in.duration())
		if all == nil {
			all = []postern.PhoneProvisioning{}
		}
		return answer(all, err)
	})
	add(a, route{
		method: http.MethodGet, path: path + "/{id}", id: "get-own-provisioning", tag: tagOwnPhone, access: phone, takes: postern.PhoneWaitMax + quickTime,
		summary: "Look at a provisioning", notes: "With wait, answers when its version is above the one given, or when the time is over.", codes: phoneCodes,
	}, func(ctx context.Context, in *struct {
		ProvisioningPath
		Wait
		Version int64 `query:"version" minimum:"0" doc:"The version the phone knows."`
	},
	) (*object[postern.PhoneProvisioning], error) {
		return answer(s.WaitChange(ctx, phoneFrom(ctx), in.ID, in.Version, in.duration()))
	})
	add(a, route{
		method: http.MethodPost, path: path + "/{id}/attestation", id: "certify-attestation-key", tag: tagOwnPhone, access: phone,
		summary: "Have the attestation key of a new credential certified", codes: with(phoneCodes, postern.CodeProvisioningState, postern.CodeCredentialRefused),
	}, func(ctx context.Context, in *struct {
		ProvisioningPath
		Body postern.AttestationRequest
	},
	) (*object[postern.AttestationLeaf], error) {
		return answer(s.Attest(ctx, phoneFrom(ctx), in.ID, in.Body))
	})
	add(a, route{
		method: http.MethodPost, path: path + "/{id}/credential", id: "submit-credential", tag: tagOwnPhone, access: phone, status: http.StatusAccepted,
		summary: "Hand in the credential the phone made", notes: "The same submission again is answered the same.",
		codes: with(phoneCodes, postern.CodeProvisioningState, postern.CodeChallengeExpired, postern.CodeCredentialRefused, postern.CodeIntegrationDisabled),
	}, func(ctx context.Context, in *struct {
		ProvisioningPath
		Body postern.CredentialSubmission
	},
	) (*object[postern.PhoneProvisioning], error) {
		return answer(s.Submit(ctx, phoneFrom(ctx), in.ID, in.Body))
	})
	add(a, route{
		method: http.MethodPost, path: path + "/{id}/decline", id: "decline-provisioning", tag: tagOwnPhone, access: phone,
		summary: "Say no", codes: with(phoneCodes, postern.CodeProvisioningState, postern.CodeEnrolmentMandatory),
	}, func(ctx context.Context, in *struct {
		ProvisioningPath
		Body postern.DeclineInput
	},
	) (*object[postern.PhoneProvisioning], error) {
		return answer(s.Decline(ctx, phoneFrom(ctx), in.ID, in.Body.Reason))
	})
}
