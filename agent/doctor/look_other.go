//go:build !linux && !windows

package doctor

import "context"

func door(string) Door { return Door{} }

func readable(string) bool { return true }

func browsers(context.Context) (all, confined []string) { return nil, nil }

func windows() Windows { return Windows{} }
