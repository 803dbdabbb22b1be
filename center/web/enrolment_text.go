package web

import "github.com/postern/postern"

func approvalCount(r postern.AwaitedApproval) int {
	n := 0
	for _, p := range r.Proofs {
		if p.Kind == postern.ProofApproval {
			n++
		}
	}
	return n
}

func decisionPath(r postern.AwaitedApproval, verb string) string {
	return integrationPath(r.Phone.IntegrationID) + "/approvals/" + string(r.Phone.ID) + "/" + verb
}

func reasonLabel(reject bool) string {
	if reject {
		return "Why not?"
	}
	return "How do you know?"
}

func modeBadge(m postern.EnrolmentMode) string {
	switch m {
	case postern.EnrolmentMandatory:
		return "warn"
	case postern.EnrolmentOptional:
		return "info"
	}
	return ""
}
