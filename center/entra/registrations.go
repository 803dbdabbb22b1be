package entra

import (
	"context"
	"iter"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/postern/postern"
)

var readReports = []string{"AuditLog.Read.All"}

var opRegistrations = operation{name: "userRegistrationDetails.list", doing: "read which methods users have registered", needs: readReports, lane: laneReports, repeatable: true}

// Registration is what the registration report says of a user. The report is hours behind.
type Registration struct {
	ObjectID  string
	UPN       string
	Methods   []string // other than passkeys, as the report names them
	Passkeys  bool
	UpdatedAt time.Time // of the row, not of a registration
}

type registrationWire struct {
	ID      string    `json:"id"`
	UPN     string    `json:"userPrincipalName"`
	Methods []string  `json:"methodsRegistered"`
	Updated time.Time `json:"lastUpdatedDateTime"`
}

// passkeyMethods are the names under which the report has listed passkeys.
var passkeyMethods = []string{
	"passKeyDeviceBound", "passKeyDeviceBoundAuthenticator", "passKeyDeviceBoundWindowsHello", "passKeySynced", "fido2SecurityKey", "fido2",
}

func aPasskey(method string) bool {
	return strings.HasPrefix(strings.ToLower(method), "passkey") || slices.ContainsFunc(passkeyMethods, func(name string) bool { return strings.EqualFold(name, method) })
}

func (w registrationWire) registration() Registration {
	r := Registration{ObjectID: lowerID(w.ID), UPN: w.UPN, UpdatedAt: w.Updated}
	for _, m := range w.Methods {
		switch {
		case aPasskey(m):
			r.Passkeys = true
		case m != "":
			r.Methods = append(r.Methods, m)
		}
	}
	return r
}

// RegistrationReport lists what users have registered: those with a passkey, or everybody. After an error it ends.
//
// Where the application may not read reports the error is CodeEntraPermission, where the tenant has no licence for them
// CodeEntraLicence.
func (t *Tenant) RegistrationReport(ctx context.Context, everybody bool) iter.Seq2[Registration, error] {
	return func(yield func(Registration, error) bool) {
		if err := t.mayReadReports(ctx, opRegistrations); err != nil {
			yield(Registration{}, err)
			return
		}
		c := call{op: opRegistrations, method: http.MethodGet, path: "/reports/authenticationMethods/userRegistrationDetails", on: object{kind: "registration report"}}
		c.query = query{{"$select", "id,userPrincipalName,methodsRegistered,lastUpdatedDateTime"}, {"$top", mostPage}}
		all := c
		if !everybody {
			registered := make([]string, len(passkeyMethods))
			for n, m := range passkeyMethods {
				registered[n] = "methodsRegistered/any(x:x eq " + literal(m) + ")"
			}
			c.query = append(slices.Clone(c.query), query{{"$filter", strings.Join(registered, " or ")}}...)
		}
		begun := false
		for w, err := range each[registrationWire](ctx, t, c) {
			if err != nil && !everybody && !begun && badRequest(err) {
				// A filter that this Graph does not take: everybody is listed, and looked at here.
				for w, err := range each[registrationWire](ctx, t, all) {
					r := w.registration()
					if (err != nil || r.Passkeys) && (!yield(r, err) || err != nil) {
						return
					}
				}
				return
			}
			begun = true
			if r := w.registration(); (err != nil || everybody || r.Passkeys) && !yield(r, err) {
				return
			}
		}
	}
}

// mayReadReports refuses before Graph would, so that a permission that is missing is not taken for a licence that is.
func (t *Tenant) mayReadReports(ctx context.Context, op operation) error {
	g, err := t.granted(ctx)
	if err != nil || g.allows(op.needs) {
		return err
	}
	return postern.Errorf(postern.CodeEntraPermission, "The permission %s is needed to %s.", op.needs[0], op.doing)
}
