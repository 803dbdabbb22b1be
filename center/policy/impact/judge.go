package impact

import "github.com/postern/postern"

// Verdict is whether something is allowed.
type Verdict struct {
	Allowed bool
	// Possible says of what is allowed that it may be refused all the same, depending on what is not judged.
	Possible bool
	// Why says in a sentence what refuses, or may; "" if nothing does.
	Why string
}

// SignIn says whether a user signs in to an application, by client id, with a passkey of theirs. "" is an application
// that no Conditional Access policy names, postern.UserActionRegister the place where security info is registered. Who
// judges many prepares a [Judge].
func SignIn(p postern.TenantPolicy, m Members, u postern.InventoryUser, k postern.InventoryPasskey, application string) Verdict {
	return Prepare(p, m).SignIn(u, k, application)
}

// Register says whether a passkey may be registered for a user.
func Register(p postern.TenantPolicy, m Members, u postern.InventoryUser, c Candidate) Verdict {
	return Prepare(p, m).Register(u, c)
}

// Judge is a policy made ready to judge many people by. It is safe for concurrent use if its members are.
type Judge struct {
	members Members
	method  method
	access  []*access // those that are on
}

// Prepare makes a policy ready.
func Prepare(p postern.TenantPolicy, m Members) *Judge {
	j := &Judge{members: m, method: prepareMethod(p.Passkeys, p.Names)}
	strengths := prepareStrengths(p.Strengths)
	for _, c := range p.ConditionalAccess {
		if c.State == postern.ConditionalAccessOn {
			j.access = append(j.access, prepareAccess(c, strengths))
		}
	}
	return j
}

// person is what a policy says of one user, whatever they sign in with and where to.
type person struct {
	judge    *Judge
	disabled bool
	guest    bool
	rejected string // why the passkey method is not open to them at all
	profiles []*profile
	access   []*access // that concern them
}

func (j *Judge) person(u *postern.InventoryUser) person {
	id := fold(u.ObjectID)
	p := person{judge: j, disabled: !u.Enabled, guest: u.Guest}
	p.rejected, p.profiles = j.method.rejects(j.members, id)
	for _, a := range j.access {
		if a.concerns(j.members, id, u.Guest) {
			p.access = append(p.access, a)
		}
	}
	return p
}

// usable says whether the passkey method, Conditional Access aside, lets a passkey sign in.
func (p *person) usable(c Candidate) bool {
	return !p.disabled && p.rejected == "" && passes(p.profiles, c, false)
}

// signIn is met, unjudged for a sign-in that may be refused, or unmet.
func (p *person) signIn(c Candidate, application string) answer {
	if !p.usable(c) {
		return unmet
	}
	worst := met
	for _, a := range p.access {
		if a.at(application) {
			worst = max(worst, a.answers(c.AAGUID))
		}
	}
	return worst
}

// why puts the answer of signIn into a sentence.
func (p *person) why(c Candidate, application, model string) string {
	switch {
	case p.disabled:
		return "The account is disabled."
	case p.rejected != "":
		return p.rejected
	case !passes(p.profiles, c, false):
		return p.judge.method.objections(p.profiles, c, model, false)
	}
	worst, sentence := met, ""
	for _, a := range p.access {
		if !a.at(application) {
			continue
		}
		if got := a.answers(c.AAGUID); got > worst {
			worst, sentence = got, a.sentence(c.AAGUID, model)
		}
	}
	return sentence
}

func signInCandidate(k *postern.InventoryPasskey) Candidate {
	return Candidate{AAGUID: fold(k.AAGUID), Synced: k.Synced, Attested: k.Attested}
}

// modelName is what people call the model of a passkey.
func modelName(k *postern.InventoryPasskey) string {
	switch {
	case k.ModelName != "":
		return k.ModelName
	case k.Model != "":
		return k.Model
	default:
		return k.AAGUID
	}
}

// SignIn is the function of the same name.
func (j *Judge) SignIn(u postern.InventoryUser, k postern.InventoryPasskey, application string) Verdict {
	p, c, application := j.person(&u), signInCandidate(&k), fold(application)
	got := p.signIn(c, application)
	return Verdict{Allowed: got != unmet, Possible: got == unjudged, Why: p.why(c, application, modelName(&k))}
}

// Register is the function of the same name.
func (j *Judge) Register(u postern.InventoryUser, c Candidate) Verdict {
	p := j.person(&u)
	c.AAGUID = fold(c.AAGUID)
	switch {
	case p.rejected != "":
		return Verdict{Why: p.rejected}
	case !j.method.selfService:
		return Verdict{Why: "Self-service set up is off, and without it no passkey can be registered, on behalf of a user neither."}
	case p.guest:
		return Verdict{Why: "Guests cannot register passkeys."}
	case !passes(p.profiles, c, true):
		return Verdict{Why: j.method.objections(p.profiles, c, c.AAGUID, true)}
	}
	return Verdict{Allowed: true}
}

// registers says whether the user can register the candidate.
func (p *person) registers(c Candidate) bool {
	return !p.disabled && !p.guest && p.rejected == "" && p.judge.method.selfService && passes(p.profiles, c, true)
}

// registersAny says whether the user can register any passkey at all.
func (p *person) registersAny() bool {
	if p.disabled || p.guest || p.rejected != "" || !p.judge.method.selfService {
		return false
	}
	for _, f := range p.profiles {
		if f.satisfiable() {
			return true
		}
	}
	return false
}
