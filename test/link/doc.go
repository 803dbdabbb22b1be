// Package link runs both ends of the link against a whole control center: the workstation's half of package
// link/workstation and the phone's half of package phone/link, over WebSockets and HTTP.
package link
