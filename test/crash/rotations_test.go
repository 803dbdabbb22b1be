package crash_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/entra"
	"github.com/postern/postern/entrasim"
)

// What Graph is asked to do when an application rolls its own certificates.
const (
	addKeyPath    = "/v1.0/applications/*/addKey"
	removeKeyPath = "/v1.0/applications/*/removeKey"
)

// rotationStories are those of a rotation: of an application that renews its certificate by itself, and of one whose new
// certificate is taken back.
func rotationStories() []story {
	return []story{
		{
			name: "a rotation", before: onCertificate, tell: []step{rotating}, holds: rotated(postern.RotationDone),
			labels: rotationLabels, skip: []string{"rotate.watch", "GET "}, lost: []string{addKeyPath, removeKeyPath},
		},
		{
			name: "a rotation that is taken back", world: slowKeys, before: onCertificate, tell: []step{takingBack}, holds: rotated(postern.RotationCancelled),
			labels: rotationBackLabels, skip: []string{"rotate.watch", "rotate.Begin", "rotate.begin", "rotate.adding", "rotate.intend", "addKey", "GET "},
			lost: []string{removeKeyPath},
		},
	}
}

// slowKeys is a tenant that takes a new certificate at once and believes in it much later.
func slowKeys(w *run) {
	if w.thumbprint == "" {
		return
	}
	l := w.tenant.Server.Levers()
	l.CredentialDelay = entrasim.Duration(24 * time.Hour)
	must(w.t, w.tenant.Server.SetLevers(l))
}

// onCertificate gives the integration a certificate.
func onCertificate(w *run) {
	w.t.Helper()
	certificate, key, err := entra.MakeCertificate("first", w.now(), 365*24*time.Hour)
	must(w.t, err)
	w.atEntra(http.MethodPost, "/apps/"+w.tenant.ClientID+"/certificates", map[string]any{"pem": string(certificate)})
	i, err := w.admin.Integration(w.ctx, w.integration)
	must(w.t, err)
	i, err = w.admin.UpdateIntegration(w.ctx, i.ID, postern.IntegrationInput{
		Version: i.Version, ApplicationName: i.ApplicationName, TenantID: i.TenantID, ClientID: i.ClientID, AllowLowAssurance: true,
		ClientCertificate: string(certificate), ClientPrivateKey: string(key),
	})
	must(w.t, err)
	w.thumbprint = i.Credential.Certificate.Thumbprint
	w.until("the end of the jobs", w.quiet)
}

var rotating = step{"rotating", func(ctx context.Context, w *run) error {
	r, err := w.rotation(ctx)
	if err == nil && r.State != postern.RotationDone {
		err = fmt.Errorf("the rotation is %s: %+v", r.State, r.Problem)
	}
	return err
}}

var takingBack = step{"taking a rotation back", func(ctx context.Context, w *run) error {
	r, err := w.rotation(ctx)
	if err != nil {
		return err
	}
	if r.State == postern.RotationProving {
		if r, err = w.admin.CancelRotation(ctx, w.integration, postern.RotationAct{Version: r.Version}); err != nil {
			return err
		}
	}
	if r.State != postern.RotationCancelled {
		return fmt.Errorf("the rotation is %s: %+v", r.State, r.Problem)
	}
	return nil
}}

// rotation looks at the rotation, and begins it where there is none. Each look holds that the certificate in use is one that
// Entra has.
func (w *run) rotation(ctx context.Context) (postern.Rotation, error) {
	if err := w.covered(ctx); err != nil {
		return postern.Rotation{}, err
	}
	s, err := w.admin.CredentialStatus(ctx, w.integration)
	if err != nil {
		return postern.Rotation{}, err
	}
	if s.Rotation != nil {
		return *s.Rotation, nil
	}
	i, err := w.admin.Integration(ctx, w.integration)
	if err != nil {
		return postern.Rotation{}, err
	}
	return w.admin.BeginRotation(ctx, w.integration, postern.RotationInput{Version: i.Version, Now: true})
}

// covered fails the test if Entra does not have the certificate that the integration uses.
func (w *run) covered(ctx context.Context) error {
	before, err := w.inUse(ctx)
	if err != nil {
		return err
	}
	registered, err := w.certificates(ctx)
	if err != nil {
		return err
	}
	after, err := w.inUse(ctx)
	if err == nil && before == after && !strings.Contains(strings.Join(registered, " "), after) { // else it was switched meanwhile
		w.t.Fatalf("%sthe integration uses %s, and Entra has %v", w.where(), after, registered)
	}
	return err
}

func (w *run) inUse(ctx context.Context) (string, error) {
	i, err := w.admin.Integration(ctx, w.integration)
	if err != nil {
		return "", err
	}
	if i.Credential.Certificate == nil {
		return "", errors.New("the integration uses no certificate")
	}
	return i.Credential.Certificate.Thumbprint, nil
}

// certificates are the thumbprints of the certificates that Entra has.
func (w *run) certificates(ctx context.Context) ([]string, error) {
	reg, err := w.graph.AppRegistration(ctx, w.tenant.ClientID)
	var all []string
	for _, k := range reg.Keys {
		all = append(all, k.Thumbprint)
	}
	return all, err
}

// rotated holds that the rotation ended so, that Entra has exactly the certificate in use, and that it is good.
func rotated(state postern.RotationState) func(ctx context.Context, w *run) error {
	return func(ctx context.Context, w *run) error {
		s, err := w.admin.CredentialStatus(ctx, w.integration)
		if err != nil {
			return err
		}
		if s.Rotation == nil || s.Rotation.State != state || s.Rotation.Kept {
			return fmt.Errorf("the rotation is %+v", s.Rotation)
		}
		registered, err := w.certificates(ctx)
		if err != nil {
			return err
		}
		used := s.Credential.Certificate.Thumbprint
		if len(registered) != 1 || registered[0] != used {
			return fmt.Errorf("the integration uses %s, and Entra has %v", used, registered)
		}
		if (used != w.thumbprint) != (state == postern.RotationDone) {
			return fmt.Errorf("the integration uses %s, and used %s before", used, w.thumbprint)
		}
		tested, err := w.admin.TestIntegration(ctx, w.integration)
		if err == nil && !tested.OK {
			err = fmt.Errorf("the connection test says %+v", tested)
		}
		return err
	}
}
