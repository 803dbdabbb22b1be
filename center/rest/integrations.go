package rest

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/postern/postern"
)

const tagIntegrations = "Integrations"

// IntegrationPath is the path parameter of everything about one integration. Like all parameter types it is exported because
// huma sees embedded fields only then.
type IntegrationPath struct {
	ID postern.IntegrationID `path:"id" doc:"Identifier of the integration." example:"int_01jd…"`
}

// versionedIntegration is an integration with its version as ETag.
type versionedIntegration struct {
	ETag string `header:"ETag"`
	Body postern.Integration
}

func answerIntegration(i postern.Integration, err error) (*versionedIntegration, error) {
	return &versionedIntegration{etag(i.Version), i}, err
}

// entraCodes are what Entra may say to anything that talks to a tenant.
var entraCodes = []postern.Code{
	postern.CodeEntraSecretWrong, postern.CodeEntraSecretExpired, postern.CodeEntraTenantUnknown, postern.CodeEntraClientUnknown,
	postern.CodeEntraCertUnknown, postern.CodeEntraConsentMissing, postern.CodeEntraPermission, postern.CodeEntraThrottled,
	postern.CodeEntraUnavailable, postern.CodeEntraUnreachable,
}

func with(codes []postern.Code, more ...postern.Code) []postern.Code {
	return append(append([]postern.Code(nil), codes...), more...)
}

func (a *API) integrationRoutes() {
	s := a.services.Integrations
	const path = postern.APIPath + "/integrations"
	add(a, route{
		method: http.MethodGet, path: path, id: "list-integrations", tag: tagIntegrations,
		summary: "List integrations", needs: postern.PermIntegrationsRead,
	}, func(ctx context.Context, _ *struct{}) (*list[postern.Integration], error) {
		return answerList(s.List(ctx))
	})
	add(a, route{
		method: http.MethodPost, path: path, id: "add-integration", tag: tagIntegrations, status: http.StatusCreated,
		summary: "Connect a tenant", needs: postern.PermIntegrationsWrite, takes: entraTime,
		notes: "Checks the form, proves the connection with every right that will be needed, and only then stores the integration, DISABLED. When anything fails, nothing is left behind.",
		codes: with(entraCodes, postern.CodeConflict, postern.CodeFlagOff, postern.CodeCertificateInvalid, postern.CodeCertificateExpired,
			postern.CodeCertificateMismatch, postern.CodeCertificateWeak, postern.CodeEntraMFADemanded, postern.CodeEntraPasswordWrong, postern.CodeEntraChallengeRange),
	}, func(ctx context.Context, in *struct{ Body postern.IntegrationInput }) (*versionedIntegration, error) {
		return answerIntegration(s.Add(ctx, in.Body))
	})
	add(a, route{
		method: http.MethodPost, path: path + "/test", id: "test-integration-input", tag: tagIntegrations,
		summary: "Test a connection without storing it", needs: postern.PermIntegrationsWrite, takes: entraTime,
		notes: "Whatever Entra answers stands in the result; only a form that cannot be tried is an error.",
		codes: []postern.Code{postern.CodeCertificateInvalid, postern.CodeCertificateMismatch},
	}, func(ctx context.Context, in *struct{ Body postern.IntegrationInput }) (*object[postern.ConnectionTest], error) {
		return answer(s.TestInput(ctx, in.Body))
	})
	add(a, route{
		method: http.MethodGet, path: path + "/{id}", id: "get-integration", tag: tagIntegrations,
		summary: "Look at an integration", needs: postern.PermIntegrationsRead,
	}, func(ctx context.Context, in *IntegrationPath) (*versionedIntegration, error) {
		return answerIntegration(s.Get(ctx, in.ID))
	})
	add(a, route{
		method: http.MethodPut, path: path + "/{id}", id: "update-integration", tag: tagIntegrations,
		summary: "Change an integration", needs: postern.PermIntegrationsWrite, takes: entraTime,
		notes: "An empty credential keeps the stored one. A new credential is proved before it replaces the old one.",
		codes: with(entraCodes, postern.CodeConflict, postern.CodeStale, postern.CodeCertificateInvalid, postern.CodeCertificateExpired,
			postern.CodeCertificateMismatch, postern.CodeCertificateWeak),
	}, func(ctx context.Context, in *struct {
		IntegrationPath
		Versioned
		Body postern.IntegrationInput
	},
	) (*versionedIntegration, error) {
		version, err := in.version(in.Body.Version)
		if err != nil {
			return nil, err
		}
		in.Body.Version = version
		return answerIntegration(s.Update(ctx, in.ID, in.Body))
	})
	add(a, route{
		method: http.MethodDelete, path: path + "/{id}", id: "remove-integration", tag: tagIntegrations, status: http.StatusNoContent,
		summary: "Remove an integration", needs: postern.PermIntegrationsWrite,
		notes: "The audit trail stays. Passkeys that Entra already lists stay in Entra.",
		codes: []postern.Code{postern.CodeStale, postern.CodeConflict},
	}, func(ctx context.Context, in *struct {
		IntegrationPath
		Versioned
	},
	) (*none, error) {
		version, err := in.version(0)
		if err != nil {
			return nil, err
		}
		return nil, s.Remove(ctx, in.ID, version)
	})
	add(a, route{
		method: http.MethodPost, path: path + "/{id}/test", id: "test-integration", tag: tagIntegrations,
		summary: "Test the connection of an integration", needs: postern.PermIntegrationsWrite, takes: entraTime,
		notes: "The result is kept and shown with the integration.",
	}, func(ctx context.Context, in *IntegrationPath) (*object[postern.ConnectionTest], error) {
		return answer(s.Test(ctx, in.ID))
	})
	add(a, route{
		method: http.MethodGet, path: path + "/{id}/metadata-statement", id: "get-metadata-statement", tag: tagIntegrations,
		summary: "Export the metadata statement of an integration's phones", needs: postern.PermIntegrationsRead,
		notes: "In the form of the FIDO Metadata Service, with the integration's attestation CA as root, for relying parties that check attestation themselves. " +
			"Entra's \"Enforce attestation\" does not take it: it refuses every authenticator that is not in the FIDO Metadata Service.",
		codes: []postern.Code{postern.CodeUnavailable},
	}, func(ctx context.Context, in *IntegrationPath) (*object[json.RawMessage], error) {
		return answer(a.services.Metadata.Statement(ctx, in.ID))
	})
	a.integrationSettings(s, path)
}

// integrationSettings are the switches of an integration, and what is asked without one.
func (a *API) integrationSettings(s Integrations, path string) {
	add(a, route{
		method: http.MethodPut, path: path + "/{id}/state", id: "set-integration-state", tag: tagIntegrations,
		summary: "Enable or disable an integration", needs: postern.PermIntegrationsWrite,
		codes: []postern.Code{postern.CodeStale, postern.CodeConflict},
	}, func(ctx context.Context, in *struct {
		IntegrationPath
		Versioned
		Body postern.StateInput
	},
	) (*versionedIntegration, error) {
		version, err := in.version(in.Body.Version)
		if err != nil {
			return nil, err
		}
		return answerIntegration(s.SetState(ctx, in.ID, version, in.Body.State))
	})
	add(a, route{
		method: http.MethodPut, path: path + "/{id}/flags", id: "set-integration-flags", tag: tagIntegrations,
		summary: "Set the feature flags of an integration", needs: postern.PermIntegrationsWrite,
		codes: []postern.Code{postern.CodeStale},
	}, func(ctx context.Context, in *struct {
		IntegrationPath
		Versioned
		Body postern.FlagsInput
	},
	) (*versionedIntegration, error) {
		version, err := in.version(in.Body.Version)
		if err != nil {
			return nil, err
		}
		return answerIntegration(s.SetFlags(ctx, in.ID, version, in.Body.Flags))
	})
	add(a, route{
		method: http.MethodPut, path: path + "/{id}/login-settings", id: "set-login-settings", tag: tagIntegrations,
		summary: "Restrict who may register and authenticate", needs: postern.PermIntegrationsWrite,
		codes: []postern.Code{postern.CodeStale},
	}, func(ctx context.Context, in *struct {
		IntegrationPath
		Versioned
		Body postern.LoginSettings
	},
	) (*versionedIntegration, error) {
		version, err := in.version(in.Body.Version)
		if err != nil {
			return nil, err
		}
		in.Body.Version = version
		return answerIntegration(s.SetLogin(ctx, in.ID, in.Body))
	})
	add(a, route{
		method: http.MethodPut, path: path + "/{id}/http-debug", id: "set-http-debug", tag: tagIntegrations,
		summary: "Switch HTTP Debug", needs: postern.PermIntegrationsWrite,
		notes: "Logs the calls to Entra without tokens, secrets or keys. Switches itself off.",
		codes: []postern.Code{postern.CodeStale},
	}, func(ctx context.Context, in *struct {
		IntegrationPath
		Versioned
		Body postern.HTTPDebugInput
	},
	) (*versionedIntegration, error) {
		version, err := in.version(in.Body.Version)
		if err != nil {
			return nil, err
		}
		return answerIntegration(s.SetHTTPDebug(ctx, in.ID, version, in.Body.On))
	})
	add(a, route{
		method: http.MethodPost, path: postern.APIPath + "/certificates/validate", id: "validate-certificate", tag: tagIntegrations,
		summary: "Check a client certificate and its key", needs: postern.PermIntegrationsWrite,
		notes: "Nothing is stored.",
		codes: []postern.Code{postern.CodeCertificateInvalid, postern.CodeCertificateExpired, postern.CodeCertificateMismatch, postern.CodeCertificateWeak},
	}, func(ctx context.Context, in *struct{ Body postern.CertificateInput }) (*object[postern.CertificateInfo], error) {
		return answer(s.ValidateCertificate(ctx, in.Body.Certificate, in.Body.PrivateKey))
	})
	add(a, route{
		method: http.MethodGet, path: postern.APIPath + "/offered-flags", id: "get-offered-flags", tag: tagIntegrations,
		summary: "Flags that a new integration starts with", needs: postern.PermIntegrationsRead,
	}, func(ctx context.Context, _ *struct{}) (*object[postern.OfferedFlags], error) {
		flags, err := s.Offered(ctx)
		return answer(postern.OfferedFlags{Flags: flags, Known: postern.Flags}, err)
	})
	add(a, route{
		method: http.MethodPut, path: postern.APIPath + "/offered-flags", id: "set-offered-flags", tag: tagIntegrations,
		summary: "Set the flags that a new integration starts with", needs: postern.PermIntegrationsWrite,
	}, func(ctx context.Context, in *struct{ Body postern.OfferedFlags }) (*object[postern.OfferedFlags], error) {
		if err := s.SetOffered(ctx, in.Body.Flags); err != nil {
			return nil, err
		}
		flags, err := s.Offered(ctx)
		return answer(postern.OfferedFlags{Flags: flags, Known: postern.Flags}, err)
	})
}
