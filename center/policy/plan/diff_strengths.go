package plan

import (
	"strings"

	"github.com/postern/postern"
)

func strengthKey(s postern.AuthenticationStrength) (id, name string) { return s.ID, s.Name }

func (d *differ) strengths() {
	for _, p := range match(d.before.Strengths, d.after.Strengths, strengthKey) {
		if p.after == nil {
			o := on{d, postern.PolicyObjectStrength, p.before.Name}
			what := ""
			if len(p.before.AAGUIDs) > 0 {
				what = " with its models: " + modelNames(d.models, p.before.AAGUIDs)
			}
			o.step(postern.PolicyDelete, "", p.before.Name, "", "The authentication strength “%s” is deleted%s.", p.before.Name, what)
			continue
		}
		to := *p.after
		o := on{d, postern.PolicyObjectStrength, to.Name}
		from := postern.AuthenticationStrength{Name: to.Name}
		if p.before != nil {
			from = *p.before
			o.set("name", from.Name, to.Name, "The authentication strength “%s” is renamed “%s”.", from.Name, to.Name)
		} else {
			o.step(postern.PolicyCreate, "", "", to.Name, "The authentication strength “%s” is made. Nothing demands it before a Conditional Access policy does.", to.Name)
		}
		o.set("description", from.Description, to.Description, "The authentication strength “%s” is described in other words.", to.Name)
		d.combinations(o, from, to)
		d.strengthModels(o, from, to)
	}
}

func (d *differ) combinations(o on, from, to postern.AuthenticationStrength) {
	changes(from.Combinations, to.Combinations, func(c string) {
		o.step(postern.PolicyAdd, "combinations", "", c, "The strength “%s” is met by %s.", to.Name, together(c))
	}, func(c string) {
		o.step(postern.PolicyRemove, "combinations", c, "", "The strength “%s” is no longer met by %s.", to.Name, together(c))
	})
}

// methods are names of Graph's method modes that people know.
var methods = map[string]string{
	"password": "a password", "voice": "a voice call", "hardwareOath": "a hardware OATH token", "softwareOath": "a software OATH token",
	"sms": "a text message", "fido2": "a passkey", "windowsHelloForBusiness": "Windows Hello for Business",
	"microsoftAuthenticatorPush": "a push message of Microsoft Authenticator", "deviceBasedPush": "Microsoft Authenticator's phone sign-in",
	"temporaryAccessPassOneTime": "a Temporary Access Pass for one use", "temporaryAccessPassMultiUse": "a Temporary Access Pass for several uses",
	"email": "a code by email", "x509CertificateSingleFactor": "a certificate as one factor", "x509CertificateMultiFactor": "a certificate as several factors",
	"federatedSingleFactor": "a federated sign-in with one factor", "federatedMultiFactor": "a federated sign-in with several factors", "qrCodePin": "a QR code with PIN",
}

func together(combination string) string {
	parts := strings.Split(combination, ",")
	for i, p := range parts {
		if name := methods[strings.TrimSpace(p)]; name != "" {
			parts[i] = name
		}
	}
	return strings.Join(parts, " with ")
}

func (d *differ) strengthModels(o on, from, to postern.AuthenticationStrength) {
	first, last := "", ""
	if len(from.AAGUIDs) == 0 && len(from.Combinations) > 0 {
		first = ", and no longer of models that are not listed"
	}
	if len(to.AAGUIDs) == 0 {
		last = " With no model left on its list it is met by passkeys of every model."
	}
	changes(from.AAGUIDs, to.AAGUIDs, func(id string) {
		o.step(postern.PolicyAdd, "models", "", id, "The strength “%s” is met by passkeys of the model %s%s.", to.Name, d.model(id), first).AAGUID = strings.ToLower(id)
	}, func(id string) {
		sentence := "The strength “%s” is no longer met by passkeys of the model %s.%s"
		if last != "" {
			sentence = "The strength “%s” is no longer limited to the model %s.%s"
		}
		o.step(postern.PolicyRemove, "models", id, "", sentence, to.Name, d.model(id), last).AAGUID = strings.ToLower(id)
	})
}
