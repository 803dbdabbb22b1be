package machine

import "testing"

// TestTable: what each event does, awake and asleep, and whether the machine counts as asleep after it.
func TestTable(t *testing.T) {
	type cell struct {
		does   Effect
		asleep bool
	}
	for event, want := range map[Event]struct{ awake, asleep cell }{
		Unknown:           {cell{Nothing, false}, cell{Nothing, true}},
		Lock:              {cell{Look, false}, cell{Look, true}},
		Unlock:            {cell{Look, false}, cell{Look, true}},
		SignIn:            {cell{Look, false}, cell{Look, true}},
		SignOut:           {cell{Look, false}, cell{Look, true}},
		ConsoleConnect:    {cell{Look, false}, cell{Look, true}},
		ConsoleDisconnect: {cell{Look, false}, cell{Look, true}},
		RemoteConnect:     {cell{Look, false}, cell{Look, true}},
		RemoteDisconnect:  {cell{Look, false}, cell{Look, true}},
		Suspend:           {cell{Out, true}, cell{Nothing, true}},
		Resume:            {cell{Anew, false}, cell{Anew, false}},
		ResumeByUser:      {cell{Look, false}, cell{Anew, false}},
	} {
		for asleep, c := range map[bool]cell{false: want.awake, true: want.asleep} {
			does, after := State{Asleep: asleep}.On(event)
			if (cell{does, after.Asleep}) != c {
				t.Errorf("%s, asleep %t: %s, then asleep %t; want %s, %t", event, asleep, does, after.Asleep, c.does, c.asleep)
			}
		}
	}
}

// TestStories: what a day brings, as Windows tells it, leaves the keys where they should be.
func TestStories(t *testing.T) {
	session, power := OfSession, OfPower
	for name, story := range map[string]struct {
		events []Event
		does   []Effect
	}{
		"lock and unlock":        {[]Event{session(7), session(8)}, []Effect{Look, Look}},
		"fast user switching":    {[]Event{session(7), session(2), session(1), session(5)}, []Effect{Look, Look, Look, Look}},
		"remote work":            {[]Event{session(2), session(3), session(4), session(1)}, []Effect{Look, Look, Look, Look}},
		"sleep, woken by user":   {[]Event{power(4), power(0x12), power(7)}, []Effect{Out, Anew, Look}},
		"sleep, woken by itself": {[]Event{power(4), power(0x12), power(4), power(0x12)}, []Effect{Out, Anew, Out, Anew}},
		"empty battery":          {[]Event{power(6), power(7)}, []Effect{Anew, Look}},
		"resume not announced":   {[]Event{power(4), power(7)}, []Effect{Out, Anew}},
		"charger":                {[]Event{power(0x0a), power(0x8013), session(9), session(0x0e)}, []Effect{Nothing, Nothing, Nothing, Nothing}},
		"locked, then asleep":    {[]Event{session(7), power(4), power(0x12), session(8)}, []Effect{Look, Out, Anew, Look}},
	} {
		state := State{}
		for i, e := range story.events {
			var does Effect
			if does, state = state.On(e); does != story.does[i] {
				t.Errorf("%s, %d: %s does %s, want %s", name, i+1, e, does, story.does[i])
			}
		}
		if state.Asleep {
			t.Errorf("%s: asleep in the end", name)
		}
	}
}
