package web

import (
	"net/http"
	"strings"
)

// guideLinks says which part of which guide belongs to a page: the path of its route, and what the link is called. A test
// holds that route, guide and heading exist.
var guideLinks = map[string]string{
	"/integrations":                                             "administrator#set-up-a-tenant",
	"/integrations/new":                                         "administrator#before-you-start",
	"/integrations/new/flags":                                   "administrator#feature-flags",
	"/integrations/new/settings":                                "administrator#connect-with-an-application-you-already-have",
	"/integrations/{integration}":                               "help-desk#see-where-somebody-is-stuck",
	"/integrations/{integration}/invite":                        "help-desk#invite-somebody",
	"/integrations/{integration}/directory":                     "administrator#roll-out",
	"/integrations/{integration}/directory/users":               "administrator#roll-out",
	"/integrations/{integration}/lifecycle":                     "lifecycle",
	"/integrations/{integration}/lifecycle/revoke":              "administrator#remove-an-integration",
	"/integrations/{integration}/enrolment":                     "administrator#roll-out",
	"/integrations/{integration}/approvals/{phone}/approve":     "help-desk#approve-a-phone",
	"/integrations/{integration}/workstations":                  "administrator#install-the-desktop-client",
	"/integrations/{integration}/workstations/{workstation}":    "help-desk#give-a-recovery-pin",
	"/integrations/{integration}/workstation-settings":          "administrator#workstation-settings",
	"/users/{user}/pairings/{pairing}/recovery":                 "help-desk#give-a-recovery-pin",
	"/integrations/{integration}/recoveries/{recovery}/approve": "help-desk#give-a-recovery-pin",
	"/integrations/{integration}/drift":                         "administrator#see-that-it-is-true",
	"/integrations/{integration}/inventory":                     "administrator#change-the-policy-without-locking-anybody-out",
	"/integrations/{integration}/policy":                        "administrator#change-the-policy-without-locking-anybody-out",
	"/integrations/{integration}/policy/change":                 "administrator#change-the-policy-without-locking-anybody-out",
	"/integrations/{integration}/policy/plans/{plan}":           "administrator#change-the-policy-without-locking-anybody-out",
	"/integrations/{integration}/policy/strengths":              "authenticator-passkeys#demand-it",
	"/integrations/{integration}/policy/drift":                  "administrator#change-the-policy-without-locking-anybody-out",
	"/integrations/{integration}/audit":                         "audit",
	"/integrations/{integration}/login":                         "administrator#login-settings",
	"/integrations/{integration}/messages":                      "administrator#roll-out",
	"/integrations/{integration}/settings":                      "administrator#credentials-that-end",
	"/integrations/{integration}/jobs/new":                      "administrator#roll-out",
	"/integrations/{integration}/rotation":                      "credentials#replacing-it",
	"/integrations/{integration}/login/desktop-client":          "desktop-client#install-tokens",
	"/integrations/{integration}/doctor":                        "doctor#checks-of-an-integration-and-its-tenant",
	doctorPath:                                                  "doctor#checks-of-the-server",
	setupsPath:                                                  "administrator#set-up-a-tenant",
	setupsPath + "/new":                                         "administrator#permission-sets",
	setupsPath + "/{setup}":                                     "administrator#set-up-a-tenant",
	setupsPath + "/{setup}/by-hand":                             "administrator#by-hand",
	setupsPath + "/{setup}/undo":                                "administrator#undo-a-set-up",
	"/users/{user}":                                             "help-desk#every-day",
	"/jobs":                                                     "administrator#roll-out",
	"/audit":                                                    "audit",
	"/audit/{sequence}":                                         "audit",
	streamsPath:                                                 "audit",
	modelsPath:                                                  "hardware-keys#which-keys",
}

// guideFor is the address of the part of a guide that belongs to the page of this request, or "".
func guideFor(r *http.Request) string {
	_, path, _ := strings.Cut(r.Pattern, " ")
	if to, ok := guideLinks[path]; ok {
		return guidesPath + "/" + to
	}
	return ""
}
