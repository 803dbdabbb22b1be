package plan

import (
	"slices"
	"strings"

	"github.com/postern/postern"
)

// ruleset is what judges passkeys: the tenant, or one profile.
type ruleset struct {
	at          string // prefix of fields
	in          string // how a sentence begins
	profile     bool
	deviceBound bool
	attestation bool
	keys        postern.KeyRestrictions
	used        bool // some target has it
}

func (r ruleset) allows(aaguid string) bool {
	return !r.keys.Enforced || holds(r.keys.AAGUIDs, aaguid) != r.keys.Block
}

// takesPostern reports whether a passkey on a phone with Postern can be registered.
func (r ruleset) takesPostern() bool {
	return r.deviceBound && !r.attestation && r.allows(aaguidPostern)
}

func rulesets(k postern.PasskeyPolicy) []ruleset {
	if k.Schema != postern.PolicySchemaProfiles {
		return []ruleset{{deviceBound: true, attestation: k.AttestationEnforced, keys: k.KeyRestrictions, used: true}}
	}
	var all []ruleset
	for _, p := range k.Profiles {
		used := slices.ContainsFunc(k.Include, func(t postern.PolicyTarget) bool { return slices.Contains(assigned(k, t), p.ID) })
		all = append(all, ruleset{"profiles[" + p.Name + "].", "The profile “" + p.Name + "”: ", true, p.DeviceBound, p.AttestationEnforced, p.KeyRestrictions, used})
	}
	return all
}

func (n *notes) rules() {
	all := rulesets(n.policy.Passkeys)
	elsewhere := slices.ContainsFunc(all, func(r ruleset) bool { return r.used && r.takesPostern() })
	for _, r := range all {
		// What keeps Postern out is grave where nothing else lets it in.
		level := postern.PolicyNoteDanger
		if elsewhere || !r.used {
			level = postern.PolicyNoteInfo
		}
		if !r.deviceBound {
			n.add(postern.PolicyNote{
				Key: "device_bound_off", Level: level, Field: r.at + "types", Deviation: true, Link: linkProfiles,
				Message: r.in + "device-bound passkeys are not taken, and passkeys on Postern's phones and on security keys are device-bound.",
				Next:    "Add device-bound to its types.",
			})
		}
		n.attestation(r, level)
		n.restrictions(r, level, slices.ContainsFunc(all, func(o ruleset) bool {
			return o.used && o.allows(aaguidAuthenticatorAndroid) && o.allows(aaguidAuthenticatorIOS)
		}))
	}
	n.add(postern.PolicyNote{
		Key: "restrictions_apply", Level: postern.PolicyNoteInfo, Link: linkPasskeys,
		Message: "Key restrictions count at registration and at every sign-in: taking a model off an allow list stops people who registered one. Attestation is looked at when a passkey is registered.",
		Next:    "Plan a change to see whom it would stop before it is written.",
	})
}

func (n *notes) attestation(r ruleset, level postern.PolicyNoteLevel) {
	field := r.at + "enforce_attestation"
	if !r.attestation {
		if n.has("attestation_off") {
			return // said of another profile
		}
		n.add(postern.PolicyNote{
			Key: "attestation_off", Level: postern.PolicyNoteInfo, Field: field, Link: linkVendors,
			Message: r.in + "Enforce attestation is No, as Postern needs it. Yes would take only authenticators whose maker the FIDO Alliance certified and Microsoft approved, by an entry in the FIDO Metadata Service; for Microsoft Authenticator, services of Apple and Google vouch instead. Guides for security keys and for Authenticator disagree on this setting: some ask for Yes to be sure of the model.",
			Next:    "Leave it at No. Limit the models by key restrictions instead.",
		})
		return
	}
	n.add(postern.PolicyNote{
		Key: "attestation_postern", Level: level, Field: field, Deviation: true, Link: linkVendors,
		Message: r.in + "Enforce attestation is Yes: Entra refuses to register passkeys on Postern's phones, because their AAGUID " + aaguidPostern + " has no entry in the FIDO Metadata Service.",
		Next:    "Set it to No, or give the users of Postern's phones a passkey profile without it.",
	}, postern.PolicyNote{
		Key: "attestation_synced", Level: postern.PolicyNoteWarning, Field: field, Link: linkProfiles,
		Message: r.in + "synced passkeys cannot attest. With Enforce attestation they are neither registered nor, where they exist, do they sign in.",
		Next:    "Look at the inventory for synced passkeys.",
	}, postern.PolicyNote{
		Key: "attestation_authenticator", Level: postern.PolicyNoteInfo, Field: field, Link: linkApp,
		Message: r.in + "for Microsoft Authenticator, attestation proves the app by Apple's App Attest on iOS, and by the Play Integrity API with Android's key attestation, which shows that the key is kept in hardware. It needs a current version of the app; on iOS it reaches users step by step. When these services are busy registration can fail and is tried again; while they are down it is blocked.",
		Next:    "If registrations fail, look at the Google Play Status Dashboard (status.play.google.com) and Apple's System Status (developer.apple.com/system-status).",
	})
	if !r.keys.Enforced || r.keys.Block {
		return
	}
	var unlisted []string
	for _, id := range r.keys.AAGUIDs {
		if m, ok := n.models.Model(strings.ToLower(id)); ok && !m.Listed && !isAuthenticator(id) && !strings.EqualFold(id, aaguidPostern) {
			unlisted = append(unlisted, m.Name)
		}
	}
	if len(unlisted) > 0 {
		n.add(postern.PolicyNote{
			Key: "attestation_unlisted", Level: postern.PolicyNoteWarning, Field: field, Link: linkVendors,
			Message: r.in + "these models are allowed but have no entry in the FIDO Metadata Service, so they cannot be registered: " + some(unlisted) + ".",
			Next:    "Set Enforce attestation to No if they shall be registered.",
		})
	}
}

// restrictions speaks of key restrictions; app says that Microsoft Authenticator is allowed by this or another profile.
func (n *notes) restrictions(r ruleset, level postern.PolicyNoteLevel, app bool) {
	k, field := r.keys, r.at+"restrictions"
	android, ios := holds(k.AAGUIDs, aaguidAuthenticatorAndroid), holds(k.AAGUIDs, aaguidAuthenticatorIOS)
	if !k.Enforced {
		n.add(postern.PolicyNote{
			Key: "restrictions_off", Level: postern.PolicyNoteWarning, Field: field + ".enforce", Deviation: true, Link: linkApp,
			Message: r.in + "Enforce key restrictions is No: passkeys of every model register and sign in. Security info does not offer “Passkey in Microsoft Authenticator”; it can be added under “Security key or passkey”, depending on system and browser, which few people find.",
			Next:    "Allow the bundle “" + postern.BundleInUse + "” with whatever else you want, then enforce: then nobody who has a passkey loses it.",
		})
		if len(k.AAGUIDs) > 0 {
			message := r.in + "key restrictions are off, and the list of models still has entries that count again as soon as somebody turns them on."
			if android || ios {
				message += " Microsoft Authenticator is among them, so users may be asked to set it up."
			}
			n.add(postern.PolicyNote{
				Key: "restrictions_off_leftover", Level: postern.PolicyNoteWarning, Field: field + ".models", Link: linkApp,
				Message: message, Next: "Empty the list with models: [].",
			})
		}
		return
	}
	n.unknown(r, field)
	if k.Block {
		n.add(postern.PolicyNote{
			Key: "restrictions_block", Level: postern.PolicyNoteWarning, Field: field + ".type", Deviation: true, Link: linkPasskeys,
			Message: r.in + "Restrict specific keys is Block: every model that is not listed registers and signs in. Postern is known to work with Allow.",
			Next:    "Set it to Allow with the models in use.",
		})
		if !r.allows(aaguidPostern) {
			n.add(postern.PolicyNote{
				Key: "postern_blocked", Level: level, Field: field + ".models", Deviation: true,
				Message: r.in + "passkeys on Postern's phones are blocked: they neither register nor sign in.", Next: "Take Postern off the list.",
			})
		}
		return
	}
	switch {
	case len(k.AAGUIDs) == 0:
		n.add(postern.PolicyNote{
			Key: "nothing_allowed", Level: postern.PolicyNoteDanger, Field: field + ".models", Deviation: true, Link: linkPasskeys,
			Message: r.in + "key restrictions are enforced with an empty allow list: no passkey registers or signs in.", Next: "Add the models that shall be allowed, or turn key restrictions off.",
		})
	case !r.allows(aaguidPostern):
		n.add(postern.PolicyNote{
			Key: "postern_not_allowed", Level: level, Field: field + ".models", Deviation: true,
			Message: r.in + "Postern's model " + aaguidPostern + " is not allowed: passkeys on Postern's phones neither register nor sign in.", Next: "Add Postern to the list.",
		})
	}
	n.authenticator(r.in, field+".models", android, ios, app || len(k.AAGUIDs) == 0)
}

// authenticator speaks of a list that has one model of Microsoft Authenticator, or none.
func (n *notes) authenticator(in, field string, android, ios, otherwise bool) {
	switch {
	case android && ios || otherwise && !android && !ios:
	case android != ios:
		has, lacks := "Android", "iOS"
		if ios {
			has, lacks = lacks, has
		}
		n.add(postern.PolicyNote{
			Key: "authenticator_half", Level: postern.PolicyNoteWarning, Field: field, Deviation: true, Link: linkApp,
			Message: in + "Microsoft Authenticator is listed for " + has + " and not for " + lacks + ": people with " + lacks + " are refused.",
			Next:    "List “" + postern.BundleMicrosoftAuthenticator + "”, which stands for both models.",
		})
	default:
		n.add(postern.PolicyNote{
			Key: "authenticator_not_allowed", Level: postern.PolicyNoteInfo, Field: field, Deviation: true, Link: linkApp,
			Message: in + "Microsoft Authenticator is not listed: nobody can register or use a passkey in it.",
			Next:    "List “" + postern.BundleMicrosoftAuthenticator + "” if it shall be used beside Postern.",
		})
	}
}

func isAuthenticator(aaguid string) bool {
	return strings.EqualFold(aaguid, aaguidAuthenticatorAndroid) || strings.EqualFold(aaguid, aaguidAuthenticatorIOS)
}

func (n *notes) unknown(r ruleset, field string) {
	var unknown []string
	for _, id := range r.keys.AAGUIDs {
		if _, ok := n.models.Model(strings.ToLower(id)); !ok {
			unknown = append(unknown, id)
		}
	}
	if len(unknown) > 0 {
		n.add(postern.PolicyNote{
			Key: "model_unknown", Level: postern.PolicyNoteInfo, Field: field + ".models",
			Message: r.in + "Postern's list of models does not have these: " + some(unknown) + ".",
			Next:    "Check them with whoever sells these authenticators, or update the list of models.",
		})
	}
}
