package entra

import "time"

// Observer is told of every exchange with Entra and of every wait, for metrics. It must not block.
type Observer interface {
	// Exchange reports one HTTP exchange: the operation's name (such as fido2Methods.create or token), the class of its
	// status ("2xx" … "5xx", or "none" when no answer came) and how long it took.
	Exchange(operation, class string, took time.Duration)
	// Wait reports a wait before an exchange: reason is budget, throttled or retry.
	Wait(operation, reason string, waited time.Duration)
}

type silent struct{}

func (silent) Exchange(string, string, time.Duration) {}
func (silent) Wait(string, string, time.Duration)     {}

func statusClass(status int) string {
	if status < 100 || status > 599 {
		return "none"
	}
	return string(rune('0'+status/100)) + "xx"
}
