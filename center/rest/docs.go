package rest

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
)

//go:embed docs.html
var docsHTML string

//go:embed docs.css
var docsCSS string

// docs is the API's documentation as one page that needs nothing else: no script, and a style sheet that the page's
// policy knows by its hash.
func docs(spec *huma.OpenAPI) http.Handler {
	hash := sha256.Sum256([]byte(docsCSS))
	policy := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) + "'; base-uri 'none'; frame-ancestors 'none'"
	page := sync.OnceValues(func() ([]byte, error) { return renderDocs(spec) })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		html, err := page()
		if err != nil {
			writeProblem(w, r, err)
			return
		}
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		// The client may be gone; there is nobody else to tell.
		_, _ = w.Write(html)
	})
}

// What the page shows of the document.
type (
	docSection struct {
		Name       string
		Anchor     string
		Operations []docOperation
	}
	docOperation struct {
		ID, Method, Path, Summary, Permission string
		Notes                                 []string
		Parameters                            []docField
		Body                                  []docField
		Answers                               []docAnswer
	}
	docField struct {
		Name, In, Type, Doc string
		Required            bool
	}
	docAnswer struct{ Status, Text, Type string }
)

func renderDocs(spec *huma.OpenAPI) ([]byte, error) {
	var sections []docSection
	for path, item := range spec.Paths {
		for method, op := range map[string]*huma.Operation{
			http.MethodGet: item.Get, http.MethodPost: item.Post, http.MethodPut: item.Put, http.MethodDelete: item.Delete,
		} {
			if op == nil {
				continue
			}
			at := slices.IndexFunc(sections, func(s docSection) bool { return s.Name == op.Tags[0] })
			if at < 0 {
				at = len(sections)
				sections = append(sections, docSection{Name: op.Tags[0], Anchor: anchor(op.Tags[0])})
			}
			sections[at].Operations = append(sections[at].Operations, describe(spec, method, path, op))
		}
	}
	slices.SortFunc(sections, func(a, b docSection) int { return strings.Compare(a.Name, b.Name) })
	for _, s := range sections {
		slices.SortFunc(s.Operations, func(a, b docOperation) int {
			return strings.Compare(a.Path+" "+a.Method, b.Path+" "+b.Method)
		})
	}
	page, err := template.New("docs").Parse(docsHTML)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = page.Execute(&out, map[string]any{"Info": spec.Info, "Style": template.CSS(docsCSS), "Sections": sections, "JSON": openAPIPath + ".json", "YAML": openAPIPath + ".yaml"})
	return out.Bytes(), err
}

func anchor(name string) string {
	return strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' {
			return r
		}
		return '-'
	}, strings.ToLower(name))
}

func describe(spec *huma.OpenAPI, method, path string, op *huma.Operation) docOperation {
	permission, _ := op.Extensions["x-postern-permission"].(string)
	d := docOperation{ID: op.OperationID, Method: method, Path: path, Summary: op.Summary, Permission: permission}
	for note := range strings.SplitSeq(op.Description, "\n\n") {
		d.Notes = append(d.Notes, strings.ReplaceAll(note, "`", ""))
	}
	for _, p := range op.Parameters {
		doc := p.Description
		d.Parameters = append(d.Parameters, docField{Name: p.Name, In: p.In, Type: typeOf(p.Schema), Doc: strings.TrimSpace(doc + limits(p.Schema)), Required: p.Required})
	}
	if op.RequestBody != nil {
		d.Body = fields(spec, op.RequestBody.Content["application/json"].Schema)
	}
	for status, answer := range op.Responses {
		a := docAnswer{Status: status, Text: answer.Description}
		for media, content := range answer.Content {
			a.Type = typeOf(content.Schema)
			if media != "application/json" && media != problemType {
				a.Type = media
			}
		}
		d.Answers = append(d.Answers, a)
	}
	slices.SortFunc(d.Answers, func(a, b docAnswer) int { return strings.Compare(a.Status, b.Status) })
	return d
}

// fields lists the properties of an object, one level deep; what lies deeper is named by its type.
func fields(spec *huma.OpenAPI, s *huma.Schema) []docField {
	if s == nil {
		return nil
	}
	if s.Ref != "" {
		s = spec.Components.Schemas.SchemaFromRef(s.Ref)
	}
	var out []docField
	for name, property := range s.Properties {
		out = append(out, docField{
			Name: name, Type: typeOf(property), Doc: strings.TrimSpace(property.Description + limits(property)), Required: slices.Contains(s.Required, name),
		})
	}
	slices.SortFunc(out, func(a, b docField) int { return strings.Compare(a.Name, b.Name) })
	return out
}

func typeOf(s *huma.Schema) string {
	switch {
	case s == nil:
		return ""
	case s.Ref != "":
		return s.Ref[strings.LastIndexByte(s.Ref, '/')+1:]
	case s.Type == huma.TypeArray:
		return "list of " + typeOf(s.Items)
	case s.Format != "" && s.Type == huma.TypeString:
		return s.Type + " (" + s.Format + ")"
	}
	return s.Type
}

func limits(s *huma.Schema) string {
	if s == nil || len(s.Enum) == 0 {
		return ""
	}
	var values []string
	for _, v := range s.Enum {
		if text, ok := v.(string); ok {
			values = append(values, text)
		}
	}
	return " One of: " + strings.Join(values, ", ") + "."
}
