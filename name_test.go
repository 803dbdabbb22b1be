package postern

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The vectors are shared by form, REST and command line, which all call the same function.
func TestCheckApplicationName(t *testing.T) {
	good := []string{
		"a", "Z", "7", "Postern Passkeys", "Postern-Passkeys", "Postern_Passkeys", "two  spaces", "trailing-", "trailing_",
		"a- _b", "12345678901234567890123", "HYPR Native Passkeys",
	}
	for _, name := range good {
		if err := CheckApplicationName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	bad := map[string]string{
		"":                         "empty",
		"123456789012345678901234": "24 characters",
		" leading":                 `' '`,
		"-leading":                 `'-'`,
		"_leading":                 `'_'`,
		"trailing ":                "ends with a space",
		"dot.":                     `'.'`,
		"a/b":                      `'/'`,
		"a\tb":                     `'\t'`,
		"a\x00b":                   `'\x00'`,
		"Büro":                     `'ü'`,
		"名前":                       `'名'`,
		"a'b":                      `'\''`,
		"a@b":                      `'@'`,
		"<script>":                 `'<'`,
	}
	for name, want := range bad {
		e := AsError(CheckApplicationName(name))
		if e.Code != CodeInvalid || e.Field != "application_name" || !strings.Contains(e.Message, want) || e.Next == "" {
			t.Errorf("%q: %+v, want a sentence with %s on the field", name, e, want)
		}
	}
}

func TestPasskeyDisplayName(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[A-Za-z0-9][A-Za-z0-9 _-]{0,21}[A-Za-z0-9_-]?`).Draw(t, "name")
		id := NewID[ProvisioningID](PrefixProvisioning)
		shown := PasskeyDisplayName(name, id)
		if len(shown) > 30 || !strings.HasPrefix(shown, name+" ") || !strings.HasSuffix(string(id), shown[len(name)+1:]) {
			t.Fatalf("%q of %q and %s", shown, name, id)
		}
	})
}

func TestIDs(t *testing.T) {
	last := ""
	for range 1000 {
		id := string(NewID[UserID](PrefixUser))
		if !ValidID(id, PrefixUser) || ValidID(id, PrefixPhone) {
			t.Fatalf("%q", id)
		}
		if id <= last {
			t.Fatalf("%q does not sort after %q", id, last)
		}
		last = id
	}
	for _, s := range []string{"", "usr_", "usr_short", "usr_" + strings.Repeat("!", 26), "usr" + strings.Repeat("0", 27)} {
		if ValidID(s, PrefixUser) {
			t.Errorf("%q is taken for an id", s)
		}
	}
}
