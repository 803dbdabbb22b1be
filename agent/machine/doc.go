// Package machine owns what it means for the security keys that a machine is locked, put to sleep, woken, or used by somebody
// else: a table of what a system tells its services, and what the agent does about it. It does nothing itself, and knows
// neither keys nor systems; who hears of events asks it.
package machine
