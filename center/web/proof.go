package web

import (
	"net/http"
	"strings"

	"github.com/postern/postern"
	"github.com/postern/postern/center/enrolment"
)

// proofPage is what the user sees who comes back from a sign-in at Entra, in English or German.
type proofPage struct {
	frame
	German  bool
	Outcome enrolment.Outcome
	Problem *postern.Error
}

func (p proofPage) lang() string {
	if p.German {
		return "de"
	}
	return "en"
}

func (p proofPage) say(english, german string) string {
	if p.German {
		return german
	}
	return english
}

// trouble is what went wrong, for people.
func (p proofPage) trouble() (message, next string) {
	if !p.German {
		return p.Problem.Message, p.Problem.Next
	}
	switch p.Problem.Code {
	case postern.CodeSignInExpired:
		return "Diese Anmeldung wurde schon benutzt oder hat länger als zehn Minuten gedauert.", "Gehen Sie zurück zur App und beginnen Sie die Anmeldung noch einmal."
	case postern.CodeSignInOther:
		return "Angemeldet hat sich jemand anderes als die Person, der dieses Telefon gehört.", "Melden Sie sich bei Microsoft ab, gehen Sie zurück zur App und melden Sie sich mit dem Konto an, das die App zeigt."
	case postern.CodeSignInRefused:
		return "Die Anmeldung bei Microsoft beweist hier nichts.", "Gehen Sie zurück zur App und beginnen Sie die Anmeldung noch einmal. Bleibt es dabei, sagen Sie es Ihrem Helpdesk."
	case postern.CodePhoneRevoked:
		return "Dieses Telefon wurde von Ihrer Organisation entfernt.", "Bitten Sie Ihren Helpdesk um eine neue Einladung."
	}
	return "Das hat nicht geklappt.", "Gehen Sie zurück zur App und versuchen Sie es später noch einmal."
}

// proofCallback ends a sign-in at Entra. Nobody is signed in to anything by it; what it proves is stored with the phone.
func (c *console) proofCallback(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	p := proofPage{frame: frame{Title: "Sign-in", Now: c.Now().UTC()}, German: germanFirst(r.Header.Get("Accept-Language"))}
	out, err := c.Enrolment.Return(r.Context(), enrolment.Returned{State: q.Get("state"), Code: q.Get("code"), Error: q.Get("error")})
	status := http.StatusOK
	if err != nil {
		p.Problem = postern.AsError(err)
		status = p.Problem.Status()
		if status >= http.StatusInternalServerError {
			c.Log.ErrorContext(r.Context(), "a sign-in could not be completed", "code", p.Problem.Code, "error", err)
		}
	}
	p.Outcome = out
	w.Header().Set("Referrer-Policy", "no-referrer") // the address holds a code
	return c.show(w, r, status, proofView(p))
}

// germanFirst reports whether German stands before English in an Accept-Language header.
func germanFirst(accept string) bool {
	for part := range strings.SplitSeq(accept, ",") {
		tag, _, _ := strings.Cut(strings.TrimSpace(strings.ToLower(part)), ";")
		tag, _, _ = strings.Cut(tag, "-")
		switch tag {
		case "de":
			return true
		case "en":
			return false
		}
	}
	return false
}
