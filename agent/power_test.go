package agent_test

import (
	"context"
	"testing"
	"time"

	"github.com/postern/postern/agent"
	"github.com/postern/postern/agent/machine"
	"github.com/postern/postern/fido/ctap"
)

// TestSleep: locking and switching users leave the key in, sleep takes it out before the machine is gone, and waking plugs it
// in with a new connection.
func TestSleep(t *testing.T) {
	w := newWorld(t)
	w.enrol()
	p := w.phone("Pixel")
	p.pair(false)
	host := w.channel(p)
	for _, e := range []machine.Event{machine.Lock, machine.ConsoleDisconnect, machine.RemoteConnect, machine.RemoteDisconnect, machine.ConsoleConnect, machine.Unlock, machine.SignOut} {
		w.agent.Machine(t.Context(), e)
		if _, err := host.CBOR(t.Context(), []byte{byte(ctap.GetInfo)}); err != nil {
			t.Fatalf("after %s the key does not answer: %v", e, err)
		}
	}
	within, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	w.agent.Machine(within, machine.Suspend)
	w.socket.mu.Lock()
	left := len(w.socket.keys)
	w.socket.mu.Unlock()
	if v := w.agent.View(); within.Err() != nil || left != 0 || v.Connected || v.Phones[0].Key != agent.KeyOut {
		t.Fatalf("the machine goes to sleep (%v) with %d keys in, connected %t, key %s", within.Err(), left, v.Connected, v.Phones[0].Key)
	}
	w.agent.Machine(t.Context(), machine.Resume)
	w.agent.Machine(t.Context(), machine.ResumeByUser)
	if _, err := w.channel(p).CBOR(t.Context(), []byte{byte(ctap.GetInfo)}); err != nil {
		t.Errorf("after waking: %v", err)
	}
	// Nothing was said before an emergency. The key that was in is gone, and there is another.
	host = w.channel(p)
	w.agent.Machine(t.Context(), machine.Resume)
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		if _, err := host.CBOR(t.Context(), []byte{byte(ctap.GetInfo)}); err != nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the key from before answers")
		}
	}
	if _, err := w.channel(p).CBOR(t.Context(), []byte{byte(ctap.GetInfo)}); err != nil {
		t.Errorf("after waking from an emergency: %v", err)
	}
}

// TestSleepOfAnIdleMachine: an agent that has nothing to do keeps no machine awake.
func TestSleepOfAnIdleMachine(t *testing.T) {
	w := newWorld(t)
	within, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	w.agent.Machine(within, machine.Suspend)
	if within.Err() != nil {
		t.Error("it did not come to rest")
	}
	w.agent.Machine(t.Context(), machine.Resume)
	w.enrol()
}
