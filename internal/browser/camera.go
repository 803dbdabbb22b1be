package browser

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	_ "image/png" // what browsers make pictures as
	"os"

	"github.com/chromedp/chromedp"
)

// The size of what a fake camera sees, in pixels.
const (
	cameraWidth  = 640
	cameraHeight = 480
)

// ShowCamera writes what a camera sees that is held before the element of this tab: the file that another browser was
// started with as --use-file-for-fake-video-capture, in the format YUV4MPEG2. Chromium reads it when the camera starts.
func (b *Tab) ShowCamera(selector, path string) {
	b.t.Helper()
	if err := CameraFile(path, b.picture(selector, chromedp.Screenshot(selector))); err != nil {
		b.t.Fatal(err)
	}
}

// CameraFile writes a PNG as what a camera sees, for --use-file-for-fake-video-capture.
func CameraFile(path string, picture []byte) error {
	seen, _, err := image.Decode(bytes.NewReader(picture))
	if err != nil {
		return fmt.Errorf("picture for a camera: %w", err)
	}
	luma := make([]byte, cameraWidth*cameraHeight)
	for i := range luma {
		luma[i] = 0xd0 // a wall behind it
	}
	const margin = 20
	side := cameraHeight - 2*margin
	at := seen.Bounds()
	for y := range side {
		for x := range side {
			from := seen.At(at.Min.X+x*at.Dx()/side, at.Min.Y+y*at.Dy()/side)
			luma[(margin+y)*cameraWidth+(cameraWidth-side)/2+x] = color.GrayModel.Convert(from).(color.Gray).Y
		}
	}
	var file bytes.Buffer
	fmt.Fprintf(&file, "YUV4MPEG2 W%d H%d F10:1 Ip A1:1 C420jpeg\n", cameraWidth, cameraHeight)
	for range 2 {
		file.WriteString("FRAME\n")
		file.Write(luma)
		file.Write(bytes.Repeat([]byte{0x80}, cameraWidth*cameraHeight/2))
	}
	return os.WriteFile(path, file.Bytes(), 0o600)
}
