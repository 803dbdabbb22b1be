package web_test

import (
	"bytes"
	"encoding/base64"
	"flag"
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/postern/postern/internal/browser"
)

var drawIcons = flag.Bool("draw-icons", false, "write the PNGs of skin/icons as icon.svg draws them")

// picture is a PNG of skin/icons: the gate of icon.svg on a ground, with room around it.
type picture struct {
	name              string
	size              int
	ground, gate, way string  // colours; no ground: transparent
	share             float64 // of the width that the drawing's 32 units take
}

// The shape for masks keeps the gate within the circle that every mask leaves (Web App Manifest, "safe zone"). A badge is
// one colour, of which Android takes the alpha alone.
var pictures = []picture{
	{"icon-192.png", 192, "", "#0b5f59", "#f6f5f1", 0.88},
	{"icon-512.png", 512, "", "#0b5f59", "#f6f5f1", 0.88},
	{"touch-180.png", 180, "#f6f5f1", "#0b5f59", "#f6f5f1", 0.64},
	{"maskable-512.png", 512, "#0b5f59", "#f6f5f1", "#0b5f59", 0.56},
	{"badge-96.png", 96, "", "#ffffff", "none", 1},
}

// drawn says, in JavaScript, what the picture is of, as PNG in base64.
func (p picture) drawn(svg string) string {
	start := strings.Index(svg, "<style>")
	end := strings.Index(svg, "</style>") + len("</style>")
	style := fmt.Sprintf("<style>path { fill: %s } .way { fill: %s } .key { fill: %[1]s }</style>", p.gate, p.way)
	svg = strings.Replace(svg[:start]+style+svg[end:], "<svg ", fmt.Sprintf(`<svg width="%d" height="%[1]d" `, p.size), 1)
	svg = strings.Replace(svg, `M9 30V18a7 7 0 0 1 14 0v12z`, `M9 30.2V18a7 7 0 0 1 14 0v12.2z`, 1) // no seam below the way
	if p.way == "none" {                                                                            // the way is cut out of the gate, and the key stands in it
		svg = strings.Replace(svg, `<path d="M3 6V2`, `<mask id="m"><rect width="32" height="32" style="fill:#fff"/><path style="fill:#000" d="M9 31V18a7 7 0 0 1 14 0v13z"/></mask><path mask="url(#m)" d="M3 6V2`, 1)
	}
	return fmt.Sprintf(`(async () => {
		const canvas = new OffscreenCanvas(%[1]d, %[1]d), context = canvas.getContext("2d");
		if (%[2]q) { context.fillStyle = %[2]q; context.fillRect(0, 0, %[1]d, %[1]d); }
		const image = new Image();
		image.src = "data:image/svg+xml," + encodeURIComponent(%[3]q);
		await image.decode();
		const side = %[1]d * %[4]g, at = (%[1]d - side) / 2;
		context.drawImage(image, at, at, side, side);
		const bytes = new Uint8Array(await (await canvas.convertToBlob()).arrayBuffer());
		let text = "";
		for (const b of bytes) text += String.fromCharCode(b);
		return btoa(text);
	})()`, p.size, p.ground, svg, p.share)
}

// TestIcons: the pictures of the app are what icon.svg draws.
func TestIcons(t *testing.T) {
	svg, err := os.ReadFile(filepath.Join("skin", "icons", "icon.svg"))
	if err != nil {
		t.Fatal(err)
	}
	b := browser.Open(t)
	b.Do(chromedp.Navigate("about:blank"))
	for _, p := range pictures {
		want, err := base64.StdEncoding.DecodeString(browser.Evaluate[string](b, p.drawn(string(svg))))
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("skin", "icons", p.name)
		if *drawIcons {
			if err := os.WriteFile(path, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if off := difference(t, got, want); off > 0.01 {
			t.Errorf("%s differs from what icon.svg draws by %.1f %%: run go test ./phone/web -run TestIcons -draw-icons", p.name, 100*off)
		}
	}
}

// difference is the mean difference of two pictures, from 0 to 1. Browsers of different versions smooth edges differently.
func difference(t *testing.T, one, two []byte) float64 {
	t.Helper()
	var both [2]image.Image
	for i, data := range [][]byte{one, two} {
		decoded, err := png.Decode(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		both[i] = decoded
	}
	if both[0].Bounds() != both[1].Bounds() {
		return 1
	}
	sum, n := 0.0, 0.0
	at := both[0].Bounds()
	for y := at.Min.Y; y < at.Max.Y; y++ {
		for x := at.Min.X; x < at.Max.X; x++ {
			r, g, b, a := both[0].At(x, y).RGBA()
			r2, g2, b2, a2 := both[1].At(x, y).RGBA()
			for _, c := range [][2]uint32{{r, r2}, {g, g2}, {b, b2}, {a, a2}} {
				sum += float64(max(c[0], c[1])-min(c[0], c[1])) / 0xffff
				n++
			}
		}
	}
	return sum / n
}
