package mail

import "github.com/postern/postern"

// language is everything that letters say in one language.
type language struct {
	greeting string // %s: the name
	footer   string // %s: the user principal name
	help     string // %s: where help is
	noHelp   string
	moment   string // weekday, day, month, year, hour, minute, time zone
	weekdays [7]string
	months   [12]string
	texts    map[postern.MessageKind]postern.MessageText // what integrations may change
	body     map[postern.MessageKind]func(s scene, f facts) []block
}

var words = map[postern.Language]language{postern.English: english, postern.German: german}

// securityInfo is where users of Entra look after their sign-in methods.
const securityInfo = "https://mysignins.microsoft.com/security-info"

// sampleFacts are the facts of a preview: nobody's, with a code that works nowhere and says so.
func sampleFacts(s scene, now facts) facts {
	now.Name, now.UPN, now.Code, now.Phone = "Zoë Müller-Okonkwo", "zoe@contoso.example", "XXXX-DEMO-ONLY-XXXX", "Zoë’s phone"
	if s.text.Language == postern.German {
		now.Phone = "Zoës Smartphone"
	}
	return now
}
