package doctor

import (
	"fmt"
	"net"
	"strings"
	"time"
)

func upper(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// stop ends a sentence.
func stop(s string) string {
	s = strings.TrimSpace(s)
	if s == "" || strings.HasSuffix(s, ".") || strings.HasSuffix(s, "?") || strings.HasSuffix(s, "…") {
		return s
	}
	return s + "."
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// sentence lists names as a sentence does.
func sentence(names []string) string {
	switch len(names) {
	case 0:
		return "nothing"
	case 1:
		return names[0]
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// some lists a few names, and how many there are beyond them.
func some(names []string) string {
	const shown = 4
	if len(names) > shown+1 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:shown], ", "), len(names)-shown)
	}
	return sentence(names)
}

func day(t time.Time) string { return t.UTC().Format("2 January 2006") }

func clockTime(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// span is a length of time as people say it.
func span(d time.Duration) string {
	if d < 0 {
		d = -d
	}
	count := func(n int64, unit string) string {
		if n == 1 {
			return "one " + unit
		}
		return fmt.Sprintf("%d %ss", n, unit)
	}
	switch {
	case d < 2*time.Minute:
		return count(int64(d/time.Second), "second")
	case d < 2*time.Hour:
		return count(int64(d/time.Minute), "minute")
	case d < 48*time.Hour:
		return count(int64(d/time.Hour), "hour")
	}
	return count(int64(d/(24*time.Hour)), "day")
}

func size(bytes int64) string {
	switch {
	case bytes >= 1<<30:
		return fmt.Sprintf("%.1f GB", float64(bytes)/(1<<30))
	case bytes >= 1<<20:
		return fmt.Sprintf("%.0f MB", float64(bytes)/(1<<20))
	}
	return fmt.Sprintf("%d KB", (bytes+1023)/1024)
}

// local reports whether a host is this machine, where browsers take http for secure.
func local(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}
