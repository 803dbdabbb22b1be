//go:build !linux

package main

import "syscall"

// dieWithParent is for Linux; elsewhere the rig says so before it starts anything.
func dieWithParent() *syscall.SysProcAttr { return nil }
