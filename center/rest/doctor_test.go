package rest_test

import (
	"context"
	"slices"
	"testing"

	"github.com/postern/postern"
)

type doctors struct{ *domain }

func (d doctors) Server(_ context.Context, checks ...string) (postern.DoctorReport, error) {
	return postern.DoctorReport{Findings: []postern.Finding{}}, d.call("Server", checks)
}

func (d doctors) Tenant(_ context.Context, id postern.IntegrationID, checks ...string) (postern.DoctorReport, error) {
	return postern.DoctorReport{Subject: string(id), Findings: []postern.Finding{}}, d.call("Tenant", checks)
}

func TestDoctorIsAskedForSomeChecks(t *testing.T) {
	h := newHouse(t)
	c := h.client(postern.PermAdministratorsRead, postern.PermIntegrationsRead)
	if _, err := c.Doctor(t.Context(), "disk", "clock"); err != nil {
		t.Fatal(err)
	}
	if got, _ := h.domain.last.([]string); !slices.Equal(got, []string{"disk", "clock"}) {
		t.Errorf("asked for %q", got)
	}
	r, err := c.IntegrationDoctor(t.Context(), "int_1")
	if got, _ := h.domain.last.([]string); err != nil || r.Subject != "int_1" || len(got) != 0 {
		t.Errorf("%+v, %v, asked for %q", r, err, got)
	}
	if _, err := h.client(postern.PermIntegrationsRead).Doctor(t.Context()); !postern.IsCode(err, postern.CodeForbidden) {
		t.Errorf("the server was examined for somebody who may not see it: %v", err)
	}
}
