package printed

import (
	"bufio"
	"bytes"
	"strconv"
	"strings"
)

// maxLine bounds a line of a text; values of the registry may be long.
const maxLine = 256 << 10

// Registry is what `reg query` printed, of one key or of several one after the other. Names of keys and values know no case.
//
//	HKEY_LOCAL_MACHINE\SOFTWARE\Policies\Microsoft\FIDO
//	    EnableFIDODeviceLogon    REG_DWORD    0x1
type Registry struct {
	keys map[string]map[string]string
}

// hives are the short names of the hives, as people write them.
var hives = strings.NewReplacer(`hkey_local_machine\`, `hklm\`, `hkey_current_user\`, `hkcu\`)

// ParseRegistry reads the text. Lines it does not know are passed over: where a key is missing reg query says so in the
// language of Windows.
func ParseRegistry(text []byte) Registry {
	r := Registry{keys: map[string]map[string]string{}}
	if len(text) > maxText {
		return r
	}
	var values map[string]string
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		line := strings.TrimRight(lines.Text(), "\r")
		if key := strings.ToLower(strings.TrimSpace(line)); strings.HasPrefix(key, "hkey_") {
			key = hives.Replace(key)
			if values = r.keys[key]; values == nil {
				values = map[string]string{}
				r.keys[key] = values
			}
			continue
		}
		before, after, ok := strings.Cut(line, "    REG_")
		if !ok || values == nil {
			continue
		}
		name := strings.ToLower(strings.TrimSpace(before))
		if strings.HasPrefix(name, "(") && strings.HasSuffix(name, ")") {
			name = "" // the default value, whose name is translated
		}
		if _, value, ok := strings.Cut(after, "    "); ok {
			values[name] = strings.TrimSpace(value)
		} else {
			values[name] = ""
		}
	}
	return r
}

// Empty reports whether nothing at all was read.
func (r Registry) Empty() bool { return len(r.keys) == 0 }

// Has reports whether the key was printed. reg query prints keys that have values or are below the one asked for.
func (r Registry) Has(key string) bool {
	_, ok := r.keys[strings.ToLower(key)]
	return ok
}

// Text is a value; "" where it is not there.
func (r Registry) Text(key, name string) string {
	return r.keys[strings.ToLower(key)][strings.ToLower(name)]
}

// Number is a REG_DWORD or REG_QWORD, or a number that was written as text; nil where there is none.
func (r Registry) Number(key, name string) *uint64 {
	n, err := strconv.ParseUint(r.Text(key, name), 0, 64)
	if err != nil {
		return nil
	}
	return &n
}

// Values are all values of a key, by name.
func (r Registry) Values(key string) map[string]string { return r.keys[strings.ToLower(key)] }
