package extension

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// details are options as the browser hands them over.
func details(t testing.TB, kind string, more map[string]any, override any) []byte {
	t.Helper()
	options := map[string]any{"challenge": "AAECAwQFBgcICQoLDA0ODw"}
	extensions := map[string]any{}
	if kind == KindCreate {
		options["rp"] = map[string]any{"id": "login.microsoft.com", "name": "Microsoft"}
		options["user"] = map[string]any{"id": "AQID", "name": "ada@contoso.example", "displayName": "Ada"}
		options["pubKeyCredParams"] = []any{map[string]any{"type": "public-key", "alg": -7}}
	} else {
		options["rpId"] = "login.microsoft.com"
	}
	for name, value := range more {
		if name == "extensions" {
			extensions = value.(map[string]any)
			continue
		}
		options[name] = value
	}
	if override != nil {
		extensions["remoteDesktopClientOverride"] = override
	}
	options["extensions"] = extensions
	data, err := json.Marshal(options)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func from(origin string, same bool) map[string]any {
	return map[string]any{"origin": origin, "sameOriginWithAncestors": same}
}

func TestParseCall(t *testing.T) {
	const site = "https://login.microsoft.com"
	tests := map[string]struct {
		kind    string
		more    map[string]any
		from    any
		rpID    string
		cross   bool
		timeout time.Duration
		fails   bool
	}{
		"a sign-in":                     {kind: KindGet, from: from(site, true), rpID: "login.microsoft.com", timeout: maxTimeout},
		"a registration":                {kind: KindCreate, from: from(site, true), rpID: "login.microsoft.com", timeout: maxTimeout},
		"origin as a URL":               {kind: KindGet, from: from(site+"/", true), rpID: "login.microsoft.com", timeout: maxTimeout},
		"embedded elsewhere":            {kind: KindGet, from: from(site, false), rpID: "login.microsoft.com", cross: true, timeout: maxTimeout},
		"no relying party id":           {kind: KindGet, more: map[string]any{"rpId": ""}, from: from("https://Other.example:8443", true), rpID: "other.example", timeout: maxTimeout},
		"no time at all":                {kind: KindGet, more: map[string]any{"timeout": 1}, from: from(site, true), rpID: "login.microsoft.com", timeout: minTimeout},
		"a day":                         {kind: KindGet, more: map[string]any{"timeout": 86400000}, from: from(site, true), rpID: "login.microsoft.com", timeout: maxTimeout},
		"time of a page that overflows": {kind: KindGet, more: map[string]any{"timeout": int64(1) << 62}, from: from(site, true), rpID: "login.microsoft.com", timeout: maxTimeout},
		"padded base64":                 {kind: KindGet, more: map[string]any{"challenge": "AAECAw=="}, from: from(site, true), rpID: "login.microsoft.com", timeout: maxTimeout},
		"plain base64":                  {kind: KindGet, more: map[string]any{"challenge": "+/+/"}, from: from(site, true), rpID: "login.microsoft.com", timeout: maxTimeout},
		"unknown extensions":            {kind: KindGet, more: map[string]any{"extensions": map[string]any{"appid": "https://x", "payment": map[string]any{"isPayment": true}, "new": 7}}, from: from(site, true), rpID: "login.microsoft.com", timeout: maxTimeout},
		"no word of the browser":        {kind: KindGet, fails: true},
		"no origin":                     {kind: KindGet, from: map[string]any{"sameOriginWithAncestors": true}, fails: true},
		"opaque origin":                 {kind: KindGet, from: from("null", true), fails: true},
		"not said whether embedded":     {kind: KindGet, from: map[string]any{"origin": site}, fails: true},
		"a kind there is not":           {kind: "store", from: from(site, true), fails: true},
		"options without an end":        {kind: KindGet, more: map[string]any{"x": strings.Repeat("x", 200<<10)}, from: from(site, true), fails: true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c, err := parseCall(test.kind, details(t, test.kind, test.more, test.from))
			if test.fails {
				if err == nil {
					t.Fatalf("taken: %+v", c)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if c.rpID != test.rpID || c.crossOrigin != test.cross || c.timeout != test.timeout {
				t.Errorf("relying party %q, embedded %v, time %v", c.rpID, c.crossOrigin, c.timeout)
			}
		})
	}
}

// TestNestedOptions: what stands beside nested options would be the page's word.
func TestNestedOptions(t *testing.T) {
	inner := details(t, KindGet, nil, from("https://evil.example", true))
	for _, data := range []string{
		`{"publicKey":` + string(inner) + `,"extensions":{"remoteDesktopClientOverride":{"origin":"https://login.microsoft.com","sameOriginWithAncestors":true}}}`,
		`{"value":` + string(inner) + `}`, `[]`, `null`, `"x"`, ``, `{`,
	} {
		if c, err := parseCall(KindGet, []byte(data)); err == nil {
			t.Errorf("%s is taken as of %s", data, c.origin)
		}
	}
	if _, err := parseCall(KindGet, []byte(`{"value":`+string(inner)+`}`)); !errors.Is(err, errNoOrigin) {
		t.Errorf("nested options: %v", err)
	}
}

func TestPolicy(t *testing.T) {
	yes := true
	p, err := ParsePolicy([]byte(`{"server":" https://postern.contoso.com/ ","integration":"Postern","autoAttach":true,"allowedRpIds":["Login.Microsoft.com "],"fallback":"never","other":1}`))
	if err != nil {
		t.Fatal(err)
	}
	if p.Server != "https://postern.contoso.com" || p.mayFallBack() || !p.wanted(false) || *p.AutoAttach != yes {
		t.Errorf("%+v", p)
	}
	if !p.allows("login.microsoft.com") || p.allows("microsoft.com") || p.allows("evil-login.microsoft.com") {
		t.Error("the list of sites is not kept to")
	}
	var none Policy
	if !none.mayFallBack() || !none.allows("anything.example") || none.wanted(false) || !none.wanted(true) {
		t.Error("without a policy the person decides")
	}
	for _, bad := range []string{`[]`, `{"autoAttach":"yes"}`, `{`, `{"x":"` + strings.Repeat("x", maxPolicy) + `"}`} {
		if p, err := ParsePolicy([]byte(bad)); err == nil || p.Server != "" {
			t.Errorf("%.40s is taken", bad)
		}
	}
}

func FuzzParseCall(f *testing.F) {
	f.Add(details(f, KindGet, nil, from("https://login.microsoft.com", true)))
	f.Add(details(f, KindCreate, nil, from("https://login.microsoft.com", false)))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, kind := range []string{KindCreate, KindGet} {
			c, err := parseCall(kind, data)
			if err == nil && (hostname(c.origin) == "" || c.timeout < minTimeout || c.timeout > maxTimeout) {
				t.Fatalf("%+v", c)
			}
		}
	})
}

func TestReasonable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		got := reasonable(rapid.Int64().Draw(t, "milliseconds"))
		if got < minTimeout || got > maxTimeout {
			t.Fatalf("%v", got)
		}
	})
}
