package ctap

import "bytes"

// The COSE_Key of an ES256 key has one canonical form: these bytes, x, these
// bytes, y.
var (
	es256BeforeX = []byte{0xA5, coseKty, ktyEC2, coseAlg, 0x26, 0x20, crvP256, 0x21, 0x58, p256Size}
	es256BeforeY = []byte{0x22, 0x58, p256Size}
)

// ES256Point gives the uncompressed point, 04 ‖ x ‖ y, of the COSE_Key of an
// ES256 key, and false for anything else. Whether the point is on the curve is
// for whoever uses it to find out.
func ES256Point(key Raw) (point [1 + 2*p256Size]byte, ok bool) {
	rest, ok := bytes.CutPrefix(key, es256BeforeX)
	if !ok || len(rest) != p256Size+len(es256BeforeY)+p256Size || !bytes.HasPrefix(rest[p256Size:], es256BeforeY) {
		return point, false
	}
	point[0] = 4
	copy(point[1:], rest[:p256Size])
	copy(point[1+p256Size:], rest[len(rest)-p256Size:])
	return point, true
}
