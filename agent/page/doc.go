// Package page is the local page of the agent: a small web server on loopback for the people at this machine, the JSON under
// it, and a [Client] of that for the command line.
//
//	GET    /                     the page; static files below /static/
//	POST   /session              {"ticket"}: exchanges a ticket for the cookie
//	POST   /api/ticket           {"ticket"}: for the fragment of an address, good once and for a minute
//	GET    /api/view             [agent.View]
//	GET    /api/events           the same at every change, as server-sent events
//	GET    /api/qr.svg           the QR code of the pairing that is open
//	POST   /api/enrolment        [agent.Enrolment]
//	POST   /api/leave            {"local"}
//	PUT    /api/name             {"name"}
//	POST   /api/pairing          {"typed"}: begins a pairing
//	POST   /api/pairing/answer   {"same"}: whether the digits are
//	DELETE /api/pairing          ends it, or puts it away
//	DELETE /api/phones/{id}      unpairs; the id is the pairing's
//	POST   /api/refresh          asks the control center anew
//	GET    /api/doctor           [postern.DoctorReport]
//
// Every program of this machine reaches a loopback address, and every web page makes its visitor's browser do so. Hence:
// a token, new at each start, lies in a file that the service's account can read, and whoever it shares it with; a browser
// gets a cookie for a ticket instead, which no script reads and no other site sends; the Host header must be the address
// itself, so that no name of somebody else's can point here; whatever changes something must come from the page itself; and
// nothing is embedded in the page that is not a file of its own. An error is a problem document (RFC 9457).
package page
