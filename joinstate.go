package postern

// JoinState is how a workstation belongs to a directory.
type JoinState string

// The join states.
const (
	JoinNone   JoinState = "not_joined"
	JoinAD     JoinState = "ad"
	JoinEntra  JoinState = "entra"
	JoinHybrid JoinState = "hybrid"
)

// joinState is what people have to know of one.
type joinState struct {
	name, signIn string
	supported    bool
	support      string
}

var joinStates = map[JoinState]joinState{
	JoinNone: {
		"Non-domain-joined", "The user signs in with a Microsoft account or a local account.", false,
		"Windows takes security keys at its sign-in screen only where the machine is joined to Entra. In the browser the phone works.",
	},
	JoinAD: {
		"On-premises Active Directory", "The user signs in with credentials of the domain.", false,
		"Microsoft does not support security keys for signing in to machines that are joined to Active Directory alone. In the browser the phone works.",
	},
	JoinEntra: {
		"Entra Domain-joined", "The user signs in with the Entra account.", true,
		"Microsoft supports security keys for signing in to this machine.",
	},
	JoinHybrid: {
		"Hybrid Entra Domain-joined", "The user signs in with credentials of the domain.", true,
		"Microsoft supports security keys for signing in to this machine, where the domain controllers and Entra Kerberos are set up for it. " +
			"Administrative accounts cannot use them unless that is allowed.",
	},
}

// Valid reports whether s is one of the join states.
func (s JoinState) Valid() bool { _, ok := joinStates[s]; return ok }

// Name is what people call the state.
func (s JoinState) Name() string { return joinStates[s].name }

// SignIn says which account opens a machine in that state.
func (s JoinState) SignIn() string { return joinStates[s].signIn }

// Support says whether Microsoft supports signing in to such a machine with a security key, and what that means.
func (s JoinState) Support() (supported bool, why string) {
	return joinStates[s].supported, joinStates[s].support
}
