//go:build !linux && !windows

package main

import "runtime"

func service() bool { return false }

func systemName() string { return runtime.GOOS }

// opener opens an address in the browser.
func opener(address string) []string { return []string{"open", address} }
