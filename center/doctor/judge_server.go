package doctor

import (
	"fmt"
	"strings"
	"time"

	"github.com/postern/postern"
)

const (
	// clockWarns and clockFails are how far a clock may be off. Entra takes assertions of up to five minutes ago.
	clockWarns = time.Minute
	clockFails = 4 * time.Minute
	// expiryWarns is how long before its end people are told of a certificate.
	expiryWarns = 21 * 24 * time.Hour
)

func version(f Server) []postern.Finding {
	found := ok("Postern %s runs.", f.Setup.Version)
	d := f.Database
	switch {
	case f.DatabaseErr != nil || d.Newest == 0:
	case d.Schema < d.Newest:
		found = append(found, bad(postern.FindingFailure, fmt.Sprintf("The schema of the database is at version %d, and this program needs %d.", d.Schema, d.Newest),
			"Parts of Postern fail until the schema has what they ask for.", "Restart Postern: it brings the schema up to date when it starts.", ""))
	case d.Schema > d.Newest:
		found = append(found, bad(postern.FindingFailure, fmt.Sprintf("The schema of the database is at version %d, and this program knows %d: a newer Postern works on the same database.", d.Schema, d.Newest),
			"An older program may write what the newer one does not expect.", "Start the same, newest version of Postern everywhere.", ""))
	}
	return found
}

func clock(f Server) []postern.Finding {
	var found []postern.Finding
	add := func(whose string, ahead *time.Duration) {
		if ahead == nil {
			return
		}
		off, side := *ahead, "behind"
		if off < 0 {
			off, side = -off, "ahead of"
		}
		state := postern.FindingWarning
		switch {
		case off < clockWarns:
			found = append(found, postern.Finding{State: postern.FindingOK, Subject: whose, Message: "The clock agrees with that of " + whose + "."})
			return
		case off >= clockFails:
			state = postern.FindingFailure
		}
		b := bad(state, fmt.Sprintf("The clock of this server is %s %s that of %s.", span(off), side, whose),
			"Entra refuses what a certificate signs at the wrong time, one-time codes and invitations end at the wrong time, and phones are refused.",
			"Set the clock and keep it set: timedatectl set-ntp true, or chrony.", "")
		b.Subject = whose
		found = append(found, b)
	}
	add("Entra", f.Authority.Ahead)
	add("Microsoft Graph", f.Graph.Ahead)
	if f.DatabaseErr == nil {
		add("the database", f.Database.Ahead)
	}
	if len(found) == 0 {
		return []postern.Finding{bad(postern.FindingUnknown, "The clock could not be compared with another.", "Neither Entra nor Microsoft Graph answered.",
			"See the checks authority and graph; timedatectl says whether the clock is synchronised.", "")}
	}
	return found
}

func authority(f Server) []postern.Finding {
	return way(f, f.Authority, "Entra's sign-in service", "Without it no token can be bought: nothing can be registered, listed or deleted in any tenant.", "entra.authority")
}

func graph(f Server) []postern.Finding {
	return way(f, f.Graph, "Microsoft Graph", "Without it nothing can be registered, listed or deleted in any tenant.", "entra.graph")
}

func way(f Server, w Way, what, why, setting string) []postern.Finding {
	by := ""
	if w.Proxy != "" {
		by = " through the proxy " + w.Proxy
	}
	next := "See whether this server reaches the internet" + by + ": curl -v " + w.URL
	switch {
	case w.URL == "":
		return nil
	case w.DNS != "":
		return []postern.Finding{bad(postern.FindingFailure, fmt.Sprintf("The name %s of %s cannot be resolved: %s.", w.Host, what, w.DNS), why,
			"Mend the name service of this server (see resolvectl status), or the setting "+setting+".", "")}
	case w.TLS != "":
		return []postern.Finding{bad(postern.FindingFailure, fmt.Sprintf("The certificate of %s at %s is not trusted: %s.", what, w.Host, w.TLS), why,
			"If a proxy opens TLS, exempt "+w.Host+" from that; otherwise bring the certificate authorities of this server up to date. For an emulator set entra.ca_file.", "")}
	case w.TCP != "":
		return []postern.Finding{bad(postern.FindingFailure, fmt.Sprintf("%s at %s cannot be reached%s: %s.", upper(what), w.Host, by, w.TCP), why,
			"Allow connections to "+w.Host+" on port 443 in the firewall. "+next, "")}
	case w.HTTP != "":
		return []postern.Finding{bad(postern.FindingFailure, fmt.Sprintf("Something else answers in the place of %s at %s%s: %s.", what, w.Host, by, w.HTTP), why,
			"A proxy or a portal stands between. Exempt "+w.Host+" from it, or correct the setting "+setting+".", "")}
	}
	found := ok("%s answers at %s%s.", upper(what), w.Host, by)
	return append(found, ending(f.Now, "The certificate of "+w.Host, w.Expires, postern.FindingNote, "Microsoft renews it. If a proxy opens TLS, it is that proxy's certificate: renew that.")...)
}

// ending warns of a certificate that ends soon.
func ending(now time.Time, what string, ends time.Time, state postern.FindingState, next string) []postern.Finding {
	if ends.IsZero() || ends.Sub(now) > expiryWarns {
		return nil
	}
	return []postern.Finding{bad(state, fmt.Sprintf("%s ends on %s.", what, day(ends)), "When it has ended nothing connects any more.", next, "")}
}

func publicURL(f Server) []postern.Finding {
	w := f.Public
	why := "Phones, workstations and browsers come by this address."
	switch {
	case w.DNS != "":
		return []postern.Finding{bad(postern.FindingFailure, fmt.Sprintf("The name %s of the public address cannot be resolved: %s.", w.Host, w.DNS), why,
			"Add the name to DNS, or correct public_url. Passkeys of administrators belong to that name, so change it only before there are any.", "")}
	case w.TLS != "":
		return []postern.Finding{bad(postern.FindingFailure, fmt.Sprintf("The certificate at the public address %s is not trusted: %s.", w.URL, w.TLS), why,
			"Install a certificate for "+w.Host+" with its intermediate certificates, from an authority that phones trust, in the proxy or as tls_certificate.", "")}
	case w.TCP != "":
		return []postern.Finding{bad(postern.FindingFailure, fmt.Sprintf("The public address %s cannot be reached from this server: %s.", w.URL, w.TCP), why,
			"See whether the proxy before Postern runs, and whether it passes on to "+w.Host+". If only this server cannot reach it, try curl -v "+w.URL+"/healthz from elsewhere.", "")}
	case w.HTTP != "":
		return []postern.Finding{bad(postern.FindingFailure, fmt.Sprintf("What answers at the public address %s is not Postern: %s.", w.URL, w.HTTP), why,
			"Have the proxy pass everything below "+w.URL+" on to Postern, or correct public_url.", "")}
	}
	found := ok("Postern answers at its public address %s.", w.URL)
	if strings.HasPrefix(w.URL, "http://") && !local(w.Host) {
		found = append(found, bad(postern.FindingFailure, "The public address "+w.URL+" has no TLS.", "Browsers offer passkeys and the phone app only over https.",
			"Set tls_certificate and tls_key, or put a proxy with TLS before Postern; then set public_url to the https address.", ""))
	}
	return append(found, ending(f.Now, "The certificate at the public address", w.Expires, postern.FindingWarning, "Renew the certificate of "+w.Host+".")...)
}

func certificate(f Server) []postern.Finding {
	l := f.Listener
	switch {
	case !l.Own:
		return nil
	case l.Err != "":
		return []postern.Finding{bad(postern.FindingFailure, "The configured certificate cannot be used: "+l.Err+".", "Postern does not start with it again.",
			"Put a certificate and its private key, both PEM, where tls_certificate and tls_key point to, and restart Postern.", "")}
	case f.Now.After(l.Expires):
		return []postern.Finding{bad(postern.FindingFailure, fmt.Sprintf("The configured certificate ended on %s.", day(l.Expires)), "Browsers and phones refuse it.",
			"Renew the certificate at tls_certificate and restart Postern.", "")}
	case !l.Covers:
		return []postern.Finding{bad(postern.FindingFailure, fmt.Sprintf("The configured certificate is for %s, and not for the public address %s.", sentence(l.Names), f.Setup.PublicURL),
			"Browsers and phones refuse it.", "Have one issued for the host of the public address, or correct public_url.", "")}
	}
	if soon := ending(f.Now, "The configured certificate", l.Expires, postern.FindingWarning, "Renew the certificate at tls_certificate and restart Postern."); soon != nil {
		return soon
	}
	return ok("The configured certificate is good until %s.", day(l.Expires))
}

func relay(f Server) []postern.Finding {
	switch {
	case !f.Relay.Looked || f.Public.broken() != "":
		return nil // the public address is the way there
	case f.Relay.Err != "":
		return []postern.Finding{bad(postern.FindingFailure, "The relay cannot be reached through the public address: "+f.Relay.Err+".",
			"Phones and workstations find each other by a WebSocket; a proxy that does not pass it on leaves them apart.",
			"Have the proxy pass WebSockets on (the headers Upgrade and Connection), with a read timeout above one minute.", "")}
	}
	return ok("The relay takes WebSockets through the public address.")
}

func backbone(f Server) []postern.Finding {
	switch {
	case f.Replicas == nil:
		return nil
	case !*f.Replicas:
		return []postern.Finding{bad(postern.FindingFailure, "NATS does not answer.", "Phones and workstations at different replicas do not reach each other; each replica still does its own work.",
			"See whether the NATS cluster of nats.url runs and takes these credentials; Postern connects again by itself.", "")}
	}
	return ok("The replicas are joined by NATS.")
}

func administrators(f Server) []postern.Finding {
	if f.AdministratorsErr != nil {
		return unreadable("The administrators")
	}
	link := "/administrators"
	var found []postern.Finding
	owners := 0
	for _, a := range f.Administrators {
		if a.Role != postern.RoleOwner || a.DisabledAt != nil || a.Passkeys == 0 {
			continue
		}
		owners++
		if a.Passkeys == 1 {
			b := bad(postern.FindingWarning, a.Name+", an owner, has only one passkey.", "If that one is lost, only somebody with a shell on the server can let them in again.",
				"Have "+a.Name+" sign in and add a second passkey under their account.", "/account")
			b.Subject = a.Name
			found = append(found, b)
		}
	}
	switch owners {
	case 0:
		found = append(found, bad(postern.FindingFailure, "No owner can sign in.", "Nobody can appoint administrators.", "Run postern local owner-link on the server; it prints a link for one.", link))
	case 1:
		found = append(found, bad(postern.FindingWarning, "There is only one owner.", "If they are away or leave, nobody can appoint administrators.", "Invite a second owner under Administrators.", link))
	}
	if found == nil {
		return ok("%d owners can sign in, each with more than one passkey.", owners)
	}
	return found
}

func debug(f Server) []postern.Finding {
	var found []postern.Finding
	if strings.EqualFold(f.Setup.LogLevel, "debug") {
		found = append(found, bad(postern.FindingWarning, "The log level is debug.", "The log grows fast and tells much of what people do.", "Set log_level to info and restart Postern.", ""))
	}
	if f.Setup.Stories {
		found = append(found, bad(postern.FindingNote, "The storybook is on, as for a demonstration.", "It shows invented people and serves nobody here.", "Set stories to false.", ""))
	}
	if found == nil {
		return ok("Nothing is left on that is for finding faults.")
	}
	return found
}
