package web

import (
	"fmt"
	"strings"

	"github.com/skip2/go-qrcode"
)

// qr is a QR code as a drawing: so many modules on each side, quiet zone included, and the dark ones as an SVG path.
type qr struct {
	Size int
	Path string
}

// newQR draws text. It is called with short links only, which always fit.
func newQR(text string) qr {
	code, err := qrcode.New(text, qrcode.Medium)
	if err != nil {
		return qr{}
	}
	rows := code.Bitmap()
	var path strings.Builder
	for y, row := range rows {
		for x := 0; x < len(row); x++ {
			from := x
			for x < len(row) && row[x] {
				x++
			}
			if x > from {
				fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", from, y, x-from, x-from)
			}
		}
	}
	return qr{len(rows), path.String()}
}
