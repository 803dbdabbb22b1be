package page

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"github.com/skip2/go-qrcode"

	"github.com/postern/postern"
)

//go:embed static
var files embed.FS

var static = http.FileServerFS(files)

func index(w http.ResponseWriter, _ *http.Request) {
	page, err := fs.ReadFile(files, "static/index.html")
	if err != nil {
		panic(err) // the file is part of the program
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(page) // whoever asked may be gone
}

// pulse is how often an idle stream says that it is there, so that one whose reader is gone ends.
const pulse = 20 * time.Second

// events streams the view: at once, and at every change.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	select {
	case s.streams <- struct{}{}:
		defer func() { <-s.streams }()
	default:
		s.refuse(w, postern.Errorf(postern.CodeTooMany, "Too many windows show this page.").WithNext("Close some of them."))
		return
	}
	out := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	tick := time.NewTicker(pulse)
	defer tick.Stop()
	for {
		changed := s.machine.Changed()
		view, err := json.Marshal(s.view())
		if err != nil {
			s.log.Error("the view cannot be written", "error", err)
			return
		}
		text := fmt.Sprintf("data: %s\n\n", view)
		for waiting := true; waiting; {
			if err := out.SetWriteDeadline(time.Now().Add(pulse)); err != nil {
				return
			}
			if _, err := w.Write([]byte(text)); err != nil {
				return
			}
			if err := out.Flush(); err != nil {
				return
			}
			select {
			case <-changed:
				waiting = false
			case <-tick.C:
				text = ": still here\n\n"
			case <-r.Context().Done():
				return
			}
		}
	}
}

func (s *Server) qr(w http.ResponseWriter, r *http.Request) {
	p := s.machine.View().Pairing
	if p == nil || p.URL == "" {
		http.NotFound(w, r)
		return
	}
	picture, err := QR(p.URL)
	if err != nil {
		s.refuse(w, err)
		return
	}
	w.Header().Set("Content-Type", "image/svg+xml")
	_, _ = w.Write(picture) // whoever asked may be gone
}

// Modules gives the QR code of a text, with the quiet zone around it; true is dark.
func Modules(text string) ([][]bool, error) {
	code, err := qrcode.New(text, qrcode.Low)
	if err != nil {
		return nil, fmt.Errorf("make the QR code: %w", err)
	}
	return code.Bitmap(), nil
}

// QR draws a QR code as SVG: dark on white whatever the colours of the page are, as cameras want it.
func QR(text string) ([]byte, error) {
	modules, err := Modules(text)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %[1]d" shape-rendering="crispEdges"><path fill="#fff" d="M0 0h%[1]dv%[1]dH0z"/><path d="`, len(modules))
	for y, row := range modules {
		for x := 0; x < len(row); x++ {
			from := x
			for x < len(row) && row[x] {
				x++
			}
			if x > from {
				fmt.Fprintf(&b, "M%d %dh%dv1h-%[3]dz", from, y, x-from)
			}
		}
	}
	b.WriteString(`"/></svg>`)
	return []byte(b.String()), nil
}
