// Package windows holds sign-ins at Windows with the phone: the emulated tenant, the control center, the workstation's agent, the
// phone without a screen and the emulated Windows computer, as programs that know each other by their wires alone. Each case
// prints the steps of Microsoft's documentation that it went through.
//
// It owns the table of cases and what starts the programs. What a single program does is tested beside it.
package windows
