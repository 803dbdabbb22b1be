package hid

// Unavailable is why this machine, as it is, gives no HID interface: a module
// is not loaded, a right is missing, the system has nothing of the kind.
type Unavailable struct {
	Message string // what happened and why, a sentence for people
	Next    string // what to do about it, one or more sentences
	Err     error  // the cause, or nil
}

func (e *Unavailable) Error() string {
	if e.Err != nil {
		return e.Message + " (" + e.Err.Error() + ")"
	}
	return e.Message
}

// Unwrap gives the cause.
func (e *Unavailable) Unwrap() error { return e.Err }
