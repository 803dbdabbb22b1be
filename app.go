package postern

import "strings"

// AppPath is where a control center serves the phone app.
const AppPath = "/app/"

// AppLink is the address that opens the phone app of a control center with an invitation's one-time code filled in. The
// code stands in the fragment, which browsers send to no server.
func AppLink(server, code string) string {
	return strings.TrimSuffix(server, "/") + AppPath + "#i=" + code
}
