// Package crash kills a real control center, process and all, at every labelled point of what it does with passkeys, and
// holds that nothing is lost and nothing is done twice after the next start.
//
// It owns the points, the stories they lie in and the table of labels. It does not own deaths at random places of random
// stories (package model plays those within one process), nor what a database makes of a loss of power.
package crash
