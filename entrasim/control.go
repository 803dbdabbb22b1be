package entrasim

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The control API lives under /_entrasim/, speaks JSON, asks for no credential and is not throttled, delayed or recorded.
// {tenant} is a tenant id or domain, or "first". Errors are {"error":"…"} with a 4xx status.
//
//	GET    state                                   counts for each tenant, clock, levers
//	GET    levers                                  Levers
//	PUT    levers                                  Levers, replacing all
//	PATCH  levers                                  Levers, members present only
//	GET    clock                                   {"now"}
//	PUT    clock                                   {"offset":"1h"} runs, {"frozen":"2026-01-02T03:04:05Z"} stands, {} resets
//	GET    faults                                  [Fault]
//	POST   faults                                  Fault -> {"id":1}
//	DELETE faults, faults/{id}
//	GET    calls                                   {"total":n,"calls":[Call]}, the most recent, oldest first
//	DELETE calls
//	POST   save-delta-horizon                      every delta token of today is answered with 410 from now on
//	POST   tenants                                 {"domain","users","empty","licences"} -> {"tenant_id","administrator",…}; an empty one has a
//	                                               Global Administrator, no application and no group, and passkeys are off
//	PATCH  tenants/{tenant}                        {"licences":["p1","p2","intune"],"technical_mails","domains","on_premises","security_defaults","kerberos"} -> what
//	                                               holds then
//	POST   tenants/{tenant}/population             Population -> Populated: many users with passkeys, nested groups and public clients in one call
//	POST   tenants/{tenant}/policy                 {"as","address","reset","passkeys","strengths","conditional_access","delete"}: change
//	                                               policies as a named administrator does in the portal -> ids; see policyEdit
//	PUT    tenants/{tenant}/schema                 {"profiles"}: false makes it a tenant that never opted in to passkey profiles
//	GET    tenants/{tenant}/users/{user}           a user with passkeys, without secrets
//	POST   tenants/{tenant}/users                  {"upn","display_name","password",…} -> {"id"}
//	PATCH  tenants/{tenant}/users/{user}           {"enabled","mfa_required","password","no_password","roles","guest","upn","methods",
//	                                               "on_premises_protected"}; methods
//	                                               are all other methods, as userRegistrationDetails names them
//	DELETE tenants/{tenant}/users/{user}
//	POST   tenants/{tenant}/users/{user}/restore   bring a deleted user back, by object id
//	POST   tenants/{tenant}/users/{user}/temporary-pass  {"code","minutes","one_time"} -> {"code"}
//	POST   tenants/{tenant}/subscriptions/lifecycle {"event"}: tell every subscriber missed, reauthorizationRequired or subscriptionRemoved
//	GET    tenants/{tenant}/apps                   applications with permissions and the key ids of their credentials
//	POST   tenants/{tenant}/apps                   {"display_name","roles","scopes","public","redirect_uris"} -> credentials
//	PATCH  tenants/{tenant}/apps/{app}             {"grant":[…],"revoke":[…],"grant_scopes":[…],"revoke_scopes":[…],"disabled"}
//	POST   tenants/{tenant}/apps/{app}/secrets     {"value","days"} -> {"key_id","value"}; negative days are expired ones
//	POST   tenants/{tenant}/apps/{app}/certificates {"pem","days"} -> {"key_id"}
//	PATCH  tenants/{tenant}/apps/{app}/credentials/{key} {"days"}: change the expiry
//	DELETE tenants/{tenant}/apps/{app}/credentials/{key}
//	GET    tenants/{tenant}/computers              devices of the directory
//	POST   tenants/{tenant}/computers              {"device_id","display_name","security_identifier","certificate"}: what Entra Connect does with
//	                                               a computer of Active Directory
//	PATCH  tenants/{tenant}/computers/{device}     {"enabled","compliant"}, by device id
//	DELETE tenants/{tenant}/computers/{device}
//	GET    tenants/{tenant}/prts?user=&device=     primary refresh tokens, without their values and keys
//	POST   tenants/{tenant}/kdc                    {"message_buffer"} of tgt_ad: what the domain controller makes of it
//	POST   tenants/{tenant}/devices/{code}         {"upn","mfa","decline"}: answer a device code as that user, who consents to what
//	                                               Microsoft's own clients ask for, if they may
const controlRoot = "/_entrasim/"

func (s *Server) mountControl(mux *http.ServeMux) {
	for pattern, h := range map[string]func(*controlCall) (any, error){
		"GET state":  s.controlState,
		"GET levers": func(*controlCall) (any, error) { return s.Levers(), nil },
		"PUT levers": func(c *controlCall) (any, error) { return s.controlLevers(c, Levers{}) },
		"PATCH levers": func(c *controlCall) (any, error) {
			l := s.Levers()
			l.PolicyIgnore = slices.Clone(l.PolicyIgnore) // decoding writes into it
			return s.controlLevers(c, l)
		},
		"GET clock":     func(*controlCall) (any, error) { return object{"now": s.now()}, nil },
		"PUT clock":     s.controlClock,
		"GET faults":    func(*controlCall) (any, error) { return s.Faults(), nil },
		"POST faults":   s.controlFault,
		"DELETE faults": func(*controlCall) (any, error) { s.RemoveFaults(0); return nil, nil },
		"DELETE faults/{id}": func(c *controlCall) (any, error) {
			id, err := strconv.Atoi(c.r.PathValue("id"))
			if err == nil && id > 0 {
				s.RemoveFaults(id)
			}
			return nil, err
		},
		"GET calls": func(*controlCall) (any, error) {
			calls, total := s.history.list()
			return object{"total": total, "calls": calls}, nil
		},
		"DELETE calls":                                         func(*controlCall) (any, error) { s.history.clear(); return nil, nil },
		"POST save-delta-horizon":                              s.controlHorizon,
		"POST tenants":                                         s.controlTenant,
		"PATCH tenants/{tenant}":                               s.controlTenantFacts,
		"POST tenants/{tenant}/population":                     s.controlPopulation,
		"POST tenants/{tenant}/policy":                         s.controlPolicy,
		"PUT tenants/{tenant}/schema":                          s.controlSchema,
		"GET tenants/{tenant}/users/{user}":                    s.controlUser,
		"POST tenants/{tenant}/users":                          s.controlCreateUser,
		"PATCH tenants/{tenant}/users/{user}":                  s.controlPatchUser,
		"DELETE tenants/{tenant}/users/{user}":                 s.controlDeleteUser,
		"POST tenants/{tenant}/users/{user}/restore":           s.controlRestoreUser,
		"POST tenants/{tenant}/users/{user}/temporary-pass":    s.controlTemporaryPass,
		"POST tenants/{tenant}/subscriptions/lifecycle":        s.controlLifecycle,
		"GET tenants/{tenant}/apps":                            s.controlApps,
		"POST tenants/{tenant}/apps":                           s.controlCreateApp,
		"PATCH tenants/{tenant}/apps/{app}":                    s.controlPatchApp,
		"POST tenants/{tenant}/apps/{app}/secrets":             s.controlAddSecret,
		"POST tenants/{tenant}/apps/{app}/certificates":        s.controlAddCertificate,
		"PATCH tenants/{tenant}/apps/{app}/credentials/{key}":  s.controlPatchCredential,
		"DELETE tenants/{tenant}/apps/{app}/credentials/{key}": s.controlDeleteCredential,
		"POST tenants/{tenant}/devices/{code}":                 s.controlDevice,
		"GET tenants/{tenant}/computers":                       s.controlComputers,
		"POST tenants/{tenant}/computers":                      s.controlSynchronise,
		"PATCH tenants/{tenant}/computers/{device}":            s.controlPatchComputer,
		"DELETE tenants/{tenant}/computers/{device}":           s.controlDeleteComputer,
		"GET tenants/{tenant}/prts":                            s.controlPrimaryTokens,
		"POST tenants/{tenant}/kdc":                            s.controlTickets,
	} {
		method, path, _ := strings.Cut(pattern, " ")
		mux.HandleFunc(method+" "+controlRoot+path, func(w http.ResponseWriter, r *http.Request) {
			out, err := h(&controlCall{s: s, r: r})
			switch {
			case err != nil:
				status := http.StatusBadRequest
				if absent := absent(""); errors.As(err, &absent) {
					status = http.StatusNotFound
				}
				writeJSON(w, status, object{"error": err.Error()})
			case out == nil:
				w.WriteHeader(http.StatusNoContent)
			default:
				writeJSON(w, http.StatusOK, out)
			}
		})
	}
}

// controlCall is one call of the control API.
type controlCall struct {
	s *Server
	r *http.Request
}

// absent is an error that is answered with 404.
type absent string

func (a absent) Error() string { return string(a) }

// body reads the JSON body; members nobody knows are an error, so that a misspelt lever does not go unnoticed.
func (c *controlCall) body(into any) error {
	dec := json.NewDecoder(c.r.Body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return fmt.Errorf("the body cannot be read: %w", err)
	}
	return nil
}

func (c *controlCall) tenant() (*Tenant, error) {
	name := c.r.PathValue("tenant")
	if name == "first" {
		return c.s.first(), nil
	}
	if t := c.s.tenant(name); t != nil {
		return t, nil
	}
	return nil, absent("no such tenant")
}

func (s *Server) controlState(*controlCall) (any, error) {
	var tenants []object
	for _, t := range s.all() {
		t.view(func() {
			passkeys, disabled, guests := 0, 0, 0
			t.Users.all(func(u *User) bool {
				passkeys += len(u.livePasskeys())
				if u.Disabled {
					disabled++
				}
				if u.Guest {
					guests++
				}
				return true
			})
			tenants = append(tenants, object{
				"id": t.ID, "domain": t.Domain, "users": t.Users.len(), "disabled": disabled, "guests": guests, "groups": t.Groups.len(),
				"passkeys": passkeys, "apps": len(t.AppOrder), "refresh_tokens": len(t.Sessions.Refresh), "audits": len(t.Audits.Events), "sign_ins": len(t.SignIns.Events),
			})
		})
	}
	_, total := s.history.list()
	return object{"tenants": tenants, "now": s.now(), "levers": s.Levers(), "calls": total}, nil
}

func (s *Server) controlLevers(c *controlCall, l Levers) (any, error) {
	if err := c.body(&l); err != nil {
		return nil, err
	}
	return l, s.SetLevers(l)
}

func (s *Server) controlClock(c *controlCall) (any, error) {
	var b struct {
		Offset Duration   `json:"offset"`
		Frozen *time.Time `json:"frozen"`
	}
	if err := c.body(&b); err != nil {
		return nil, err
	}
	s.MoveClock(time.Duration(b.Offset))
	if b.Frozen != nil {
		s.FreezeClock(*b.Frozen)
	}
	return object{"now": s.now()}, nil
}

func (s *Server) controlFault(c *controlCall) (any, error) {
	var f Fault
	if err := c.body(&f); err != nil {
		return nil, err
	}
	id, err := s.AddFault(f)
	return object{"id": id}, err
}

// controlHorizon voids every delta token.
func (s *Server) controlHorizon(*controlCall) (any, error) {
	for _, t := range s.all() {
		t.update(func() {
			t.change++
			t.deltaFloor = t.change
		})
	}
	return nil, nil
}

func (s *Server) controlTenant(c *controlCall) (any, error) {
	var b struct {
		Domain   string     `json:"domain"`
		Users    int        `json:"users"`
		Empty    bool       `json:"empty"`
		Licences *[]licence `json:"licences"`
	}
	if err := c.body(&b); err != nil {
		return nil, err
	}
	if b.Licences != nil {
		if err := checkLicences(*b.Licences); err != nil {
			return nil, err
		}
	}
	add := s.AddTenant
	if b.Empty {
		add = func(domain string, _ int) (*Tenant, error) { return s.AddEmptyTenant(domain) }
	}
	t, err := add(b.Domain, b.Users)
	if err != nil {
		return nil, err
	}
	out := object{"tenant_id": t.ID, "domain": t.Domain}
	t.update(func() {
		if b.Licences != nil {
			t.Licences = slices.Clone(*b.Licences)
		}
		if len(t.AppOrder) > 0 {
			a := t.Apps[t.AppOrder[0]]
			out["client_id"], out["client_secret"] = a.AppID, a.Secrets[0].Value
		}
		t.Users.all(func(u *User) bool {
			found := slices.Contains(u.Roles, roleGlobalAdministrator)
			if found {
				out["administrator"] = object{"id": u.ID, "upn": u.UPN, "password": t.Password}
			}
			return !found
		})
	})
	return out, nil
}

func (s *Server) controlPopulation(c *controlCall) (any, error) {
	t, err := c.tenant()
	if err != nil {
		return nil, err
	}
	var p Population
	if err := c.body(&p); err != nil {
		return nil, err
	}
	return t.populate(p)
}

// maxTenants and maxTenantUsers bound what the control API makes.
const (
	maxTenants     = 100
	maxTenantUsers = 1_000_000
)

// AddTenant makes another seeded tenant.
func (s *Server) AddTenant(domain string, users int) (*Tenant, error) {
	return s.makeTenant(domain, users, false)
}

// AddEmptyTenant makes another tenant as somebody gets it who signs up for one: a Global Administrator, no application, no
// group, and passkeys off.
func (s *Server) AddEmptyTenant(domain string) (*Tenant, error) {
	return s.makeTenant(domain, 0, true)
}

func (s *Server) makeTenant(domain string, users int, empty bool) (*Tenant, error) {
	s.init()
	switch {
	case !domainName(domain):
		return nil, fmt.Errorf("%q is not a domain name", domain)
	case s.tenant(domain) != nil:
		return nil, fmt.Errorf("the domain %s belongs to a tenant already", domain)
	case users > maxTenantUsers || len(s.all()) >= maxTenants:
		return nil, fmt.Errorf("at most %d tenants of %d users", maxTenants, maxTenantUsers)
	}
	t := seedTenant(s, domain, users, empty)
	s.addTenant(t)
	return t, nil
}

func domainName(v string) bool {
	return len(v) >= 3 && len(v) <= 253 && strings.Contains(v, ".") && !strings.ContainsAny(v, "/@ ")
}
