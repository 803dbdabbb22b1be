package web

import (
	"fmt"
	"net/http"

	"github.com/postern/postern"
)

func (c *console) settings(w http.ResponseWriter, r *http.Request) error {
	i, err := c.integration(r)
	if err != nil {
		return err
	}
	return c.showSettings(w, r, http.StatusOK, i, formOf(i, c.Now()))
}

func (c *console) showSettings(w http.ResponseWriter, r *http.Request, status int, i postern.Integration, form integrationForm) error {
	credential, err := c.Rotations.Status(r.Context(), i.ID)
	if err != nil {
		return err
	}
	return c.show(w, r, status, settings(settingsPage{integrationFrame: c.integrationFrame(r, i, tabSettings), Form: form, Credential: credential}))
}

func (c *console) updateIntegration(w http.ResponseWriter, r *http.Request) error {
	i, err := c.integration(r)
	if err != nil {
		return err
	}
	in, wrong := readIntegration(r)
	if len(wrong) == 0 {
		_, err := c.Integrations.Update(r.Context(), i.ID, in)
		if err == nil {
			return c.away(w, r, integrationPath(i.ID)+"/settings?done=updated")
		}
		if postern.IsCode(err, postern.CodeStale) {
			return c.showStale(w, r, c.fresh(r.Context(), i), in)
		}
		wrong = problemsOf(err)
	}
	form := formOf(i, c.Now())
	form.Input, form.Problems = withoutSecrets(in), wrong
	return c.showSettings(w, r, statusOf(wrong), i, form)
}

// showStale shows what is stored now beside what was meant to be. The form carries the version of now, so sending it
// again is a decision and not an accident.
func (c *console) showStale(w http.ResponseWriter, r *http.Request, now postern.Integration, mine postern.IntegrationInput) error {
	form := formOf(now, c.Now())
	form.Changes = append([]change{}, changesBetween(now, mine)...)
	form.Input = withoutSecrets(mine)
	form.Input.Version = now.Version
	return c.showSettings(w, r, http.StatusConflict, now, form)
}

// testStored tests what the form holds when it brings a credential, and what is stored otherwise.
func (c *console) testStored(w http.ResponseWriter, r *http.Request) error {
	i, err := c.integration(r)
	if err != nil {
		return err
	}
	in, wrong := readIntegration(r)
	var o outcome
	if hasCredential(in) {
		o = c.testInput(r, in, wrong)
	} else {
		o = outcome{Now: c.Now()}
		test, err := c.Integrations.Test(r.Context(), i.ID)
		if err != nil {
			o.Problems = problemsOf(err)
		} else {
			o.Test = &test
		}
	}
	return c.showOutcome(w, r, o, func() error { return c.showWith(w, r, i, in, o) })
}

func (c *console) validateStored(w http.ResponseWriter, r *http.Request) error {
	i, err := c.integration(r)
	if err != nil {
		return err
	}
	in, _ := readIntegration(r)
	o := c.certificateOf(r)
	return c.showOutcome(w, r, o, func() error { return c.showWith(w, r, i, in, o) })
}

func (c *console) showWith(w http.ResponseWriter, r *http.Request, i postern.Integration, in postern.IntegrationInput, o outcome) error {
	form := formOf(i, c.Now())
	if in.ApplicationName != "" {
		form.Input = withoutSecrets(in)
	}
	form.Outcome = &o
	return c.showSettings(w, r, http.StatusOK, i, form)
}

// statePage confirms that an integration is to be enabled, disabled or removed.
type statePage struct {
	frame
	Integration postern.Integration
	Problems    problems
	Typed       string
}

func (p statePage) version() string { return fmt.Sprint(p.Integration.Version) }

func (c *console) confirmEnable(w http.ResponseWriter, r *http.Request) error {
	i, err := c.integration(r)
	if err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, confirmEnable(statePage{frame: c.sheetFrame(r, i, "Enable "+i.ApplicationName+"?"), Integration: i}))
}

func (c *console) enable(w http.ResponseWriter, r *http.Request) error {
	i, err := c.integration(r)
	if err != nil {
		return err
	}
	if _, err := c.Integrations.SetState(r.Context(), i.ID, readVersion(r), postern.StateEnabled); err != nil {
		i = c.fresh(r.Context(), i)
		p := statePage{frame: c.sheetFrame(r, i, "Enable "+i.ApplicationName+"?"), Integration: i, Problems: problemsOf(err)}
		return c.show(w, r, statusOf(p.Problems), confirmEnable(p))
	}
	return c.away(w, r, integrationPath(i.ID)+"/settings?enabled=1")
}

func (c *console) confirmDisable(w http.ResponseWriter, r *http.Request) error {
	i, err := c.integration(r)
	if err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, confirmDisable(statePage{frame: c.sheetFrame(r, i, "Disable "+i.ApplicationName+"?"), Integration: i}))
}

func (c *console) disable(w http.ResponseWriter, r *http.Request) error {
	i, err := c.integration(r)
	if err != nil {
		return err
	}
	if _, err := c.Integrations.SetState(r.Context(), i.ID, readVersion(r), postern.StateDisabled); err != nil {
		i = c.fresh(r.Context(), i)
		p := statePage{frame: c.sheetFrame(r, i, "Disable "+i.ApplicationName+"?"), Integration: i, Problems: problemsOf(err)}
		return c.show(w, r, statusOf(p.Problems), confirmDisable(p))
	}
	return c.away(w, r, integrationPath(i.ID)+"/settings?done=disabled")
}

func (c *console) confirmRemove(w http.ResponseWriter, r *http.Request) error {
	i, err := c.integration(r)
	if err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, confirmRemove(statePage{frame: c.sheetFrame(r, i, "Remove "+i.ApplicationName+"?"), Integration: i}))
}

func (c *console) remove(w http.ResponseWriter, r *http.Request) error {
	i, err := c.integration(r)
	if err != nil {
		return err
	}
	typed := r.PostFormValue("name")
	if typed != i.ApplicationName {
		err = postern.FieldErrorf("name", "That is not the application name.").WithNext("Type " + i.ApplicationName + " exactly as it stands here.")
	} else {
		err = c.Integrations.Remove(r.Context(), i.ID, readVersion(r))
	}
	if err != nil {
		i = c.fresh(r.Context(), i)
		p := statePage{frame: c.sheetFrame(r, i, "Remove "+i.ApplicationName+"?"), Integration: i, Problems: problemsOf(err), Typed: typed}
		return c.show(w, r, statusOf(p.Problems), confirmRemove(p))
	}
	return c.away(w, r, "/integrations?done=removed")
}

func (c *console) setFlag(w http.ResponseWriter, r *http.Request) error {
	i, err := c.integration(r)
	if err != nil {
		return err
	}
	if _, err := c.Integrations.SetFlags(r.Context(), i.ID, readVersion(r), turned(i.Flags, r)); err != nil {
		return c.tooLate(w, r, i, err)
	}
	return c.away(w, r, integrationPath(i.ID)+"/settings?done=flags#flags")
}

func (c *console) setHTTPDebug(w http.ResponseWriter, r *http.Request) error {
	i, err := c.integration(r)
	if err != nil {
		return err
	}
	on := r.PostFormValue("on") == "true"
	if _, err := c.Integrations.SetHTTPDebug(r.Context(), i.ID, readVersion(r), on); err != nil {
		return c.tooLate(w, r, i, err)
	}
	note := "debug-off"
	if on {
		note = "debug-on"
	}
	return c.away(w, r, integrationPath(i.ID)+"/settings?done="+note+"#http-debug")
}

// tooLate shows the settings as they are now when a switch was thrown on a page that is out of date.
func (c *console) tooLate(w http.ResponseWriter, r *http.Request, i postern.Integration, err error) error {
	if !postern.IsCode(err, postern.CodeStale) {
		return err
	}
	now := c.fresh(r.Context(), i)
	p := settingsPage{integrationFrame: c.integrationFrame(r, now, tabSettings), Form: formOf(now, c.Now())}
	p.Note = "Somebody else changed this integration since you opened it, so the switch was not thrown. Below is what is stored now; throw it again if it is still wanted."
	return c.show(w, r, http.StatusConflict, settings(p))
}
