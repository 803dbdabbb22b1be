package rest_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"github.com/postern/postern"
)

func TestDocumentIsWellKept(t *testing.T) {
	h := newHouse(t)
	ids := make(map[string]string)
	kebab := regexp.MustCompile(`^[a-z]+(-[a-z]+)+$`)
	operations(h.api.OpenAPI(), func(method, path string, op *huma.Operation) {
		at := method + " " + path
		if other, twice := ids[op.OperationID]; twice {
			t.Errorf("%s and %s are both %s", at, other, op.OperationID)
		}
		ids[op.OperationID] = at
		if !kebab.MatchString(op.OperationID) {
			t.Errorf("%s: the operationId %q is not in kebab case", at, op.OperationID)
		}
		if op.Summary == "" || strings.HasSuffix(op.Summary, ".") || len(op.Tags) != 1 {
			t.Errorf("%s: summary %q, tags %v", at, op.Summary, op.Tags)
		}
		success := 0
		for status, answer := range op.Responses {
			if strings.HasPrefix(status, "2") {
				success++
				if status != "204" && len(answer.Content) == 0 {
					t.Errorf("%s: %s has no schema", at, status)
				}
			} else if answer.Content["application/problem+json"] == nil {
				t.Errorf("%s: %s is no problem document", at, status)
			}
			if answer.Description == "" {
				t.Errorf("%s: %s is not described", at, status)
			}
		}
		if success == 0 {
			t.Errorf("%s documents no success", at)
		}
		for _, name := range regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(path, -1) {
			if !slices.ContainsFunc(op.Parameters, func(p *huma.Param) bool { return p.In == "path" && p.Name == name[1] && p.Required }) {
				t.Errorf("%s: the path parameter %s is not documented", at, name[1])
			}
		}
		codes, _ := op.Extensions["x-postern-errors"].([]postern.Code)
		for _, code := range codes {
			if _, known := postern.Catalogue()[code]; !known {
				t.Errorf("%s: there is no code %s", at, code)
			}
		}
	})
	for name, s := range h.api.OpenAPI().Components.Schemas.Map() {
		if strings.Contains(name, "Request") && !strings.HasPrefix(name, "Attestation") && name != "SetupRequest" && name != "OfflineRequest" || !regexp.MustCompile(`^[A-Z][A-Za-z]+$`).MatchString(name) {
			t.Errorf("the schema %s is named by a tool", name)
		}
		if s.Type != huma.TypeObject {
			t.Errorf("the schema %s is a %s", name, s.Type)
		}
	}
}

func TestDocumentIsServed(t *testing.T) {
	h := newHouse(t)
	var spec struct {
		OpenAPI string         `json:"openapi"`
		Paths   map[string]any `json:"paths"`
	}
	body := wantStatus(t, h.send(http.MethodGet, "/api/openapi.json", ""), http.StatusOK)
	if err := json.Unmarshal([]byte(body), &spec); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(spec.OpenAPI, "3.1") || len(spec.Paths) != len(h.api.OpenAPI().Paths) {
		t.Fatalf("OpenAPI %s with %d paths", spec.OpenAPI, len(spec.Paths))
	}
	if yaml := wantStatus(t, h.send(http.MethodGet, "/api/openapi.yaml", ""), http.StatusOK); !strings.Contains(yaml, "operationId: list-integrations") {
		t.Fatalf("the YAML is %.200s", yaml)
	}
}

func TestDocsNeedNothingElse(t *testing.T) {
	h := newHouse(t)
	answer := h.send(http.MethodGet, "/api/docs", "")
	page := wantStatus(t, answer, http.StatusOK)
	operations(h.api.OpenAPI(), func(_, path string, op *huma.Operation) {
		if !strings.Contains(page, `id="`+op.OperationID+`"`) || !strings.Contains(page, path) {
			t.Errorf("%s is not on the page", op.OperationID)
		}
	})
	if strings.Contains(page, "<script") || regexp.MustCompile(`(src|href)="(https?:)?//`).MatchString(page) {
		t.Error("the page loads something from elsewhere")
	}
	if policy := answer.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
		t.Errorf("the policy is %s", policy)
	}
}

func TestErrorCatalogueIsServed(t *testing.T) {
	h := newHouse(t)
	var page postern.Page[postern.ErrorInfo]
	if err := json.Unmarshal([]byte(wantStatus(t, h.send(http.MethodGet, "/api/v1/errors", ""), http.StatusOK)), &page); err != nil {
		t.Fatal(err)
	}
	if len(page.Items) != len(postern.Catalogue()) {
		t.Fatalf("%d of %d codes", len(page.Items), len(postern.Catalogue()))
	}
	p := problem(t, h.send(http.MethodGet, "/api/v1/me", ""))
	if body := wantStatus(t, h.send(http.MethodGet, p.Type, ""), http.StatusOK); !strings.Contains(body, `"unauthenticated"`) {
		t.Fatalf("the type of a problem leads to %s", body)
	}
	wantProblem(t, h.send(http.MethodGet, "/api/v1/errors/nonsense", ""), postern.CodeNotFound, "")
}
