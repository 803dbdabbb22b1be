package printed

import (
	"bufio"
	"bytes"
	"slices"
	"strconv"
	"strings"
)

// Controller is what `nltest /dsgetdc:DOMAIN /keylist /kdc` found: a domain controller that exchanges tickets of Entra
// Kerberos.
type Controller struct {
	Name, Address, Domain, Site string
	Flags                       []string
	// Status is the error of Windows where none was found, and Error its name: 1355 ERROR_NO_SUCH_DOMAIN.
	Status uint64
	Error  string
}

// KeyList reports whether it exchanges tickets of Entra Kerberos. A nltest older than that prints the flag as a number.
func (c Controller) KeyList() bool {
	return slices.Contains(c.Flags, "KEYLIST") || slices.Contains(c.Flags, "0x20000")
}

// ParseController reads the text; false where it says neither that one was found nor that none was.
func ParseController(text []byte) (Controller, bool) {
	c := Controller{}
	if len(text) > maxText {
		return c, false
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		name, value, _ := strings.Cut(strings.TrimSpace(lines.Text()), ":")
		value = strings.TrimSpace(value)
		switch name {
		case "DC":
			c.Name = strings.TrimLeft(value, `\`)
		case "Address":
			c.Address = strings.TrimLeft(value, `\`)
		case "Dom Name":
			c.Domain = value
		case "Dc Site Name":
			c.Site = value
		case "Flags":
			c.Flags = strings.Fields(value)
		case "Getting DC name failed":
			words := strings.Fields(strings.TrimPrefix(value, "Status ="))
			if len(words) > 0 {
				c.Status, _ = strconv.ParseUint(words[0], 10, 32) // 0 is not told
				c.Error = words[len(words)-1]
			}
		}
	}
	return c, c.Name != "" || c.Error != ""
}
