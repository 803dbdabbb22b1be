package main

import "syscall"

// dieWithParent lets the kernel end a child whose parent is killed.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
