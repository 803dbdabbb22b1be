package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/entra"
)

// Tenant opens the connector of an integration, or returns the one that is open already if nothing changed since.
func (s *Service) Tenant(ctx context.Context, id postern.IntegrationID) (*entra.Tenant, postern.Integration, error) {
	i, err := s.Store.Integration(ctx, id)
	if err != nil {
		return nil, i, err
	}
	s.mu.Lock()
	have, ok := s.tenants[id]
	s.mu.Unlock()
	if ok && have.version == i.Version {
		return have.tenant, i, nil
	}
	credential, err := s.openCredential(ctx, id)
	if err != nil {
		return nil, i, err
	}
	tenant, err := s.open(i, credential)
	if err != nil {
		return nil, i, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tenants == nil {
		s.tenants = make(map[postern.IntegrationID]opened)
	}
	s.tenants[id] = opened{i.Version, tenant}
	return tenant, i, nil
}

func (s *Service) open(i postern.Integration, credential entra.Credential) (*entra.Tenant, error) {
	o := s.Options(i)
	o.Credential = credential
	return entra.Open(o)
}

// Options are those of a connector of an integration, without a credential.
func (s *Service) Options(i postern.Integration) entra.Options {
	debugUntil := time.Time{}
	if i.HTTPDebugUntil != nil {
		debugUntil = *i.HTTPDebugUntil
	}
	return entra.Options{
		Cloud: s.Cloud, TenantID: i.TenantID, ClientID: i.ClientID,
		PermissionSet: i.PermissionSet,
		Logger:        s.Logger.With("integration", i.ID),
		DebugUntil:    func() time.Time { return debugUntil },
		Observer:      s.Observer,
		Budget:        s.budget(i.TenantID, i.ClientID),
		Now:           s.Now,
		Sleep:         s.Sleep,
		Transport:     s.Transport,
	}
}

// budget is shared by all connectors of one application in one tenant, because Graph counts them together.
func (s *Service) budget(tenant, client string) *entra.Budget {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := tenant + "/" + client
	if s.budgets == nil {
		s.budgets = make(map[string]*entra.Budget)
	}
	if s.budgets[key] == nil {
		s.budgets[key] = entra.NewBudget()
	}
	return s.budgets[key]
}

// Test proves the connection of a stored integration, remembers the outcome and audits it.
func (s *Service) Test(ctx context.Context, id postern.IntegrationID) (postern.ConnectionTest, error) {
	tenant, i, err := s.Tenant(ctx, id)
	if err != nil {
		return postern.ConnectionTest{}, err
	}
	test, err := tenant.Test(ctx)
	if err != nil {
		return test, err
	}
	err = s.Store.Atomically(ctx, func(ctx context.Context) error {
		if err := s.Store.NoteCheck(ctx, id, test); err != nil {
			return err
		}
		e := event(audit.IntegrationTested, i, test.Message, nil)
		if !test.OK {
			e.Code, e.Name = audit.IntegrationTestFailed.Code, audit.IntegrationTestFailed.Name
			e.Success, e.ErrorCode = false, test.Code
		}
		return s.Audit.Record(ctx, e)
	})
	return test, err
}

// TestInput proves a form that is not stored yet, and leaves nothing behind but an audit entry.
func (s *Service) TestInput(ctx context.Context, in postern.IntegrationInput) (postern.ConnectionTest, error) {
	var none postern.ConnectionTest
	in, credential, _, err := checkForm(in, s.Now().UTC())
	if err != nil {
		return none, err
	}
	if credential == nil {
		return none, postern.FieldErrorf("client_secret", "A client secret, or a client certificate and its private key, is required.")
	}
	var i postern.Integration
	apply(&i, in, s.Now().UTC())
	tenant, err := s.open(i, *credential)
	if err != nil {
		return none, err
	}
	test, err := tenant.Test(ctx)
	if err != nil {
		return none, err
	}
	if !test.OK {
		s.recordFailure(ctx, audit.IntegrationTestFailed, "", in.ApplicationName,
			&postern.Error{Code: test.Code, Message: test.Message, Next: test.Next, Field: fieldOf(test.Code)})
	}
	return test, nil
}

// ValidateCertificate checks a certificate and its key without asking Entra.
func (s *Service) ValidateCertificate(_ context.Context, certificatePEM, keyPEM string) (postern.CertificateInfo, error) {
	if len(certificatePEM) > maxSecret || len(keyPEM) > maxSecret {
		return postern.CertificateInfo{}, postern.FieldErrorf("client_certificate", "The value is too long to be right.")
	}
	info, _, err := entra.ParseCertificate([]byte(certificatePEM), []byte(keyPEM), s.Now().UTC())
	return info, err
}

// prove tests the connection and turns what is not right into the error of the field at fault.
func (s *Service) prove(ctx context.Context, i postern.Integration, credential entra.Credential) (postern.ConnectionTest, error) {
	tenant, err := s.open(i, credential)
	if err != nil {
		return postern.ConnectionTest{}, err
	}
	test, err := tenant.Test(ctx)
	if err != nil {
		return test, err
	}
	if test.OK {
		return test, nil
	}
	code, message := test.Code, test.Message
	if code == "" {
		code = postern.CodeEntraPermission
	}
	if missing := append(append([]string{}, test.Permissions.Missing...), test.Permissions.WrongType...); code == postern.CodeEntraPermission && len(missing) > 0 && !strings.Contains(message, missing[0]) {
		message += " Missing: " + strings.Join(missing, ", ") + "."
	}
	e := postern.Errorf(code, "%s", message).OnField(fieldOf(code))
	if test.Next != "" {
		e.Next = test.Next
	}
	if test.RetryAfter > 0 {
		// The catalogue speaks of work that goes on by itself; a form does not.
		e.After = time.Duration(test.RetryAfter) * time.Second
		e.Next = "Wait for that long, then try again. Nothing was stored."
	}
	return test, e
}

// fieldOf names the form's field that a refusal of Entra is about.
func fieldOf(code postern.Code) string {
	switch code {
	case postern.CodeEntraSecretWrong, postern.CodeEntraSecretExpired:
		return "client_secret"
	case postern.CodeEntraTenantUnknown:
		return "tenant_id"
	case postern.CodeEntraClientUnknown:
		return "client_id"
	case postern.CodeEntraCertUnknown, postern.CodeCertificateExpired:
		return "client_certificate"
	case postern.CodeEntraMFADemanded, postern.CodeEntraPasswordWrong:
		return "service_account_username"
	case postern.CodeEntraPermission, postern.CodeEntraConsentMissing:
		return "permission_set"
	}
	return ""
}

// sealedForm is the sealed credential's plaintext.
type sealedForm struct {
	Kind         postern.CredentialKind `json:"kind"`
	ClientSecret string                 `json:"client_secret,omitempty"`
	Certificate  string                 `json:"certificate,omitempty"`
	PrivateKey   string                 `json:"private_key,omitempty"`
	Username     string                 `json:"username,omitempty"`
	Password     string                 `json:"password,omitempty"`
}

func purpose(id postern.IntegrationID) string { return "integration/" + string(id) + "/credential" }

func (s *Service) sealCredential(ctx context.Context, id postern.IntegrationID, c entra.Credential) ([]byte, error) {
	plaintext, err := json.Marshal(sealedForm{
		c.Kind, c.ClientSecret, string(c.Certificate), string(c.PrivateKey), c.Username, c.Password,
	})
	if err != nil {
		return nil, err
	}
	return s.Sealer.Seal(ctx, purpose(id), plaintext)
}

func (s *Service) openCredential(ctx context.Context, id postern.IntegrationID) (entra.Credential, error) {
	sealed, err := s.Store.SealedCredential(ctx, id)
	if err != nil {
		return entra.Credential{}, err
	}
	plaintext, err := s.Sealer.Open(ctx, purpose(id), sealed)
	if err != nil {
		return entra.Credential{}, postern.Errorf(postern.CodeInternal, "The stored credential cannot be unsealed with this server's key.").
			WithNext("Start Postern with the key file that belongs to this database, or enter the credential again.").Because(err)
	}
	var f sealedForm
	if err := json.Unmarshal(plaintext, &f); err != nil {
		return entra.Credential{}, fmt.Errorf("sealed credential of %s: %w", id, err)
	}
	return entra.Credential{
		Kind: f.Kind, ClientSecret: f.ClientSecret, Certificate: []byte(f.Certificate), PrivateKey: []byte(f.PrivateKey),
		Username: f.Username, Password: f.Password,
	}, nil
}
