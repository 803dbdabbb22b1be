package web

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/postern/postern"
)

// integrationForm is the form that adds or updates an integration. It never carries a stored secret, and what was
// typed into a secret field is not sent back either.
type integrationForm struct {
	Input    postern.IntegrationInput
	Stored   *postern.Integration // nil on a new form
	Problems problems
	Outcome  *outcome
	Changes  []change // what somebody else changed meanwhile
	Now      time.Time
}

// outcome is what Test Connection or Validate Certificate found.
type outcome struct {
	Test        *postern.ConnectionTest
	Certificate *postern.CertificateInfo
	Problems    problems
	Now         time.Time
}

// change is one value that differs between what is stored now and what a form wants.
type change struct{ Field, Theirs, Mine string }

// action is where the form is sent.
func (f integrationForm) action() string {
	if f.Stored == nil {
		return "/integrations"
	}
	return integrationPath(f.Stored.ID) + "/settings"
}

// probe is where the two checks are sent.
func (f integrationForm) probe(what string) string {
	if f.Stored == nil {
		return "/integrations/new/" + what
	}
	return integrationPath(f.Stored.ID) + "/" + what
}

// kept says since when a credential of that kind is stored, or "" when none is.
func (f integrationForm) kept(kind postern.CredentialKind) string {
	if f.Stored == nil || f.Stored.Credential.Kind != kind {
		return ""
	}
	return "Set on " + f.Stored.Credential.SetAt.UTC().Format("2 January 2006") + ". Leave empty to keep it. "
}

// end says when the stored secret ends, as far as that is known.
func (f integrationForm) end() string {
	if f.kept(postern.CredentialSecret) == "" || f.Stored.Credential.EndsAt == nil {
		return ""
	}
	return "Known: " + f.Stored.Credential.EndsAt.UTC().Format("2 January 2006") + ". Leave empty to keep it. "
}

// dayValue is a day as a date field has it.
func dayValue(at *time.Time) string {
	if at == nil {
		return ""
	}
	return at.UTC().Format(time.DateOnly)
}

func newForm(now time.Time) integrationForm {
	return integrationForm{Now: now, Input: postern.IntegrationInput{
		Experience: postern.ExperienceNative, PermissionSet: postern.PermissionsStandard,
		ChallengeTimeout: postern.DefaultChallengeTimeout, Attestation: postern.AttestationNone,
	}}
}

// formOf is the form of a stored integration.
func formOf(i postern.Integration, now time.Time) integrationForm {
	return integrationForm{Now: now, Stored: &i, Input: postern.IntegrationInput{
		Version: i.Version, ApplicationName: i.ApplicationName, Experience: i.Experience, TenantID: i.TenantID, ClientID: i.ClientID,
		ServiceAccountUsername: i.Credential.Username, PermissionSet: i.PermissionSet, ChallengeTimeout: i.ChallengeTimeout,
		Attestation: i.Attestation, AllowLowAssurance: i.AllowLowAssurance,
	}}
}

// readIntegration reads the form. What cannot be read is a problem of its field.
func readIntegration(r *http.Request) (postern.IntegrationInput, problems) {
	var wrong problems
	if err := r.ParseForm(); err != nil {
		return postern.IntegrationInput{}, problems{postern.Errorf(postern.CodeTooLarge, "The form is larger than Postern accepts.").Because(err)}
	}
	v := func(name string) string { return strings.TrimSpace(r.PostFormValue(name)) }
	in := postern.IntegrationInput{
		ApplicationName: v("application_name"), Experience: postern.Experience(v("experience")),
		TenantID: v("tenant_id"), ClientID: v("client_id"), ClientSecret: v("client_secret"),
		ClientCertificate: v("client_certificate"), ClientPrivateKey: v("client_private_key"),
		ServiceAccountUsername: v("service_account_username"), ServiceAccountPassword: r.PostFormValue("service_account_password"),
		PermissionSet: postern.PermissionSet(v("permission_set")), Attestation: postern.AttestationMode(v("attestation")),
		AllowLowAssurance: v("allow_low_assurance") == "true",
	}
	in.Version = readVersion(r)
	if text := v("credential_ends_at"); text != "" {
		if day, err := time.Parse(time.DateOnly, text); err == nil {
			in.CredentialEndsAt = &day
		} else {
			wrong = append(wrong, postern.FieldErrorf("credential_ends_at", "%q is no day.", text).WithNext("Give it as 2026-12-31."))
		}
	}
	if text := v("challenge_timeout_minutes"); text != "" {
		minutes, err := strconv.Atoi(text)
		if err != nil {
			wrong = append(wrong, postern.FieldErrorf("challenge_timeout_minutes", "The challenge timeout is not a whole number.").
				WithNext("Give a number of minutes from 5 to 43200."))
		} else if minutes == 0 {
			minutes = -1 // 0 means the default to the service, but nobody types 0 to mean 5
		}
		in.ChallengeTimeout = minutes
	}
	return in, wrong
}

func readVersion(r *http.Request) int64 {
	version, err := strconv.ParseInt(r.PostFormValue("version"), 10, 64)
	if err != nil {
		return 0 // never a stored version, so the service calls it stale
	}
	return version
}

// withoutSecrets is the input as a form may show it again.
func withoutSecrets(in postern.IntegrationInput) postern.IntegrationInput {
	in.ClientSecret, in.ClientPrivateKey, in.ServiceAccountPassword = "", "", ""
	return in
}

func hasCredential(in postern.IntegrationInput) bool {
	return in.ClientSecret != "" || in.ClientCertificate != "" || in.ClientPrivateKey != "" || in.ServiceAccountPassword != ""
}

// changesBetween lists where a form differs from what is stored now.
func changesBetween(now postern.Integration, mine postern.IntegrationInput) []change {
	var all []change
	differ := func(field, theirs, mine string) {
		if theirs != mine {
			all = append(all, change{field, theirs, mine})
		}
	}
	differ("Application Name", now.ApplicationName, mine.ApplicationName)
	differ("Tenant ID", now.TenantID, mine.TenantID)
	differ("Client ID", now.ClientID, mine.ClientID)
	differ("Permissions", string(now.PermissionSet), string(mine.PermissionSet))
	differ("Challenge timeout", strconv.Itoa(now.ChallengeTimeout), strconv.Itoa(mine.ChallengeTimeout))
	differ("Attestation", string(now.Attestation), string(mine.Attestation))
	differ("Accept lower assurance", yesNo(now.AllowLowAssurance), yesNo(mine.AllowLowAssurance))
	if hasCredential(mine) {
		all = append(all, change{"Credential", "set " + now.Credential.SetAt.UTC().Format("2 Jan 2006 15:04") + " UTC", "a new one, to be typed again"})
	}
	return all
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// settingsPage is the Integration Settings tab, and the last step of adding an integration.
type settingsPage struct {
	integrationFrame
	Form integrationForm
	// Credential is how the credential stands; Still keeps a story from asking for it again.
	Credential postern.CredentialStatus
	Still      bool
	Note       string // what somebody else did meanwhile, when a switch came too late
}

func (c *console) newIntegration(w http.ResponseWriter, r *http.Request) error {
	flags, err := c.Integrations.Offered(r.Context())
	if err != nil {
		return err
	}
	if !flags[postern.FlagAzureIDP] || !flags[postern.FlagAzureNativeLogin] {
		return c.away(w, r, "/integrations/new")
	}
	return c.showNew(w, r, http.StatusOK, newForm(c.Now()))
}

func (c *console) showNew(w http.ResponseWriter, r *http.Request, status int, form integrationForm) error {
	f := c.newFrame(r, "Integration Settings")
	f.Trail = append(f.Trail, crumb{"Add New Integrations", "/integrations/new"}, crumb{"Login experience", "/integrations/new/experience"})
	return c.show(w, r, status, newIntegration(settingsPage{integrationFrame: integrationFrame{frame: f}, Form: form}))
}

func (c *console) addIntegration(w http.ResponseWriter, r *http.Request) error {
	in, wrong := readIntegration(r)
	if len(wrong) == 0 {
		i, err := c.Integrations.Add(r.Context(), in)
		if err == nil {
			return c.away(w, r, integrationPath(i.ID)+"?added=1")
		}
		wrong = problemsOf(err)
	}
	form := newForm(c.Now())
	form.Input, form.Problems = withoutSecrets(in), wrong
	return c.showNew(w, r, statusOf(wrong), form)
}

// statusOf is the status of a form that is shown again.
func statusOf(p problems) int {
	if len(p) == 0 {
		return http.StatusOK
	}
	return p[0].Status()
}

func (c *console) testNew(w http.ResponseWriter, r *http.Request) error {
	in, wrong := readIntegration(r)
	o := c.testInput(r, in, wrong)
	return c.showOutcome(w, r, o, func() error {
		form := newForm(c.Now())
		form.Input, form.Outcome = withoutSecrets(in), &o
		return c.showNew(w, r, http.StatusOK, form)
	})
}

func (c *console) testInput(r *http.Request, in postern.IntegrationInput, wrong problems) outcome {
	o := outcome{Problems: wrong, Now: c.Now()}
	if len(wrong) > 0 {
		return o
	}
	test, err := c.Integrations.TestInput(r.Context(), in)
	if err != nil {
		o.Problems = problemsOf(err)
		return o
	}
	o.Test = &test
	return o
}

func (c *console) certificateOf(r *http.Request) outcome {
	o := outcome{Now: c.Now()}
	info, err := c.Integrations.ValidateCertificate(r.Context(), r.PostFormValue("client_certificate"), r.PostFormValue("client_private_key"))
	if err != nil {
		o.Problems = problemsOf(err)
		return o
	}
	o.Certificate = &info
	return o
}

func (c *console) validateNew(w http.ResponseWriter, r *http.Request) error {
	in, _ := readIntegration(r)
	o := c.certificateOf(r)
	return c.showOutcome(w, r, o, func() error {
		form := newForm(c.Now())
		form.Input, form.Outcome = withoutSecrets(in), &o
		return c.showNew(w, r, http.StatusOK, form)
	})
}

// showOutcome answers a check: into the form for htmx, which leaves everything typed where it is, and as the whole page
// for a browser without scripts.
func (c *console) showOutcome(w http.ResponseWriter, r *http.Request, o outcome, whole func() error) error {
	if r.Header.Get("HX-Request") != "" {
		return c.show(w, r, http.StatusOK, outcomeOf(o))
	}
	return whole()
}
