package conformance

import (
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/provision"
)

func testClaims(t *testing.T, w *world) {
	ctx := w.ctx()
	u := w.user(w.integration().ID)
	p, other := w.phone(u), w.phone(u)
	c := w.claim(p, postern.ClaimLooking)
	got, err := w.Claim(ctx, p.ID, c.CredentialID)
	same(w, got, err)(c)
	_, err = w.Claim(ctx, other.ID, c.CredentialID)
	w.refused(err, postern.CodeNotFound)

	// Two phones may say the same of one credential; one phone says it once.
	w.refused(w.CreateClaim(ctx, c), postern.CodeConflict)
	twin := c
	twin.PhoneID = other.ID
	w.must(w.CreateClaim(ctx, twin))
	next := w.claim(p, postern.ClaimGivenUp)
	list, err := w.ClaimsOfPhone(ctx, p.ID)
	same(w, list, err)([]provision.Claim{c, next})
	stranger := c
	stranger.PhoneID = "phn_none"
	w.refused(w.CreateClaim(ctx, stranger), postern.CodeNotFound)

	changed := filled[provision.Claim]()
	changed.PhoneID, changed.CredentialID, changed.UserID, changed.IntegrationID, changed.Version = c.PhoneID, c.CredentialID, c.UserID, c.IntegrationID, c.Version
	changed.State = postern.ClaimGivenUp
	w.must(w.UpdateClaim(ctx, &changed))
	got, err = w.Claim(ctx, p.ID, c.CredentialID)
	same(w, got, err)(changed)
	w.refused(w.UpdateClaim(ctx, &c), postern.CodeStale)
	missing := changed
	missing.CredentialID = []byte("none")
	w.refused(w.UpdateClaim(ctx, &missing), postern.CodeNotFound)
	w.oneWins(race(4, func(int) error { mine := changed; return w.UpdateClaim(ctx, &mine) }), postern.CodeStale)

	// Old ones go, of this phone, and not while they are looked for.
	looking := w.claim(p, postern.ClaimLooking)
	w.must(w.DeleteOldClaims(ctx, p.ID, changed.ExpiresAt.Add(time.Hour)))
	list, err = w.ClaimsOfPhone(ctx, p.ID)
	same(w, list, err)([]provision.Claim{looking})
	list, err = w.ClaimsOfPhone(ctx, other.ID)
	same(w, list, err)([]provision.Claim{twin})
	w.must(w.DeleteClaim(ctx, other.ID, twin.CredentialID))
	w.must(w.DeleteClaim(ctx, other.ID, twin.CredentialID))
	_, err = w.Claim(ctx, other.ID, twin.CredentialID)
	w.refused(err, postern.CodeNotFound)
}
