// Package testnats runs a NATS server for tests, from the system's package: a process of its own, because tests kill it
// and start it again.
package testnats
