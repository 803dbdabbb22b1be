package entrasim

import (
	"errors"
	"net/http"
	"slices"
	"strings"
)

// licence is something a tenant can have bought.
type licence string

// The licences the emulator tells apart. P2 holds all of P1.
const (
	licenceP1     licence = "p1"
	licenceP2     licence = "p2"
	licenceIntune licence = "intune"
)

// allLicences are those of a tenant nobody said otherwise about.
func allLicences() []licence { return []licence{licenceP2, licenceIntune} }

// servicePlan and product are what subscribedSkus shows of a licence (Microsoft Entra documentation, "product names and
// service plan identifiers for licensing").
type servicePlan struct{ id, name, service string }

type product struct {
	id, number string
	plans      []servicePlan
}

var (
	planP1     = servicePlan{"41781fb2-bc02-4b7c-bd55-b576c07bb09d", "AAD_PREMIUM", "AADPremiumService"}
	planP2     = servicePlan{"eec0eb4f-6444-4f95-aba0-50c24d67f998", "AAD_PREMIUM_P2", "AADPremiumService"}
	planIntune = servicePlan{"c1ec4a95-1f05-45b3-a911-aa3fa01094f5", "INTUNE_A", "SCO"}

	products = map[licence]product{
		licenceP1:     {"078d2b04-f1bd-4111-bbd4-b4b1b354cef4", "AAD_PREMIUM", []servicePlan{planP1}},
		licenceP2:     {"84a661c4-e949-4bd2-a560-ed7766fcaf2b", "AAD_PREMIUM_P2", []servicePlan{planP1, planP2}},
		licenceIntune: {"061f9ace-7d42-4136-88ac-31dc755f143f", "INTUNE_A", []servicePlan{planIntune}},
	}
)

// checkLicences refuses names of licences nobody sells.
func checkLicences(list []licence) error {
	for _, l := range list {
		if _, ok := products[l]; !ok {
			return errors.New("licences are p1, p2 and intune")
		}
	}
	return nil
}

// has says whether a tenant has a licence. The caller holds the lock.
func (t *Tenant) has(l licence) bool {
	return slices.Contains(t.Licences, l) || l == licenceP1 && slices.Contains(t.Licences, licenceP2)
}

// licensed answers as the service does when the tenant lacks a licence: Intune does not know it.
func (c *graphCall) licensed(l licence) (ok bool) {
	c.tenant.view(func() { ok = c.tenant.has(l) })
	if !ok {
		c.fail(http.StatusBadRequest, "BadRequest", "Request not applicable to target tenant.")
	}
	return ok
}

// premium answers as reports do in a tenant without Entra ID P1.
func (c *graphCall) premium() (ok bool) {
	c.tenant.view(func() { ok = c.tenant.has(licenceP1) })
	if !ok {
		c.fail(http.StatusForbidden, "Authentication_RequestFromNonPremiumTenantOrB2CTenant", "Neither tenant is B2C or tenant doesn't have premium license")
	}
	return ok
}

// premiumAccess answers as Conditional Access does in a tenant without Entra ID P1.
func (c *graphCall) premiumAccess() (ok bool) {
	c.tenant.view(func() { ok = c.tenant.has(licenceP1) })
	if !ok {
		c.fail(http.StatusForbidden, "AccessDenied", "Your tenant is not licensed for this feature.")
	}
	return ok
}

// only runs an operation in tenants that pass a check.
func only(check func(*graphCall) bool, handle func(*graphCall)) func(*graphCall) {
	return func(c *graphCall) {
		if check(c) {
			handle(c)
		}
	}
}

func (c *graphCall) showSku(l licence) object {
	p := products[l]
	plans := []object{}
	for _, s := range p.plans {
		plans = append(plans, object{"servicePlanId": s.id, "servicePlanName": s.name, "provisioningStatus": "Success", "appliesTo": "User"})
	}
	return object{
		"id": c.tenant.ID + "_" + p.id, "skuId": p.id, "skuPartNumber": p.number, "capabilityStatus": "Enabled", "appliesTo": "User", "consumedUnits": 1,
		"accountId": derivedID(c.tenant.ID, "account"), "accountName": strings.ToLower(c.tenant.Name), "subscriptionIds": []string{derivedID(c.tenant.ID, p.id)},
		"prepaidUnits": object{"enabled": 1000, "suspended": 0, "warning": 0, "lockedOut": 0}, "servicePlans": plans,
	}
}

func (c *graphCall) listSkus() {
	var values []object
	c.tenant.view(func() {
		for _, l := range c.tenant.Licences {
			values = append(values, c.showSku(l))
		}
	})
	for i := range values {
		values[i] = c.pick(values[i])
	}
	c.collection("subscribedSkus", values, nil)
}

// assignedPlans are the service plans of the organization. The caller holds the lock.
func (t *Tenant) assignedPlans() []object {
	plans := []object{}
	for _, l := range t.Licences {
		for _, s := range products[l].plans {
			plans = append(plans, object{"assignedDateTime": shown(t.Created), "service": s.service, "servicePlanId": s.id, "capabilityStatus": "Enabled"})
		}
	}
	return plans
}

// controlTenantFacts changes what a tenant bought and says about itself.
func (s *Server) controlTenantFacts(c *controlCall) (any, error) {
	t, err := c.tenant()
	if err != nil {
		return nil, err
	}
	var b struct {
		Licences       *[]licence `json:"licences"`
		TechnicalMails *[]string  `json:"technical_mails"`
		Domains        *[]string  `json:"domains"`
		OnPremises     *bool      `json:"on_premises"`
		Defaults       *bool      `json:"security_defaults"`
		Kerberos       *bool      `json:"kerberos"`
	}
	if err := c.body(&b); err != nil {
		return nil, err
	}
	if b.Licences != nil {
		if err := checkLicences(*b.Licences); err != nil {
			return nil, err
		}
	}
	if b.Domains != nil {
		if err := s.addDomains(t, *b.Domains); err != nil {
			return nil, err
		}
	}
	var out object
	t.update(func() {
		if b.Licences != nil {
			t.Licences = slices.Clone(*b.Licences)
		}
		if b.TechnicalMails != nil {
			t.TechnicalMails = slices.Clone(*b.TechnicalMails)
		}
		if b.OnPremises != nil {
			t.CloudOnly = !*b.OnPremises
		}
		if b.Defaults != nil {
			t.SecurityDefaults = *b.Defaults
		}
		if b.Kerberos != nil {
			t.NoKerberos = !*b.Kerberos
		}
		out = object{
			"tenant_id": t.ID, "licences": append([]licence{}, t.Licences...), "technical_mails": append([]string{}, t.TechnicalMails...),
			"domains": append([]string{}, t.Domains...), "on_premises": !t.CloudOnly, "security_defaults": t.SecurityDefaults, "kerberos": !t.NoKerberos,
		}
	})
	return out, nil
}

// maxDomains bounds the verified domains of a tenant.
const maxDomains = 900

// addDomains verifies further domains of a tenant.
func (s *Server) addDomains(t *Tenant, names []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range names {
		if other := s.tenants[strings.ToLower(name)]; !domainName(name) || other != nil && other != t {
			return errors.New("not a domain name, or the domain of another tenant: " + name)
		}
	}
	var err error
	t.update(func() {
		for _, name := range names {
			if name = strings.ToLower(name); slices.Contains(t.Domains, name) {
				continue
			}
			if len(t.Domains) >= maxDomains {
				err = errors.New("too many domains")
				return
			}
			t.Domains = append(slices.Clone(t.Domains), name)
			s.tenants[name] = t
		}
	})
	return err
}
