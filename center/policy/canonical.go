package policy

import (
	"encoding/json"
	"slices"
)

// canonical is v as JSON in which lists of texts are in order and empty lists and absent members are the same, so that two
// values with one meaning are equal.
func canonical(v any) []byte {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	var tree any
	if json.Unmarshal(raw, &tree) != nil {
		return raw
	}
	out, _ := json.Marshal(tidied(tree))
	return out
}

func tidied(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			if member = tidied(member); member == nil {
				delete(v, name)
			} else {
				v[name] = member
			}
		}
		return v
	case []any:
		if len(v) == 0 {
			return nil
		}
		type keyed struct {
			key   string
			value any
		}
		all := make([]keyed, len(v))
		for n, member := range v {
			member = tidied(member)
			raw, _ := json.Marshal(member)
			all[n] = keyed{string(raw), member}
		}
		slices.SortFunc(all, func(a, b keyed) int {
			switch {
			case a.key < b.key:
				return -1
			case a.key > b.key:
				return 1
			}
			return 0
		})
		for n, k := range all {
			v[n] = k.value
		}
		return v
	}
	return v
}
