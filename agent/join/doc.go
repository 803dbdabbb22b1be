// Package join finds out how a workstation belongs to a directory.
//
// It owns the reading of `dsregcmd /status`, the only source Windows has for all of it. What a state means for people is
// package postern's, and what an agent does about it is the agent's.
package join
