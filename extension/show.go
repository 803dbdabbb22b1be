package extension

import (
	"encoding/json"
)

// show tells the pages how everything stands.
func (a *App) show() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.revision++
	data, err := json.Marshal(a.view())
	if err != nil {
		a.log.Error("the view cannot be written", "err", err)
		return
	}
	a.host.View(data) // under the lock, so that views arrive in order
}

// view makes the view. The caller holds App.mu.
func (a *App) view() View {
	v := View{
		Revision: a.revision, Version: a.cfg.Version, Phones: []Phone{}, Link: Link{State: LinkNone}, Diagnosis: a.diagnosis,
		Policy: ViewPolicy{Server: a.policy.Server != "", Attach: a.policy.AutoAttach != nil, Fallback: a.policy.mayFallBack()},
		Proxy:  Proxy{State: a.proxy, Wanted: a.policy.wanted(!a.kept.Off)},
	}
	for _, place := range a.kept.Left {
		v.Leaving = append(v.Leaving, place.Workstation.Server)
	}
	if a.proxy == ProxyPaused {
		v.Proxy.Until = a.kept.Paused
	}
	if a.pairing != nil {
		p := a.pairing.view
		v.Pairing = &p
	}
	if a.shown != nil {
		r := a.shown.view
		v.Request = &r
	}
	for _, c := range a.open {
		if c != a.shown {
			v.Waiting++
		}
	}
	if a.station == nil {
		setup := a.setup
		if setup.Server == "" && a.policy.Server != "" {
			setup.Server, setup.Integration = a.policy.Server, a.policy.Integration
		}
		v.Setup = &setup
		return v
	}
	s := a.station.Status()
	v.Browser = &Browser{ID: s.ID, Name: s.Name, Server: s.Server, Application: s.Application, Notice: s.Notice}
	switch {
	case a.refused != nil:
		v.Link = Link{State: LinkRefused, Problem: problem(a.refused)}
	case s.Connected:
		v.Link.State = LinkOnline
	default:
		v.Link.State = LinkOffline
	}
	if s.Problem != nil && a.refused == nil {
		v.Link.Problem = problem(s.Problem)
	}
	for _, p := range s.Phones {
		v.Phones = append(v.Phones, Phone{
			Pairing: p.Pairing, ID: p.ID, Name: p.Name, User: p.User, UPN: p.UPN, Presence: p.Presence.String(),
			Incomplete: p.Incomplete, Notice: p.Notice, Paired: p.Paired,
		})
	}
	return v
}
