package web

import (
	"strings"

	"github.com/postern/postern"
)

func modelSource(s postern.ModelSource) string {
	switch s {
	case postern.ModelFromFIDO:
		return "FIDO Metadata Service"
	case postern.ModelFromCommunity:
		return "Community's list of passkey providers"
	case postern.ModelFromFile:
		return "Your organisation's own list"
	}
	return "Postern and Microsoft's documentation"
}

// sourceOrigin says where a source is from and who brought it.
func sourceOrigin(s postern.ModelListSource) string {
	if s.Bundled {
		return "came with this release"
	}
	parts := []string{s.Origin}
	if s.Number > 0 {
		parts = append(parts, "issue "+itoa(int(s.Number)))
	}
	if s.Signer != "" {
		parts = append(parts, "signed by "+s.Signer)
	} else {
		parts = append(parts, "not signed")
	}
	if s.By != "" {
		parts = append(parts, "brought by "+s.By)
	}
	return strings.Join(parts, ", ")
}

// sourceState says as of when a source is, for the diff.
func sourceState(s postern.ModelListSource) string {
	if s.Date == "" {
		return "nothing yet"
	}
	text := "as of " + s.Date
	if s.Number > 0 {
		text = "issue " + itoa(int(s.Number)) + ", " + text
	}
	return text + ", " + count(s.Models, "model")
}

// modelChange says what else is said of a model.
func modelChange(m postern.ModelChange) string {
	switch m.Field {
	case "fips":
		if m.New == "true" {
			return "is certified by FIPS 140 now"
		}
		return "is not certified by FIPS 140 any more"
	case "listed":
		if m.New == "true" {
			return "is in FIDO's metadata now"
		}
		return "is not in FIDO's metadata any more"
	case "kind":
		return "is a " + kindNoun(m.New) + " and no " + kindNoun(m.Old)
	case "vendor":
		if m.Old == "" {
			return "is made by " + m.New
		}
		return "is made by " + orNobody(m.New) + " instead of " + orNobody(m.Old)
	}
	if m.New == "" {
		return "has no status any more; it was " + statusText(m.Old)
	}
	return "has the status " + statusText(m.New)
}

func kindNoun(kind string) string {
	if text := modelKind(postern.Model{Kind: postern.ModelKind(kind)}); text != "" && kind != string(postern.ModelPlatform) {
		return text
	}
	if kind == string(postern.ModelPlatform) {
		return "part of the computer"
	}
	return "model of another kind"
}

func orNobody(text string) string {
	if text == "" {
		return "nobody we know of"
	}
	return text
}

// badStatuses are FIDO's warnings.
func badStatus(status string) bool {
	return status == "REVOKED" || status == "RETIRED" || strings.Contains(status, "COMPROMISE") || strings.Contains(status, "BYPASS")
}

// statusText makes words of FIDO's statuses.
func statusText(status string) string {
	if level, ok := strings.CutPrefix(status, "FIDO_CERTIFIED"); ok {
		return strings.TrimSuffix("FIDO certified, level "+strings.ReplaceAll(strings.TrimPrefix(level, "_L"), "plus", "+"), ", level ")
	}
	return strings.ToLower(strings.ReplaceAll(status, "_", " "))
}

func bundleChange(b postern.ModelBundleDiff) string {
	var parts []string
	if n := len(b.Added); n > 0 {
		parts = append(parts, "gains "+count(n, "model"))
	}
	if n := len(b.Removed); n > 0 {
		parts = append(parts, "loses "+count(n, "model"))
	}
	return b.Name + " " + strings.Join(parts, " and ")
}
