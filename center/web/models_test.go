package web_test

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/postern/postern"
)

// upload sends the form of an update, with a file.
func (v visitor) upload(fields map[string]string, file, content string) answer {
	v.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for name, value := range fields {
		if err := form.WriteField(name, value); err != nil {
			v.Fatal(err)
		}
	}
	if file != "" {
		part, err := form.CreateFormFile("content", file)
		if err != nil {
			v.Fatal(err)
		}
		if _, err := part.Write([]byte(content)); err != nil {
			v.Fatal(err)
		}
	}
	if err := form.Close(); err != nil {
		v.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "/models/update", &body)
	r.Header.Set("Content-Type", form.FormDataContentType())
	rec := httptest.NewRecorder()
	v.console.ServeHTTP(rec, r)
	return answer{rec, v.T, rec.Body.String()}
}

// TestUpdateModels brings a list of the organisation's own: shown first, applied as it was shown, and only by whom it may.
func TestUpdateModels(t *testing.T) {
	w := newWorld(t)
	admin, auditor := w.as(postern.RoleAdministrator), w.as(postern.RoleAuditor)
	const list = `{"99999999-2222-3333-4444-555555555555": {"name": "Door card <b>", "kind": "security_key"}}`
	own := map[string]string{"from": "file", "own": "1"}

	admin.get("/models").is(http.StatusOK, "Microsoft Authenticator", "came with this release", "Update the list", "Search for the others")
	admin.get("/models?q=8a208249-8aef-41b3-907f-776d51e6526f").is(http.StatusOK, "1 model.", "!Search for the others")
	admin.get("/models?bundle=google+titan").is(http.StatusOK, "Models of Google Titan", "Google Titan Security Key v2", "1 model.")
	admin.get("/models?bundle=nothing").is(http.StatusOK, "No such model")
	auditor.get("/models").is(http.StatusOK, "!Update the list")
	auditor.get("/models/update").is(http.StatusForbidden)
	auditor.upload(own, "own.json", list).is(http.StatusForbidden)

	admin.get("/models/update").is(http.StatusOK, "https://mds.fidoalliance.org/")
	admin.upload(own, "", "").is(http.StatusUnprocessableEntity, "Choose the file.")
	admin.upload(own, "own.json", "not.a.list").is(http.StatusUnprocessableEntity, "neither", "checked")
	admin.upload(own, "huge.json", strings.Repeat(" ", 33<<20)).is(http.StatusRequestEntityTooLarge)
	admin.upload(map[string]string{"from": "address", "address": "http://localhost/"}, "", "").is(http.StatusUnprocessableEntity, "begins with https://")
	admin.post("/models/update", url.Values{"from": {"file"}}).is(http.StatusUnprocessableEntity, "did not arrive whole")

	at := admin.upload(own, "own.json", list).leads("/models/update/")
	shown := admin.get(at).is(http.StatusOK, "Added: 1 model", "Door card &lt;b&gt;", "not signed: you answer for it", "Apply the update")
	admin.get("/models?q=Door+card").is(http.StatusOK, "No such model")
	auditor.post(at, url.Values{"version": {"0"}}).is(http.StatusForbidden)
	admin.post(at, url.Values{"version": {"7"}}).is(http.StatusConflict, "Added: 1 model")
	admin.post(at, url.Values{"version": {hidden(t, shown.body, "version")}}).leads("/models?done=models")
	admin.get("/models?done=models&q=Door+card").is(http.StatusOK, "The list of models was updated", "1 model.", "file own.json, not signed")
	admin.get(at).is(http.StatusNotFound, "not kept any more")
}
