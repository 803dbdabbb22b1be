package app

import (
	"errors"
	"fmt"
	"time"
)

var errFault = errors.New("a fault in the app")

// stuckAfter is how long a.mu may be held after a fault. Whoever has a reason to hold it waits for the storage at most.
var stuckAfter = 10 * time.Second

// suspect is for after a fault: whatever failed may have held a.mu, and then nothing goes on. Where it is free, the app
// stays up and then is done with it held; otherwise the app stops, and says so.
func (a *App) suspect(then func()) {
	free := make(chan struct{})
	go func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		defer close(free)
		then()
	}()
	go func() {
		late := time.NewTimer(stuckAfter)
		defer late.Stop()
		select {
		case <-free:
		case <-late.C:
			a.fault()
		}
	}()
}

// broken puts the word for a fault among the notices. a.mu is held.
func (a *App) broken() {
	a.setupFail = problemOf(errFault)
	a.lock()
	a.changed()
}

// fault stops the app for good. It needs nothing that what failed may hold.
func (a *App) fault() {
	if a.faulty.Swap(true) {
		return
	}
	a.stop()
	a.tell(View{Fault: problemOf(errFault), Keys: []Key{}, Computers: []Computer{}, Notices: []Notice{}, Activity: []Activity{}})
}

// present shows the view as it stands.
func (a *App) present() {
	defer func() {
		if r := recover(); r != nil {
			a.host.Log.Error("the view could not be made", "kind", fmt.Sprintf("%T", r))
			a.fault()
		}
	}()
	v := func() View {
		a.mu.Lock()
		defer a.mu.Unlock()
		return a.view()
	}()
	a.tell(v)
}

// tell tells the host of a view. Nothing follows the one that says that the app has stopped.
func (a *App) tell(v View) {
	a.showing.Lock()
	defer a.showing.Unlock()
	if a.faulty.Load() && v.Fault == nil {
		return
	}
	a.revision++
	v.Revision, v.Version = a.revision, a.host.Version
	a.host.View(v)
}
