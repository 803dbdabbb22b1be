// Package house holds the rules of the repository that a compiler does not: which package may import which, that every
// package says what it is for, and that files stay short enough to be read in one sitting.
//
// It owns tests only.
package house
