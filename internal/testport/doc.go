// Package testport gives tests and measurements a port of the loopback interface for a program that is to listen there,
// and to listen there again after it was killed.
//
// A port that the kernel chose and that was given back is free for whoever asks next, so it may be gone when the program
// starts. The ports of this package lie outside of those that kernels choose, and each is kept from everybody else who
// asks this package, in whichever process.
package testport
