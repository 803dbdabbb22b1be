package integration

import (
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/postern/postern"
	"github.com/postern/postern/center/entra"
)

// maxSecret bounds every secret that is typed in; Entra's own are far shorter, and a PEM chain fits.
const maxSecret = 64 << 10

// checkForm normalises the form and refuses what cannot be right, without asking Entra. The credential is nil when the
// form brings none, which is right only for an update.
func checkForm(in postern.IntegrationInput, now time.Time) (postern.IntegrationInput, *entra.Credential, postern.Credential, error) {
	none := postern.Credential{}
	if err := postern.CheckApplicationName(in.ApplicationName); err != nil {
		return in, nil, none, err
	}
	var err error
	if in.TenantID, err = checkGUID("tenant_id", "Tenant ID", in.TenantID); err != nil {
		return in, nil, none, err
	}
	if in.ClientID, err = checkGUID("client_id", "Client ID", in.ClientID); err != nil {
		return in, nil, none, err
	}
	if in.Experience == "" {
		in.Experience = postern.ExperienceNative
	}
	if in.Experience != postern.ExperienceNative {
		return in, nil, none, postern.FieldErrorf("experience", "There is no login experience %q.", in.Experience)
	}
	if in.PermissionSet == "" {
		in.PermissionSet = postern.PermissionsStandard
	}
	if !in.PermissionSet.Valid() {
		return in, nil, none, postern.FieldErrorf("permission_set", "There is no permission set %q.", in.PermissionSet)
	}
	switch in.Attestation {
	case "":
		in.Attestation = postern.AttestationNone
	case postern.AttestationNone, postern.AttestationPacked:
	default:
		return in, nil, none, postern.FieldErrorf("attestation", "There is no attestation mode %q.", in.Attestation)
	}
	if in.ChallengeTimeout == 0 {
		in.ChallengeTimeout = postern.DefaultChallengeTimeout
	}
	if in.ChallengeTimeout < postern.MinChallengeTimeout || in.ChallengeTimeout > postern.MaxChallengeTimeout {
		return in, nil, none, postern.Errorf(postern.CodeEntraChallengeRange, "").OnField("challenge_timeout_minutes")
	}
	if ends := in.CredentialEndsAt; ends != nil {
		if ends.Year() < 2000 || ends.Year() > 9998 {
			return in, nil, none, postern.FieldErrorf("credential_ends_at", "That is no day on which a secret could end.")
		}
		at := ends.UTC()
		in.CredentialEndsAt = &at
	}
	credential, info, err := formCredential(in, now)
	return in, credential, info, err
}

// formCredential reads the credential from the form: a certificate wins over a secret, half a pair is refused.
func formCredential(in postern.IntegrationInput, now time.Time) (*entra.Credential, postern.Credential, error) {
	info := postern.Credential{SetAt: now}
	for _, secret := range []struct{ field, value string }{
		{"client_secret", in.ClientSecret},
		{"client_certificate", in.ClientCertificate},
		{"client_private_key", in.ClientPrivateKey},
		{"service_account_password", in.ServiceAccountPassword},
	} {
		if len(secret.value) > maxSecret {
			return nil, info, postern.FieldErrorf(secret.field, "The value is too long to be right.")
		}
	}
	hasCertificate := strings.TrimSpace(in.ClientCertificate) != ""
	hasKey := strings.TrimSpace(in.ClientPrivateKey) != ""
	hasSecret := strings.TrimSpace(in.ClientSecret) != ""
	hasUsername := strings.TrimSpace(in.ServiceAccountUsername) != ""
	hasPassword := in.ServiceAccountPassword != ""
	switch {
	case hasUsername != hasPassword && !hasUsername:
		return nil, info, postern.FieldErrorf("service_account_username", "A password is given without the service account's user name.")
	case hasUsername != hasPassword:
		return nil, info, postern.FieldErrorf("service_account_password", "A service account is given without its password.")
	case hasCertificate != hasKey && hasCertificate:
		return nil, info, postern.FieldErrorf("client_private_key", "A certificate is given without its private key.")
	case hasCertificate != hasKey:
		return nil, info, postern.FieldErrorf("client_certificate", "A private key is given without its certificate.")
	case hasUsername:
		info.Kind, info.Username = postern.CredentialServiceAccount, strings.TrimSpace(in.ServiceAccountUsername)
		return &entra.Credential{
			Kind: info.Kind, ClientSecret: strings.TrimSpace(in.ClientSecret),
			Username: info.Username, Password: in.ServiceAccountPassword,
		}, info, nil
	case hasCertificate:
		certificate, _, err := entra.ParseCertificate([]byte(in.ClientCertificate), []byte(in.ClientPrivateKey), now)
		if err != nil {
			return nil, info, err
		}
		info.Kind, info.Certificate = postern.CredentialCertificate, &certificate
		return &entra.Credential{
			Kind: info.Kind, Certificate: []byte(in.ClientCertificate), PrivateKey: []byte(in.ClientPrivateKey),
		}, info, nil
	case hasSecret:
		info.Kind, info.EndsAt = postern.CredentialSecret, in.CredentialEndsAt
		return &entra.Credential{Kind: info.Kind, ClientSecret: strings.TrimSpace(in.ClientSecret)}, info, nil
	}
	return nil, info, nil
}

func checkGUID(field, label, value string) (string, error) {
	value = strings.TrimSpace(value)
	if value == "" {
		return "", postern.FieldErrorf(field, "%s is required.", label)
	}
	// uuid.Parse takes braces, urn: and bare hex too; Entra shows the 36-character form, and so does everybody who copies it.
	id, err := uuid.Parse(value)
	if err != nil || len(value) != 36 {
		return "", postern.FieldErrorf(field, "%s is not a GUID of the form 00000000-0000-0000-0000-000000000000.", label).Because(err)
	}
	return id.String(), nil
}
