package rest

import (
	"context"
	"net/http"
	"strings"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/auth"
	"github.com/postern/postern/center/device"
)

const tagOwnWorkstation = "Workstation's own API"

// workstationCodes are what any signed request of a workstation may be refused with.
var workstationCodes = []postern.Code{
	postern.CodeWorkstationUnknown, postern.CodeWorkstationRevoked, postern.CodeWorkstationProof, postern.CodeWorkstationClock,
	postern.CodeWorkstationReplay,
}

type workstationKey struct{}

func workstationFrom(ctx context.Context) postern.Workstation {
	w, _ := ctx.Value(workstationKey{}).(postern.Workstation)
	return w
}

// enterWorkstation verifies the signature of a workstation over the request, as it was sent.
func (a *API) enterWorkstation(req *http.Request) (context.Context, error) {
	ctx := req.Context()
	signed, ok := signedRequest(req, postern.WorkstationAuthScheme)
	if !ok {
		return ctx, postern.Errorf(postern.CodeWorkstationProof, "The request carries no signature of a workstation.")
	}
	w, err := a.services.Phones.AuthenticateWorkstation(ctx, signed)
	if err != nil {
		return ctx, err
	}
	noteActor(ctx, string(w.ID))
	ctx = postern.WithActor(ctx, postern.Actor{Kind: postern.ActorWorkstation, ID: string(w.ID), Name: w.Name, Addr: postern.ActorFrom(ctx).Addr})
	ctx = context.WithValue(ctx, workstationKey{}, w)
	if wait := a.workstations.Take(string(w.ID)); wait > 0 {
		return ctx, tooMany(wait)
	}
	return ctx, nil
}

// installCodes are what an install token may be refused with.
var installCodes = []postern.Code{
	postern.CodeInstallToken, postern.CodeInstallExpired, postern.CodeInstallRevoked, postern.CodeInstallUsedUp, postern.CodeInstallNeeded,
}

// enrolWorkstation enrols a workstation at the rate that its address may. Without an install token what succeeds counts
// too: it needs no secret, and leaves a record behind. With one, a thousand machines of an office may come from one address
// in a morning, and only guesses count.
func (a *API) enrolWorkstation(ctx context.Context, in postern.WorkstationEnrolment) (w postern.Workstation, created bool, err error) {
	from := auth.AddrKey(postern.ActorFrom(ctx).Addr)
	if in.InstallToken != "" {
		if wait := a.installs.Wait(from); wait > 0 {
			return w, false, tooMany(wait)
		}
		w, created, err = a.services.Phones.EnrolWorkstation(ctx, in)
		if postern.IsCode(err, postern.CodeInstallToken) || postern.IsCode(err, postern.CodeWorkstationProof) {
			a.installs.Take(from)
		}
		a.noteRefusal(ctx, audit.InstallTokenRefused, installCodes, err)
		return w, created, err
	}
	if wait := max(a.arrivals.Take(from), a.newcomers.Wait(from)); wait > 0 {
		return w, false, tooMany(wait)
	}
	if w, created, err = a.services.Phones.EnrolWorkstation(ctx, in); created {
		a.newcomers.Take(from)
	}
	return w, created, err
}

// signedRequest is a request as a device signed it, and whether it carries a signature of the scheme.
func signedRequest(req *http.Request, scheme string) (device.SignedRequest, bool) {
	found, proof, _ := strings.Cut(req.Header.Get("Authorization"), " ")
	path := req.RequestURI
	if !strings.HasPrefix(path, "/") {
		path = req.URL.RequestURI()
	}
	return device.SignedRequest{
		Proof: strings.TrimSpace(proof), Method: req.Method, Path: path, Body: bodyOf(req.Context()),
	}, strings.EqualFold(found, scheme)
}

// ownWorkstationRoutes are what workstations do themselves: docs/link.md, Workstations and pairings.
func (a *API) ownWorkstationRoutes() {
	s := a.services.Phones
	const self = postern.WorkstationAPIPath + "/self"
	add(a, route{
		method: http.MethodPost, path: postern.WorkstationAPIPath + "/enrolments", id: "enrol-workstation", tag: tagOwnWorkstation, access: open,
		status: http.StatusCreated, again: true,
		summary: "Enrol a workstation", notes: "Answers 201, or 200 when the same keys are known. A workstation can do nothing before a phone pairs with it. " +
			"With an install token it belongs to the integration of that, and is not forgotten for having no pairing; the token is used up once for each workstation.",
		codes: append([]postern.Code{postern.CodeNotFound, postern.CodeConflict, postern.CodeFlagOff, postern.CodeWorkstationProof, postern.CodeWorkstationRevoked}, installCodes...),
	}, func(ctx context.Context, in *struct{ Body postern.WorkstationEnrolment }) (*begun[postern.WorkstationSelf], error) {
		w, created, err := a.enrolWorkstation(ctx, in.Body)
		if err != nil {
			return nil, err
		}
		noteActor(ctx, string(w.ID))
		told, err := s.WorkstationSelf(ctx, w)
		return &begun[postern.WorkstationSelf]{begunStatus(created), told}, err
	})
	add(a, route{
		method: http.MethodGet, path: self, id: "get-own-workstation", tag: tagOwnWorkstation, access: workstation,
		summary: "What a workstation may know of itself", codes: workstationCodes,
	}, func(ctx context.Context, _ *struct{}) (*object[postern.WorkstationSelf], error) {
		return answer(s.WorkstationSelf(ctx, workstationFrom(ctx)))
	})
	add(a, route{
		method: http.MethodPut, path: self, id: "update-own-workstation", tag: tagOwnWorkstation, access: workstation,
		summary: "Say anew what this workstation is", codes: with(workstationCodes, postern.CodeStale),
	}, func(ctx context.Context, in *struct{ Body postern.WorkstationUpdate }) (*object[postern.WorkstationSelf], error) {
		w, err := s.UpdateWorkstation(ctx, workstationFrom(ctx).ID, in.Body)
		if err != nil {
			return nil, err
		}
		return answer(s.WorkstationSelf(ctx, w))
	})
	add(a, route{
		method: http.MethodDelete, path: self, id: "revoke-own-workstation", tag: tagOwnWorkstation, access: workstation, status: http.StatusAccepted,
		summary: "Give this workstation up", notes: "Its pairings end.", codes: with(workstationCodes, postern.CodeStale),
	}, func(ctx context.Context, _ *struct{}) (*object[postern.Workstation], error) {
		return answer(s.RevokeWorkstation(ctx, workstationFrom(ctx).ID))
	})
}
