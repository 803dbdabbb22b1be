package agent

// Look has keys and passkeys looked at anew, as when time has passed.
func (a *Agent) Look() { a.look() }

// Lost reports whether the keys know that the relay is not reached, from when on the time without it is counted.
func (a *Agent) Lost() bool {
	_, keys := a.current()
	keys.mu.Lock()
	defer keys.mu.Unlock()
	return !keys.lost.IsZero()
}
