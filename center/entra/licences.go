package entra

import (
	"context"
	"net/http"
	"strings"

	"github.com/postern/postern"
)

var readLicences = []string{"LicenseAssignment.Read.All", "Organization.Read.All", "Directory.Read.All", "Directory.ReadWrite.All", "Directory.AccessAsUser.All"}

var opLicences = operation{name: "subscribedSkus.list", doing: "read the tenant's licences", needs: readLicences, repeatable: true}

// Licence is a product that the tenant subscribed to, Microsoft Graph's subscribedSku.
type Licence struct {
	Name     string // such as SPE_E5
	Active   bool   // enabled, or expired so lately that it still works
	Seats    int    // that are paid for
	Assigned int
	// Plans are the names of the service plans in it, such as AAD_PREMIUM and INTUNE_A.
	Plans []string
}

// Licences reads what the tenant subscribed to.
func (t *Tenant) Licences(ctx context.Context) ([]Licence, error) {
	type wire struct {
		Name     string `json:"skuPartNumber"`
		Status   string `json:"capabilityStatus"`
		Assigned int    `json:"consumedUnits"`
		Prepaid  struct {
			Enabled int `json:"enabled"`
			Warning int `json:"warning"`
		} `json:"prepaidUnits"`
		Plans []struct {
			Name string `json:"servicePlanName"`
		} `json:"servicePlans"`
	}
	found, err := collect(each[wire](ctx, t, call{op: opLicences, method: http.MethodGet, path: "/subscribedSkus", on: object{kind: "licences"}}), 0)
	all := make([]Licence, 0, len(found))
	for _, w := range found {
		l := Licence{
			Name: t.tidy(w.Name), Assigned: w.Assigned, Seats: w.Prepaid.Enabled + w.Prepaid.Warning,
			Active: strings.EqualFold(w.Status, "enabled") || strings.EqualFold(w.Status, "warning"),
		}
		for _, p := range w.Plans {
			l.Plans = append(l.Plans, p.Name)
		}
		all = append(all, l)
	}
	return all, err
}

// Organization is what a tenant says of itself.
type Organization struct {
	ID      string
	Name    string
	Initial string   // its domain below onmicrosoft.com, or what that is called in other clouds
	Domains []string // that are verified, in lower case
}

// Organization reads who the tenant is.
func (t *Tenant) Organization(ctx context.Context) (Organization, error) {
	type wire struct {
		ID      string `json:"id"`
		Name    string `json:"displayName"`
		Domains []struct {
			Name    string `json:"name"`
			Initial bool   `json:"isInitial"`
		} `json:"verifiedDomains"`
	}
	c := call{op: opOrganization, method: http.MethodGet, path: "/organization", query: query{{"$select", "id,displayName,verifiedDomains"}}, on: object{kind: "organisation"}}
	found, err := do[page[wire]](ctx, t, c)
	if err != nil {
		return Organization{}, err
	}
	if len(found.Value) == 0 {
		return Organization{}, t.unexpected(c, "no organisation")
	}
	w := found.Value[0]
	o := Organization{ID: lowerID(w.ID), Name: t.tidy(w.Name)}
	for _, d := range w.Domains {
		name := strings.ToLower(d.Name)
		if d.Initial {
			o.Initial = name
		}
		o.Domains = append(o.Domains, name)
	}
	return o, nil
}

// May says of permissions whether the token grants any of them, or may do so for all that can be seen.
func (t *Tenant) May(ctx context.Context, need Need) (bool, error) {
	missing, err := t.MissingFor(ctx, need)
	return len(missing) == 0, err
}

// What a doctor reads beyond the permission sets, the least powerful permission first.
var (
	NeedLicences     = Need{"read the tenant's licences", readLicences}
	NeedOrganization = Need{"read the organisation's domains", opOrganization.needs}
	NeedDevices      = Need{"read Intune's device configuration", readDevices}
	NeedPolicy       = Need{"read the passkey policy", readPolicy}
)

// Kind is the type that permissions of this tenant's credential have.
func (t *Tenant) Kind() string {
	if t.opts.Credential.Kind == postern.CredentialServiceAccount {
		return "delegated"
	}
	return "application"
}
