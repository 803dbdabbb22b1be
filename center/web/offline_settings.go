package web

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"github.com/postern/postern"
)

// offlineSettingsPage is the Workstation Settings tab.
type offlineSettingsPage struct {
	integrationFrame
	Form     postern.WorkstationSettings
	Stored   postern.WorkstationSettings
	Typed    map[string]string       // numbers as they were typed, where the form was sent
	Stale    bool                    // somebody else stored something meanwhile
	Open     []postern.OfflineSignIn // of the integration
	Loss     *offlineLoss            // what saving would take away, until somebody agrees
	Model    postern.Known           // whether the tenant lets the model of offline passkeys sign in
	Problems problems
}

// offlineLoss is what a change of settings takes away: offline passkeys, and the recovery codes of workstations that keep
// theirs.
type offlineLoss struct {
	Passkeys, Recovery int
	TPM                bool // because no TPM seals them
}

func offlineSettingsPath(id postern.IntegrationID) string {
	return integrationPath(id) + "/workstation-settings"
}

// lossOf says what the workstations would lose.
func lossOf(was, is postern.WorkstationSettings, open []postern.OfflineSignIn) (l offlineLoss) {
	off := was.Offline.Enabled && !is.Offline.Enabled
	l.TPM = !off && is.Offline.Enabled && is.Offline.RequireTPM && !(was.Offline.Enabled && was.Offline.RequireTPM)
	recoveryOff := was.Recovery.Enabled && !is.Recovery.Enabled
	for _, o := range open {
		switch {
		case o.State == postern.OfflineEnding:
		case off, l.TPM && o.Seal != postern.SealTPM:
			l.Passkeys++
		case recoveryOff && o.Recovery:
			l.Recovery++
		}
	}
	return l
}

// agreed is what the button of the question says that somebody saw. More than that is asked about anew.
func (l offlineLoss) agreed() string { return fmt.Sprintf("%d %d", l.Passkeys, l.Recovery) }

func (l offlineLoss) agreedBy(said string) bool {
	var passkeys, recovery int
	_, _ = fmt.Sscanf(said, "%d %d", &passkeys, &recovery) // what cannot be read agrees to nothing
	return l.Passkeys <= passkeys && l.Recovery <= recovery
}

func (l offlineLoss) button() string {
	if l.Passkeys > 0 {
		return "Save and take " + count(l.Passkeys, "offline passkey") + " away"
	}
	return "Save and end the recovery PINs"
}

func (c *console) offlineSettingsPage(r *http.Request) (offlineSettingsPage, error) {
	i, err := c.integration(r)
	if err != nil {
		return offlineSettingsPage{}, err
	}
	p := offlineSettingsPage{integrationFrame: c.integrationFrame(r, i, tabWorkstationSettings)}
	if p.Form, err = c.Offline.Settings(r.Context(), i.ID); err != nil {
		return p, err
	}
	p.Stored = p.Form
	if p.Open, err = c.Offline.Open(r.Context(), i.ID); err != nil {
		return p, err
	}
	p.Model, err = c.workstationModel(r.Context(), i.ID)
	return p, err
}

func (c *console) offlineSettings(w http.ResponseWriter, r *http.Request) error {
	p, err := c.offlineSettingsPage(r)
	if err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, offlineSettingsView(p))
}

// setOfflineSettings saves the form, and asks first where saving takes something away.
func (c *console) setOfflineSettings(w http.ResponseWriter, r *http.Request) error {
	p, err := c.offlineSettingsPage(r)
	if err != nil {
		return err
	}
	p.Form, p.Typed, err = readOfflineSettings(r)
	if err == nil {
		if loss := lossOf(p.Stored, p.Form, p.Open); p.Form.Version == p.Stored.Version && !loss.agreedBy(r.PostFormValue("agreed")) {
			p.Loss = &loss
			return c.show(w, r, http.StatusOK, offlineSettingsView(p))
		}
		_, err = c.Offline.SetSettings(r.Context(), p.Integration.ID, p.Form)
	}
	switch {
	case err == nil:
		return c.away(w, r, offlineSettingsPath(p.Integration.ID)+"?done=workstation-settings")
	case postern.IsCode(err, postern.CodeStale):
		if p.Stored, err = c.Offline.Settings(r.Context(), p.Integration.ID); err != nil {
			return err
		}
		p.Stale, p.Form.Version = true, p.Stored.Version
		return c.show(w, r, http.StatusConflict, offlineSettingsView(p))
	}
	p.Problems = problemsOf(err)
	return c.show(w, r, statusOf(p.Problems), offlineSettingsView(p))
}

// offlineNumbers says where the numbers of the form lie.
func offlineNumbers(s *postern.WorkstationSettings) map[string]*int {
	return map[string]*int{
		"offline.length": &s.Offline.Length, "offline.codes": &s.Offline.Codes, "offline.display_seconds": &s.Offline.DisplaySeconds,
		"offline.days": &s.Offline.Days, "offline.warn_at": &s.Offline.WarnAt, "recovery.length": &s.Recovery.Length,
	}
}

func readOfflineSettings(r *http.Request) (postern.WorkstationSettings, map[string]string, error) {
	in := postern.WorkstationSettings{Version: readVersion(r)}
	in.Offline.Enabled = r.PostFormValue("offline.enabled") == "true"
	in.Offline.RequireTPM = r.PostFormValue("offline.require_tpm") == "true"
	in.Recovery.Enabled = r.PostFormValue("recovery.enabled") == "true"
	typed := make(map[string]string)
	var wrong []error
	usual := postern.DefaultWorkstationSettings()
	numbers, such := offlineNumbers(&in), offlineNumbers(&usual)
	for _, name := range sortedKeys(numbers) {
		typed[name] = strings.TrimSpace(r.PostFormValue(name))
		n, err := strconv.Atoi(typed[name])
		if err != nil {
			wrong = append(wrong, postern.FieldErrorf(name, "%s: type a whole number, such as %d.", offlineLabels[name], *such[name]))
			continue
		}
		*numbers[name] = n
	}
	return in, typed, errors.Join(wrong...)
}

// offlineLabels are what the numbers of the form are called.
var offlineLabels = map[string]string{
	"offline.length": "Digits of a code", "offline.codes": "Codes that a workstation takes at once", "offline.display_seconds": "Seconds for which the phone shows a code",
	"offline.days": "Days for which codes are good", "offline.warn_at": "Codes left at which phone and workstation warn", "recovery.length": "Digits of a recovery PIN",
}

// number is one number of the form.
func (p offlineSettingsPage) number(name, help string) input {
	value, typed := p.Typed[name]
	if !typed {
		value = strconv.Itoa(*offlineNumbers(&p.Form)[name])
	}
	return input{
		Name: name, Label: offlineLabels[name], Help: help, Value: value, Required: true, Wrong: p.Problems,
		Attributes: templ.Attributes{"inputmode": "numeric", "autocomplete": "off"},
	}
}

// under is the class of what belongs to a switch. What is wrong is shown, whether the switch is on or off.
func (p offlineSettingsPage) under(prefix string) string {
	for _, e := range p.Problems {
		if strings.HasPrefix(e.Field, prefix) {
			return "under shown"
		}
	}
	return "under"
}

// users is how many offline passkeys there are, and beside how many of them recovery codes lie.
func (p offlineSettingsPage) users() (active, recovery int) {
	for _, o := range p.Open {
		if o.State == postern.OfflineActive {
			active++
			if o.Recovery {
				recovery++
			}
		}
	}
	return active, recovery
}

// offlineSettingsText says settings in two sentences.
func offlineSettingsText(s postern.WorkstationSettings) string {
	text := "Offline Mode is off."
	if o := s.Offline; o.Enabled {
		text = fmt.Sprintf("Offline Mode is on: codes of %d digits, %d at a time, shown for %d seconds, good for %d days, warning at %d left, %s.",
			o.Length, o.Codes, o.DisplaySeconds, o.Days, o.WarnAt, map[bool]string{true: "TPM required", false: "TPM not required"}[o.RequireTPM])
	}
	if s.Recovery.Enabled {
		return text + fmt.Sprintf(" Recovery Mode is on, with %d digits.", s.Recovery.Length)
	}
	return text + " Recovery Mode is off."
}

func onOff(on bool) (kind, text string) {
	if on {
		return "ok", "on"
	}
	return "", "off"
}
