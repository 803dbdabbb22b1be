// Package pages holds what people see of the emulator: HTML templates, one style sheet and two small scripts, all embedded.
//
// It owns looks and the headers that keep them safe: a content security policy without inline script other than blocks that
// carry this answer's nonce, no framing, no referrer. It owns no state and takes no decision; package entrasim fills the
// views.
package pages

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed assets/*
var assetFiles embed.FS

// AssetPath is where [Assets] must be mounted.
const AssetPath = "/_assets/"

// templates holds one complete set for each page: the layout and the page's own blocks.
var templates = parse()

// assets maps a versioned file name such as "style.0a1b2c3d.css" to its content.
var assets, assetNames = load()

func parse() map[string]*template.Template {
	set := make(map[string]*template.Template)
	names, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil {
		panic(err)
	}
	for _, name := range names {
		page := strings.TrimSuffix(strings.TrimPrefix(name, "templates/"), ".html")
		if page == "layout" {
			continue
		}
		set[page] = template.Must(template.New("layout.html").Funcs(template.FuncMap{"asset": Asset, "json": toJSON, "config": config}).
			ParseFS(templateFiles, "templates/layout.html", name))
	}
	return set
}

func load() (files map[string][]byte, names map[string]string) {
	files, names = make(map[string][]byte), make(map[string]string)
	entries, err := assetFiles.ReadDir("assets")
	if err != nil {
		panic(err)
	}
	for _, e := range entries {
		b, err := assetFiles.ReadFile("assets/" + e.Name())
		if err != nil {
			panic(err)
		}
		sum := sha256.Sum256(b)
		base, ext, _ := strings.Cut(e.Name(), ".")
		versioned := base + "." + hex.EncodeToString(sum[:4]) + "." + ext
		files[versioned], names[e.Name()] = b, AssetPath+versioned
	}
	return files, names
}

// Asset returns the URL path of an embedded file; it changes with the content, so browsers may keep it for good.
func Asset(name string) string { return assetNames[name] }

// toJSON writes v for a script block; encoding/json escapes <, > and &, so it cannot end the block.
func toJSON(v any) (template.JS, error) {
	b, err := json.Marshal(v)
	return template.JS(b), err //nolint:gosec // escaped as said above
}

// config writes the block script clients of the real service look for; the template engine would drop its comments.
func config(v any) (template.JS, error) {
	b, err := toJSON(v)
	return "//<![CDATA[\n$Config=" + b + ";\n//]]>", err
}

// Assets serves the embedded files.
func Assets() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, AssetPath)
		content, ok := assets[name]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(content))
	})
}

// Page is one answer.
type Page struct {
	Name   string // template
	Status int    // 200 if zero
	View   View
	// FormTargets are URLs, beside this host, that forms of the page may lead to, redirects included: browsers apply
	// form-action to the whole chain.
	FormTargets []string
	// WebAuthn allows the page to call navigator.credentials.
	WebAuthn bool
}

// View is what every template gets.
type View struct {
	Title string
	// Config, when set, is written as $Config={…} into the head, where script clients of the real service look for it.
	Config any
	// Data is the page's own.
	Data any

	Nonce string // set by Render
}

// Render writes the page with its headers. random returns n random bytes; the nonce comes from it.
func Render(w http.ResponseWriter, p Page, random func(n int) []byte) error {
	t := templates[p.Name]
	if t == nil {
		return fmt.Errorf("no page %q", p.Name)
	}
	p.View.Nonce = base64.RawStdEncoding.EncodeToString(random(18))
	var out bytes.Buffer
	if err := t.Execute(&out, p.View); err != nil {
		return fmt.Errorf("page %s: %w", p.Name, err)
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", policy(p.View.Nonce, p.FormTargets))
	h.Set("Permissions-Policy", permissions(p.WebAuthn))
	h.Set("Cache-Control", "no-store, no-cache")
	h.Set("Pragma", "no-cache")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	if p.Status != 0 {
		w.WriteHeader(p.Status)
	}
	_, err := w.Write(out.Bytes())
	return err
}

func policy(nonce string, targets []string) string {
	sources := []string{"'self'"}
	for _, t := range targets {
		if s := source(t); s != "" && !slices.Contains(sources, s) {
			sources = append(sources, s)
		}
	}
	return "default-src 'none'; script-src 'self' 'nonce-" + nonce + "'; style-src 'self'; img-src 'self'; form-action " +
		strings.Join(sources, " ") + "; base-uri 'none'; frame-ancestors 'none'"
}

// source turns a URL into a CSP source expression: an origin, or the scheme of a URL without host such as "myapp://auth".
func source(target string) string {
	u, err := url.Parse(target)
	switch {
	case err != nil || u.Scheme == "" || strings.ContainsAny(u.Scheme+u.Host, " ;,'\""):
		return ""
	case u.Scheme == "https" || u.Scheme == "http":
		if u.Host == "" {
			return ""
		}
		return u.Scheme + "://" + u.Host
	default:
		return u.Scheme + ":"
	}
}

func permissions(webauthn bool) string {
	if webauthn {
		return "publickey-credentials-get=(self), publickey-credentials-create=(self), camera=(), microphone=(), geolocation=()"
	}
	return "publickey-credentials-get=(), publickey-credentials-create=(), camera=(), microphone=(), geolocation=()"
}
