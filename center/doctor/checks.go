package doctor

import (
	"fmt"
	"slices"

	"github.com/postern/postern"
)

// check is a name and a function of facts. One that does not apply, or rests on something that another check has found
// broken, finds nothing.
type check[F any] struct {
	name string
	look func(F) []postern.Finding
}

// serverChecks stand in the order in which one thing rests on another.
var serverChecks = []check[Server]{
	{"version", version},
	{"database", database},
	{"disk", disk},
	{"key_file", keyFile},
	{"backups", backups},
	{"clock", clock},
	{"authority", authority},
	{"graph", graph},
	{"public_url", publicURL},
	{"certificate", certificate},
	{"relay", relay},
	{"backbone", backbone},
	{"jobs", jobs},
	{"mail", mail},
	{"push", waking},
	{"audit", trail},
	{"streams", streams},
	{"administrators", administrators},
	{"debug", debug},
}

// tenantChecks stand in the order in which one thing rests on another.
var tenantChecks = []check[Tenant]{
	{"integration", integration},
	{"flags", flags},
	{"http_debug", httpDebug},
	{"token", token},
	{"service_account", serviceAccount},
	{"credential", credential},
	{"tenant", tenant},
	{"permissions", permissions},
	{"licences", licences},
	{"domains", domains},
	{"policy", policy},
	{"conditional_access", conditionalAccess},
	{"windows", windows},
	{"groups", groups},
	{"directory", directory},
	{"inventory", inventory},
	{"drift", drift},
	{"provisioning", provisioning},
	{"privileged", privileged},
}

// JudgeServer decides what the facts mean.
func JudgeServer(f Server) []postern.Finding { return judge(serverChecks, f) }

// JudgeTenant decides what the facts mean.
func JudgeTenant(f Tenant) []postern.Finding { return judge(tenantChecks, f) }

func judge[F any](checks []check[F], f F) []postern.Finding {
	all := []postern.Finding{}
	for _, c := range checks {
		for _, finding := range c.look(f) {
			finding.Check = c.name
			all = append(all, finding)
		}
	}
	return all
}

// only keeps the findings of some checks; all of them if none is named. A name that is not one is an error.
func only(findings []postern.Finding, known, wanted []string) ([]postern.Finding, error) {
	for _, name := range wanted {
		if !slices.Contains(known, name) {
			return nil, postern.FieldErrorf("check", "There is no check %q here.", name).WithNext(fmt.Sprintf("Take some of these: %s.", sentence(known)))
		}
	}
	if len(wanted) == 0 {
		return findings, nil
	}
	return slices.DeleteFunc(findings, func(f postern.Finding) bool { return !slices.Contains(wanted, f.Check) }), nil
}

func one(state postern.FindingState, message string) []postern.Finding {
	return []postern.Finding{{State: state, Message: message}}
}

func ok(format string, args ...any) []postern.Finding {
	return one(postern.FindingOK, fmt.Sprintf(format, args...))
}

// bad is a finding with all that a person needs: what, why it matters, what to do and where.
func bad(state postern.FindingState, message, why, next, link string) postern.Finding {
	return postern.Finding{State: state, Message: message, Why: why, Next: next, Link: link}
}

// Checks names all checks, those of the server first, in their order.
func Checks() []string { return append(names(serverChecks), names(tenantChecks)...) }

func names[F any](checks []check[F]) []string {
	all := make([]string, len(checks))
	for n, c := range checks {
		all[n] = c.name
	}
	return all
}
