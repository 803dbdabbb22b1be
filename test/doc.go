// Package test holds the scenarios: text scripts in testdata that run the real programs, as built, against each other.
//
// It owns the few commands that scripts need beside the programs' own (start a demonstration, take a value out of
// JSON). It owns no check of its own; what must hold stands in the scripts.
package test
