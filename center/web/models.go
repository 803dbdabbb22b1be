package web

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/policy/aaguid"
)

// Models is what the console needs of package aaguid.
type Models interface {
	List(ctx context.Context) (*aaguid.List, error)
	Models(ctx context.Context, inUse []string) (postern.ModelList, error)
	Stage(ctx context.Context, in postern.ModelListInput) (string, error)
	Staged(ctx context.Context, id string) (postern.ModelListDiff, error)
	ApplyStaged(ctx context.Context, id string, version int64) (postern.ModelListDiff, error)
}

const (
	modelsPath       = "/models"
	modelsUpdatePath = "/models/update"

	modelsShown  = 60              // on the page at once
	modelsArrive = 2 * time.Minute // for a file to come
	fetchWithin  = 4 * time.Minute // for a list to be fetched
	maxModelForm = 33 << 20        // a list and the fields beside it
	maxFormField = 16 << 10        // one of those fields; a signed note
	fidoAddress  = "https://mds.fidoalliance.org/"
)

// bringsModels reports whether a form may carry a list of models. Whoever may not bring one is refused before it is read.
func bringsModels(r *http.Request) bool {
	return r.Method == http.MethodPost && r.URL.Path == modelsUpdatePath
}

// modelsPage is the list of models.
type modelsPage struct {
	frame
	List   postern.ModelList
	Query  string
	Bundle string
	Found  []postern.Model
	Count  int
}

func (c *console) models(w http.ResponseWriter, r *http.Request) error {
	p := modelsPage{frame: c.frame(r, sectionModels, "Models"), Query: strings.TrimSpace(r.URL.Query().Get("q")), Bundle: r.URL.Query().Get("bundle")}
	var err error
	if p.List, err = c.Models.Models(r.Context(), nil); err != nil {
		return err
	}
	p.search()
	if r.Header.Get("HX-Target") == "div#found" {
		return c.show(w, r, http.StatusOK, modelsFoundPart(p))
	}
	return c.show(w, r, http.StatusOK, models(p))
}

// search chooses what is shown of the list. A bundle that there is not holds nothing.
func (p *modelsPage) search() {
	p.Found = findModels(p.List.Models, p.Query)
	if p.Bundle != "" {
		var ids []string
		for _, b := range p.List.Bundles {
			if strings.EqualFold(b.Name, p.Bundle) {
				ids, p.Bundle = b.AAGUIDs, b.Name
			}
		}
		p.Found = slices.DeleteFunc(p.Found, func(m postern.Model) bool { return !slices.Contains(ids, m.AAGUID) })
	}
	slices.SortStableFunc(p.Found, func(a, b postern.Model) int {
		return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
	})
	p.Count = len(p.Found)
	p.Found = p.Found[:min(p.Count, modelsShown)]
}

func bundlePath(name string) string {
	return modelsPath + "?" + url.Values{"bundle": {name}}.Encode() + "#list"
}

// updateModelsPage asks for a list.
type updateModelsPage struct {
	frame
	Address  string
	Own      bool
	Problems problems
}

func (c *console) updateModelsFrame(r *http.Request) frame {
	f := c.frame(r, sectionModels, "Update the list of models")
	f.Trail = []crumb{{"Models", modelsPath}}
	return f
}

func (c *console) updateModels(w http.ResponseWriter, r *http.Request) error {
	return c.show(w, r, http.StatusOK, updateModels(updateModelsPage{frame: c.updateModelsFrame(r), Address: fidoAddress}))
}

// stageModels verifies a list and leads to what it would change.
func (c *console) stageModels(w http.ResponseWriter, r *http.Request) error {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(modelsArrive)) // where deadlines cannot be set, there is no connection to protect
	_ = control.SetWriteDeadline(time.Now().Add(modelsArrive + fetchWithin))
	in, err := readModelForm(r)
	if err == nil {
		_ = control.SetReadDeadline(time.Time{})
		var id string
		if id, err = c.Models.Stage(r.Context(), in); err == nil {
			return c.away(w, r, modelsUpdatePath+"/"+id)
		}
	}
	p := updateModelsPage{frame: c.updateModelsFrame(r), Address: in.Address, Own: in.Source == postern.ModelFromFile, Problems: problemsOf(err)}
	return c.show(w, r, statusOf(p.Problems), updateModels(p))
}

// readModelForm reads the form of an update as it comes, so that nothing of it is kept twice.
func readModelForm(r *http.Request) (postern.ModelListInput, error) {
	in := postern.ModelListInput{Source: postern.ModelFromCommunity}
	broken := func(err error) error {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return postern.Errorf(postern.CodeTooLarge, "The file has more than %d bytes.", aaguid.MaxContent).OnField("content").
				WithNext("That is no list of models that Postern reads. FIDO's metadata has some ten million bytes.")
		}
		return postern.Errorf(postern.CodeInvalid, "The form did not arrive whole.").WithNext("Send it again.").Because(err)
	}
	parts, err := r.MultipartReader()
	if err != nil {
		return in, broken(err)
	}
	from := ""
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return in, broken(err)
		}
		limit := int64(maxFormField)
		if part.FormName() == "content" {
			limit = aaguid.MaxContent + 1 // the service says that it is too much
			in.File = part.FileName()
		}
		value, err := io.ReadAll(io.LimitReader(part, limit))
		if err != nil {
			return in, broken(err)
		}
		switch part.FormName() {
		case "content":
			in.Content = string(value)
		case "address":
			in.Address = strings.TrimSpace(string(value))
		case "signature":
			in.Signature = strings.ReplaceAll(string(value), "\r\n", "\n")
		case "own":
			in.Source = postern.ModelFromFile
		case "from":
			from = string(value)
		}
	}
	switch from {
	case "address":
		in.Content, in.File = "", ""
	case "file":
		if in.Content == "" {
			return in, postern.FieldErrorf("content", "Choose the file.")
		}
		in.Address = ""
	}
	return in, nil
}

// stagedModelsPage shows what an update would change.
type stagedModelsPage struct {
	frame
	ID       string
	Diff     postern.ModelListDiff
	Problems problems
}

func (c *console) stagedModels(w http.ResponseWriter, r *http.Request) error {
	p := stagedModelsPage{frame: c.updateModelsFrame(r), ID: r.PathValue("staged")}
	var err error
	if r.Method == http.MethodPost {
		if _, err = c.Models.ApplyStaged(r.Context(), p.ID, readVersion(r)); err == nil {
			return c.away(w, r, modelsPath+"?done=models")
		}
		p.Problems = problemsOf(err)
	}
	if p.Diff, err = c.Models.Staged(r.Context(), p.ID); err != nil {
		return err
	}
	status := http.StatusOK
	if p.Problems != nil {
		status = statusOf(p.Problems)
	}
	return c.show(w, r, status, stagedModels(p))
}
