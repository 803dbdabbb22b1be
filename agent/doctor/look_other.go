//go:build !linux && !windows

package doctor

func door(string) Door { return Door{} }

func readable(string) bool { return true }

func browsers() (all, confined []string) { return nil, nil }

func windows() Windows { return Windows{} }
