package lifecycle

import "github.com/postern/postern"

// Next decides the next phase of a user from the present one and the facts. It is the only place that does.
//
//	              invited            phone enrolled          Entra lists a passkey
//	(none) ───────────► eligible ───────────► paired ───────────────► active
//	                       ▲                   │  ▲  passkey gone        │
//	                       │ invited again     │  └──────────────────────┤
//	                       └──── revoked ◄─────┴─────────────────────────┘
//	                                        last phone and passkey gone
//
//	any of these ──── Suspend ───► suspended ──── Resume ───► what the facts say, from where the user stood before
//	any of these and suspended ──── everything taken away ───► revoked
//
// The phases follow the phone. A passkey on a hardware security key moves nobody: who has one is as far from signing in
// by phone as before, and the groups, which policies refer to, must not say otherwise.
//
// suspended is entered and left by [Service.Suspend], [Service.Resume] and [Service.TakenAway] alone, so facts never
// change it.
func Next(present postern.Phase, f Facts) postern.Phase {
	switch {
	case present == postern.PhaseSuspended:
		return present
	case f.Passkeys > 0:
		return postern.PhaseActive
	case f.Phones > 0:
		return postern.PhasePaired
	case f.OpenInvitations > 0:
		return postern.PhaseEligible
	case present == postern.PhasePaired, present == postern.PhaseActive:
		return postern.PhaseRevoked
	}
	return present // eligible stays so when an invitation runs out; revoked, and none, until invited
}
