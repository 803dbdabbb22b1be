package export

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/postern/postern"
)

// The Common Event Format, version 0 (ArcSight CEF implementation standard, revision 25): seven fields with bars between
// them, then extensions as key=value. In the header a bar and a backslash are escaped and there are no line ends; in a
// value a backslash, an equals sign and line ends are.
const (
	cefVendor  = "Postern"
	cefProduct = "Postern"
	maxCEF     = 16 << 10 // bytes of one event; fields that do not fit are left out
)

func encodeCEF(s Source, e postern.AuditEvent) []byte {
	var b strings.Builder
	b.WriteString("CEF:0")
	for _, part := range []string{cefVendor, cefProduct, s.Version, e.Code, nameOf(e), cefSeverity(e)} {
		b.WriteByte('|')
		b.WriteString(cefHeader(part))
	}
	b.WriteByte('|')
	separator := ""
	add := func(key, value string) {
		if value == "" {
			return
		}
		pair := separator + key + "=" + cefValue(value)
		if b.Len()+len(pair) > maxCEF {
			return
		}
		b.WriteString(pair)
		separator = " "
	}
	add("rt", strconv.FormatInt(e.At.UnixMilli(), 10))
	add("externalId", string(e.ID))
	add("cat", e.Name)
	add("outcome", outcome(e))
	add("dvchost", s.Host)
	if strings.Contains(e.Actor.Addr, ":") {
		add("c6a2", e.Actor.Addr)
		add("c6a2Label", "Source IPv6 Address")
	} else {
		add("src", e.Actor.Addr)
	}
	add("suid", e.Actor.ID)
	add("suser", e.Actor.Name)
	add("duid", e.Target)
	add("duser", e.TargetName)
	add("reason", string(e.ErrorCode))
	add("msg", e.Message)
	add("cn1", strconv.FormatInt(e.Sequence, 10))
	add("cn1Label", "sequence")
	for n, pair := range [][2]string{{"integration", string(e.IntegrationID)}, {"actorKind", e.Actor.Kind}, {"hash", e.Hash}, {"previous", e.Previous}} {
		if pair[1] != "" {
			add("cs"+strconv.Itoa(n+1), pair[1])
			add("cs"+strconv.Itoa(n+1)+"Label", pair[0])
		}
	}
	for _, key := range slices.Sorted(maps.Keys(e.Fields)) {
		if name := cefKey(key); name != "" {
			add(name, e.Fields[key])
		}
	}
	return []byte(b.String())
}

// cefSeverity is 0 to 10, after the weight of the code and the outcome.
func cefSeverity(e postern.AuditEvent) string {
	switch weight(e) {
	case 'E':
		return "7"
	case 'W':
		return "5"
	}
	if !e.Success {
		return "5"
	}
	return "3"
}

// weight is the last letter of the code: I, W or E.
func weight(e postern.AuditEvent) byte {
	if e.Code == "" {
		return 'I'
	}
	return e.Code[len(e.Code)-1]
}

func nameOf(e postern.AuditEvent) string {
	if text := textOf(e.Code); text != "" {
		return text
	}
	return e.Name
}

func cefHeader(s string) string {
	return strings.NewReplacer(`\`, `\\`, `|`, `\|`, "\r\n", " ", "\n", " ", "\r", " ").Replace(plain(s))
}

func cefValue(s string) string {
	return strings.NewReplacer(`\`, `\\`, `=`, `\=`, "\r\n", `\n`, "\n", `\n`, "\r", `\n`).Replace(plain(s))
}

// cefKey makes the name of an extension of the key of a field: letters and digits, with Postern in front so that it meets
// no name of the dictionary.
func cefKey(key string) string {
	var b strings.Builder
	upper := true
	for _, r := range key {
		switch {
		case r >= 'a' && r <= 'z' && upper:
			b.WriteRune(r - 'a' + 'A')
			upper = false
		case r >= '0' && r <= '9', r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z':
			b.WriteRune(r)
			upper = false
		default:
			upper = true
		}
	}
	if b.Len() == 0 {
		return ""
	}
	return "Postern" + b.String()
}

// plain replaces what a line of text must not hold: broken UTF-8 and control characters but line ends.
func plain(s string) string {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\r' || r == 0x7f || r == '\u2028' || r == '\u2029' || r == '\u0085' {
			return ' '
		}
		return r
	}, s)
}
