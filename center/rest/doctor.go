package rest

import (
	"context"
	"net/http"

	"github.com/postern/postern"
)

// Doctor is what the API needs of package doctor.
type Doctor interface {
	Server(ctx context.Context, checks ...string) (postern.DoctorReport, error)
	Tenant(ctx context.Context, id postern.IntegrationID, checks ...string) (postern.DoctorReport, error)
}

// DoctorChecks chooses checks.
type DoctorChecks struct {
	Check []string `query:"check,explode" maxItems:"50" doc:"Only these checks; may be repeated. docs/doctor.md has all of them."`
}

const doctorNotes = "Looks at everything, which takes some seconds, and changes nothing. Whoever asks while an examination is under way gets the report of that one."

func (a *API) doctorRoutes() {
	s := a.services.Doctor
	add(a, route{
		method: http.MethodGet, path: postern.APIPath + "/doctor", id: "examine-server", tag: "Doctor",
		summary: "Examine the control center", needs: postern.PermAdministratorsRead, notes: doctorNotes,
		codes: []postern.Code{postern.CodeInvalid},
	}, func(ctx context.Context, in *DoctorChecks) (*object[postern.DoctorReport], error) {
		return answer(s.Server(ctx, in.Check...))
	})
	add(a, route{
		method: http.MethodGet, path: postern.APIPath + "/integrations/{id}/doctor", id: "examine-integration", tag: "Doctor",
		summary: "Examine an integration and its tenant", needs: postern.PermIntegrationsRead, notes: doctorNotes,
		codes: []postern.Code{postern.CodeInvalid},
	}, func(ctx context.Context, in *struct {
		IntegrationPath
		DoctorChecks
	},
	) (*object[postern.DoctorReport], error) {
		return answer(s.Tenant(ctx, in.ID, in.Check...))
	})
}
