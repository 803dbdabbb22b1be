package web

import (
	"net/http"
	"slices"

	"github.com/postern/postern"
)

// workstationPage is one workstation and what it has for signing in without a network.
type workstationPage struct {
	frame
	Integration postern.Integration
	One         postern.Workstation
	Phones      int
	Rows        []offlineRow
	Settings    postern.WorkstationSettings
}

func workstationPath(i postern.IntegrationID, w postern.WorkstationID) string {
	return workstationsPath(i) + "/" + string(w)
}

// workstationOf finds the workstation of the address among those of an integration.
func (c *console) workstationOf(r *http.Request, i postern.Integration) (postern.Workstation, error) {
	all, err := c.Phones.Workstations(r.Context(), i.ID)
	if err != nil {
		return postern.Workstation{}, err
	}
	at := slices.IndexFunc(all, func(one postern.Workstation) bool { return string(one.ID) == r.PathValue("workstation") })
	if at < 0 {
		return postern.Workstation{}, postern.Errorf(postern.CodeNotFound, "%s has no such workstation.", i.ApplicationName)
	}
	return all[at], nil
}

func (c *console) workstation(w http.ResponseWriter, r *http.Request) error {
	i, err := c.integration(r)
	if err != nil {
		return err
	}
	one, err := c.workstationOf(r, i)
	if err != nil {
		return err
	}
	ctx := r.Context()
	p := workstationPage{frame: c.sheetFrame(r, i, one.Name), Integration: i, One: one}
	p.frame.Trail = append(p.frame.Trail, crumb{string(tabWorkstations), workstationsPath(i.ID)})
	phones, err := c.Phones.PhonesAt(ctx, i.ID)
	if err != nil {
		return err
	}
	p.Phones = phones[one.ID]
	if p.Settings, err = c.Offline.Settings(ctx, i.ID); err != nil {
		return err
	}
	all, err := c.Offline.OfWorkstation(ctx, one.ID)
	if err != nil {
		return err
	}
	for _, o := range all {
		row := offlineRow{frame: p.frame, One: o, Title: string(o.UserID), Path: userPath(o.UserID) + "#offline", Off: !p.Settings.Recovery.Enabled}
		if u, err := c.Users.User(ctx, o.UserID); err == nil { // one who is gone has no name, and the rest is worth having
			row.Title = u.DisplayName
		}
		p.Rows = append(p.Rows, row)
	}
	return c.show(w, r, http.StatusOK, workstationView(p))
}

// split are the rows of what did not end, and of what did.
func (p workstationPage) split() (now, ended []offlineRow) {
	for _, r := range p.Rows {
		if r.One.State == postern.OfflineEnded {
			ended = append(ended, r)
		} else {
			now = append(now, r)
		}
	}
	return now, ended
}
