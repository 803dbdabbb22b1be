package web

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/postern/postern"
	"github.com/postern/postern/center/enrolment"
)

// The addresses of the page after a sign-in at Entra.
const (
	proofPath   = "/proof"
	confirmPath = "/proof/confirm"
	disownPath  = "/proof/disown"
)

// proofPage is what the user sees who comes back from a sign-in at Entra, in English or German: the question for the
// number, and then what came of it.
type proofPage struct {
	frame
	German   bool
	Question *enrolment.Question
	Outcome  *enrolment.Outcome
	Disowned bool
	Problem  *postern.Error
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
	case postern.CodeSignInNumber:
		return "Das ist nicht die Zahl, die die App auf dem Telefon zeigt.", "Sehen Sie in der App auf Ihrem Telefon nach und geben Sie die drei Ziffern ein."
	case postern.CodeEnrolmentOff:
		return "Ihre Organisation bietet Ihnen noch keinen Passkey an.", "Bitten Sie Ihren Helpdesk um eine Einladung."
	case postern.CodeSignInOther:
		return "Angemeldet hat sich jemand anderes als die Person, der dieses Telefon gehört.", "Melden Sie sich bei Microsoft ab, gehen Sie zurück zur App und melden Sie sich mit dem Konto an, das die App zeigt."
	case postern.CodeSignInRefused:
		return "Die Anmeldung bei Microsoft beweist hier nichts.", "Gehen Sie zurück zur App und beginnen Sie die Anmeldung noch einmal. Bleibt es dabei, sagen Sie es Ihrem Helpdesk."
	case postern.CodePhoneRevoked:
		return "Dieses Telefon wurde von Ihrer Organisation entfernt.", "Bitten Sie Ihren Helpdesk um eine neue Einladung."
	}
	return "Das hat nicht geklappt.", "Gehen Sie zurück zur App und versuchen Sie es später noch einmal."
}

// tries says how often the number may still be wrong.
func (p proofPage) tries() string {
	if p.Question.Left == 1 {
		return p.say("One try is left.", "Sie haben noch einen Versuch.")
	}
	return p.say(fmt.Sprintf("%d tries are left.", p.Question.Left), fmt.Sprintf("Sie haben noch %d Versuche.", p.Question.Left))
}

func (c *console) proofPage(r *http.Request) proofPage {
	p := proofPage{German: germanFirst(r.Header.Get("Accept-Language"))}
	p.frame = frame{Title: p.say("Confirm your phone", "Telefon bestätigen"), Now: c.Now().UTC()}
	return p
}

// proofCookie names the cookie that ties a sign-in to the browser that came back from it. It goes after ten minutes, as
// the sign-in does.
func (c *console) proofCookie(value string) *http.Cookie {
	k := &http.Cookie{Name: "postern-proof", Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, MaxAge: 600}
	if strings.HasPrefix(c.PublicURL, "https://") {
		k.Name, k.Secure = "__Host-postern-proof", true
	}
	if value == "" {
		k.MaxAge = -1
	}
	return k
}

// proofOf is what the browser holds of a sign-in.
func (c *console) proofOf(r *http.Request) string {
	k, err := r.Cookie(c.proofCookie("").Name)
	if err != nil {
		return ""
	}
	return k.Value
}

// proofCallback takes a browser that comes back from Entra. Nobody is signed in to anything by it, and nothing is proved
// until the number was typed. The page for that has an address of its own, because this one holds a code.
func (c *console) proofCallback(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	browser, err := c.Enrolment.Return(r.Context(), enrolment.Returned{State: q.Get("state"), Code: q.Get("code"), Error: q.Get("error")})
	w.Header().Set("Referrer-Policy", "no-referrer")
	if err != nil {
		return c.proofTrouble(w, r, c.proofPage(r), err)
	}
	http.SetCookie(w, c.proofCookie(browser))
	http.Redirect(w, r, proofPath, http.StatusSeeOther)
	return nil
}

// proofQuestion asks for the number.
func (c *console) proofQuestion(w http.ResponseWriter, r *http.Request) error {
	p := c.proofPage(r)
	q, err := c.Enrolment.Pending(r.Context(), c.proofOf(r))
	if err != nil {
		return c.proofTrouble(w, r, p, err)
	}
	p.Question = &q
	return c.show(w, r, http.StatusOK, proofView(p))
}

// proofConfirm takes the number.
func (c *console) proofConfirm(w http.ResponseWriter, r *http.Request) error {
	p := c.proofPage(r)
	if err := r.ParseForm(); err != nil {
		return c.proofTrouble(w, r, p, postern.Errorf(postern.CodeInvalid, ""))
	}
	out, err := c.Enrolment.Confirm(r.Context(), c.proofOf(r), r.PostForm.Get("number"))
	if postern.IsCode(err, postern.CodeSignInNumber) {
		q, again := c.Enrolment.Pending(r.Context(), c.proofOf(r))
		if again != nil {
			return c.proofTrouble(w, r, p, again)
		}
		p.Question, p.Problem = &q, postern.AsError(err)
		return c.show(w, r, p.Problem.Status(), proofView(p))
	}
	if err != nil {
		return c.proofTrouble(w, r, p, err)
	}
	http.SetCookie(w, c.proofCookie(""))
	p.Outcome = &out
	return c.show(w, r, http.StatusOK, proofView(p))
}

// proofDisown takes that the phone is somebody else's.
func (c *console) proofDisown(w http.ResponseWriter, r *http.Request) error {
	p := c.proofPage(r)
	if err := c.Enrolment.Disown(r.Context(), c.proofOf(r)); err != nil {
		return c.proofTrouble(w, r, p, err)
	}
	http.SetCookie(w, c.proofCookie(""))
	p.Disowned = true
	return c.show(w, r, http.StatusOK, proofView(p))
}

func (c *console) proofTrouble(w http.ResponseWriter, r *http.Request, p proofPage, err error) error {
	p.Problem = postern.AsError(err)
	if p.Problem.Status() >= http.StatusInternalServerError {
		c.Log.ErrorContext(r.Context(), "a sign-in could not be completed", "code", p.Problem.Code, "error", err)
	}
	return c.show(w, r, p.Problem.Status(), proofView(p))
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
