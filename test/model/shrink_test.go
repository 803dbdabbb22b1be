package model_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// shrink takes acts away for as long as what is left still fails (delta debugging: ever smaller parts), then makes the
// numbers small. fails returns what does not agree.
func shrink(acts []act, fails func([]act) []string) (least []act, said []string) {
	least = slices.Clone(acts)
	for part := len(least) / 2; part >= 1; {
		taken := false
		for from := 0; from < len(least); {
			rest := slices.Concat(least[:from], least[min(from+part, len(least)):])
			if now := fails(rest); len(now) > 0 {
				least, said, taken = rest, now, true
			} else {
				from += part
			}
		}
		if !taken || part > 1 {
			part /= 2
		}
	}
	for n := range least {
		for _, smaller := range []act{{least[n].name, 0, 0}, {least[n].name, least[n].a, 0}, {least[n].name, 0, least[n].b}} {
			if smaller == least[n] {
				break
			}
			rest := slices.Clone(least)
			rest[n] = smaller
			if now := fails(rest); len(now) > 0 {
				least, said = rest, now
				break
			}
		}
	}
	return least, said
}

// written is a sequence as text: what was wrong as comments, then an act a line.
func written(name string, acts []act, said []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n", name)
	for _, s := range said {
		fmt.Fprintf(&b, "# %s\n", strings.ReplaceAll(s, "\n", " "))
	}
	for _, a := range acts {
		fmt.Fprintln(&b, a)
	}
	return b.String()
}

func readActs(text string) (acts []act, err error) {
	for n, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		var a act
		if _, err := fmt.Sscan(line, &a.name, &a.a, &a.b); err != nil || verbByName[a.name] == nil || a.a < 0 || a.b < 0 {
			return nil, fmt.Errorf("line %d is no act: %q", n+1, line)
		}
		acts = append(acts, a)
	}
	return acts, nil
}

func TestShrink(t *testing.T) {
	acts := generate(7, stepsOfSequence)
	acts[11], acts[37] = act{"lose", 5, 6}, act{"revoke_phone", 7, 8}
	fails := func(acts []act) []string {
		lose := slices.IndexFunc(acts, func(a act) bool { return a.name == "lose" })
		if lose >= 0 && slices.ContainsFunc(acts[lose:], func(a act) bool { return a.name == "revoke_phone" && a.a == 7 }) {
			return []string{"it does"}
		}
		return nil
	}
	least, said := shrink(acts, fails)
	want := []act{{"lose", 0, 0}, {"revoke_phone", 7, 0}}
	if !slices.Equal(least, want) || len(said) != 1 {
		t.Errorf("%v, %q; want %v", least, said, want)
	}
	back, err := readActs(written("a test", least, said))
	if err != nil || !slices.Equal(back, least) {
		t.Errorf("%v, %v", back, err)
	}
	for _, wrong := range []string{"fly 1 2", "lose 1", "lose -1 2"} {
		if _, err := readActs(wrong); err == nil {
			t.Errorf("%q is taken for an act", wrong)
		}
	}
}
