package securitykey

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"
)

// record keeps what the clients and the key said to each other, as seeds of the
// authenticator's fuzz tests:
//
//	go test ./test/securitykey -record ../../fido/ctap/ctaptest/exchanges.txt
var record = flag.String("record", "", "file to write the exchanges to, one of each shape")

// exchange is a request and the answer to it, after the CTAPHID command that
// carried both.
type exchange struct {
	command         byte
	request, answer []byte
}

var recorded = map[string]exchange{}

// keep remembers one exchange of each shape that a client had.
func (p *tap) keep(client string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.exchanges {
		name := fmt.Sprintf("%s %02x %s", client, e.command, shape(e.command, e.request))
		if _, ok := recorded[name]; !ok && len(e.request) > 0 {
			recorded[name] = e
		}
	}
}

// shape is the command and the members of a request, with the value of its
// subcommand.
func shape(command byte, request []byte) string {
	if command != commandCBOR || len(request) < 2 {
		return fmt.Sprintf("%x", request[:min(len(request), 3)])
	}
	var v map[any]any
	if err := strict.Unmarshal(request[1:], &v); err != nil {
		return fmt.Sprintf("%x", request)
	}
	var members []string
	for k, m := range v {
		switch m := m.(type) {
		case uint64:
			members = append(members, fmt.Sprintf("%v=%d", k, m))
		case map[any]any:
			var inner []string
			for k := range m {
				inner = append(inner, fmt.Sprint(k))
			}
			slices.Sort(inner)
			members = append(members, fmt.Sprintf("%v%v", k, inner))
		default:
			members = append(members, fmt.Sprint(k))
		}
	}
	slices.Sort(members)
	return fmt.Sprintf("%02x%v", request[0], members)
}

func writeRecord() error {
	var b bytes.Buffer
	b.WriteString("# What libfido2 and OpenSSH said to a security key, and its answers, recorded by test/securitykey: one exchange of\n" +
		"# each shape. CTAPHID command, request, answer.\n")
	for _, name := range slices.Sorted(maps.Keys(recorded)) {
		e := recorded[name]
		fmt.Fprintf(&b, "%02x %x %x\n", e.command, e.request, e.answer)
	}
	return os.WriteFile(*record, b.Bytes(), 0o644) // #nosec G306 -- a file of the repository
}

func TestMain(m *testing.M) {
	flag.Parse()
	code := run(m)
	if code == 0 && *record != "" {
		if err := writeRecord(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}
