// Package testtpm runs an emulated TPM 2.0 (swtpm) for tests and measurements, from the system's package: a machine of its own,
// with state that outlives a loss of power as that of a chip does.
//
// It owns starting and ending it. What crosses its bus, and when the power fails, is the tests' affair.
package testtpm
