package plan

import (
	"strconv"
	"strings"

	"github.com/postern/postern"
)

// rules compares attestation and key restrictions, of the tenant or of a profile.
func (d *differ) rules(o on, wasAttested, isAttested bool, from, to postern.KeyRestrictions) {
	where, by := "", ""
	synced, unsynced := ", and synced passkeys sign in", ", and synced passkeys no longer sign in"
	if o.object == postern.PolicyObjectProfile { // whether it takes synced passkeys is a step of its own
		where, by, synced, unsynced = "In the profile “"+o.name+"”: ", " by it", "", ""
	}
	o.toggle("enforce_attestation", wasAttested, isAttested, "false", "true",
		where+"Entra takes new passkeys without an attestation that it can verify"+synced+".",
		where+"Entra takes new passkeys only with an attestation that it can verify, which passkeys on Postern's phones cannot give"+unsynced+".")
	o.toggle("restrictions.enforce", from.Enforced, to.Enforced, "false", "true",
		where+"Key restrictions are no longer enforced: passkeys of every model register and sign in"+by+"."+leftover(to), where+enforced(to, by))
	o.toggle("restrictions.type", from.Block, to.Block, "allow", "block",
		where+"The listed models are those that are allowed, no longer those that are blocked.",
		where+"The listed models are those that are blocked, no longer those that are allowed.")
	changes(from.AAGUIDs, to.AAGUIDs, func(id string) {
		o.step(postern.PolicyAdd, "restrictions.models", "", id, "%s", where+listed(d.model(id), to, !to.Block, by)).AAGUID = strings.ToLower(id)
	}, func(id string) {
		o.step(postern.PolicyRemove, "restrictions.models", id, "", "%s", where+unlisted(d.model(id), to, to.Block, by)).AAGUID = strings.ToLower(id)
	})
}

func leftover(k postern.KeyRestrictions) string {
	switch n := len(k.AAGUIDs); n {
	case 0:
		return ""
	case 1:
		return " One model stays on the list, which nobody looks at then."
	default:
		return " " + strconv.Itoa(n) + " models stay on the list, which nobody looks at then."
	}
}

func enforced(k postern.KeyRestrictions, by string) string {
	switch {
	case k.Block && len(k.AAGUIDs) == 0:
		return "Key restrictions are enforced and block no model."
	case k.Block:
		return "Key restrictions are enforced: passkeys of the listed models neither register nor sign in" + by + "."
	case len(k.AAGUIDs) == 0:
		return "Key restrictions are enforced and allow no model: no passkey at all registers or signs in" + by + "."
	}
	return "Key restrictions are enforced: only passkeys of the listed models register and sign in" + by + "."
}

// listed says what follows from a model being put on the list.
func listed(model string, k postern.KeyRestrictions, good bool, by string) string {
	if !k.Enforced {
		return "The model " + model + " is put on the list of models, which is not enforced."
	}
	return consequence(model, good, by)
}

// unlisted says what follows from a model being taken off the list.
func unlisted(model string, k postern.KeyRestrictions, good bool, by string) string {
	if !k.Enforced {
		return "The model " + model + " is taken off the list of models, which is not enforced."
	}
	return consequence(model, good, by)
}

func consequence(model string, good bool, by string) string {
	if good {
		return "Passkeys of the model " + model + " register and sign in" + by + "."
	}
	return "Passkeys of the model " + model + " will no longer register or sign in" + by + "."
}
