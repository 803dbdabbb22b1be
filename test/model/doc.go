// Package model tests the life of a passkey as a whole: random sequences of what users, phones, administrators, Entra and
// accidents do, against the services on a real database and the emulated tenant, and after each the question whether
// Entra, groups, phases, phones and audit trail agree.
//
// It owns an account of its own of what must be true, which shares no code with what it judges. It does not own the
// emulator (package entrasim does) nor the jobs run by hand (package jobtest does).
package model
