package machine

// Event is something that happened to the machine.
type Event string

// The events.
const (
	Unknown           Event = "unknown" // and of no concern
	Lock              Event = "lock"
	Unlock            Event = "unlock"
	SignIn            Event = "sign-in"
	SignOut           Event = "sign-out"
	ConsoleConnect    Event = "console connect"    // a session is at the screen now: signing in, or switching users
	ConsoleDisconnect Event = "console disconnect" // a session left the screen and goes on
	RemoteConnect     Event = "remote connect"     // somebody works here from afar
	RemoteDisconnect  Event = "remote disconnect"
	Suspend           Event = "suspend"      // the machine sleeps within two seconds
	Resume            Event = "resume"       // it woke, by itself or by a person
	ResumeByUser      Event = "resume: user" // a person is there; comes after Resume, or not at all
)

// Effect is what the agent does.
type Effect string

// The effects.
const (
	Nothing Effect = "nothing"
	// Look has it looked again how people work here. Keys stay as they are.
	Look Effect = "look"
	// Out takes all keys out and ends the connection.
	Out Effect = "out"
	// Anew makes a new connection, and plugs the keys in anew as after a start.
	Anew Effect = "anew"
)

// State is what has to be known of what happened before. The zero value is a machine that is awake.
type State struct{ Asleep bool }

// On gives the effect of an event, and the state after it.
//
// The keys are the machine's, not a session's: the sign-in screen belongs to nobody's session and needs them most, so that
// neither a lock nor another user takes them away. What sleeps answers nobody: the connection is dead after it, though the
// system does not say so for a while, and a driver may have lost its device. Somebody who signs in right after waking must
// find a key that works.
func (s State) On(e Event) (Effect, State) {
	switch e {
	case Lock, Unlock, ConsoleConnect, ConsoleDisconnect, RemoteConnect, RemoteDisconnect, SignIn, SignOut:
		return Look, s
	case Suspend:
		if s.Asleep {
			return Nothing, s
		}
		return Out, State{Asleep: true}
	case Resume:
		// After an emergency, such as an empty battery, nothing was said before.
		return Anew, State{}
	case ResumeByUser:
		if s.Asleep { // it was not said that it woke
			return Anew, State{}
		}
		return Look, s
	default:
		return Nothing, s
	}
}

// OfSession is the event of a Windows session change (WM_WTSSESSION_CHANGE, wParam).
func OfSession(code uint32) Event {
	switch code {
	case 1:
		return ConsoleConnect
	case 2:
		return ConsoleDisconnect
	case 3:
		return RemoteConnect
	case 4:
		return RemoteDisconnect
	case 5:
		return SignIn
	case 6:
		return SignOut
	case 7:
		return Lock
	case 8:
		return Unlock
	}
	return Unknown
}

// OfPower is the event of a change of power on Windows (WM_POWERBROADCAST, wParam).
func OfPower(code uint32) Event {
	switch code {
	case 0x04: // PBT_APMSUSPEND
		return Suspend
	case 0x06, 0x12: // PBT_APMRESUMECRITICAL, PBT_APMRESUMEAUTOMATIC
		return Resume
	case 0x07: // PBT_APMRESUMESUSPEND
		return ResumeByUser
	}
	return Unknown
}
