package entrasim

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"net/http"
	"time"
)

// A nonce is sealed, not stored: it is good in every tenant and as often as one likes until its time is over. Its text
// begins as the service's does.
const (
	nonceHead   = "\x03\x00\x01\x00\x00\x00" // "AwABAAAA"
	nonceRandom = 16
	nonceSize   = len(nonceHead) + 8 + nonceRandom
)

// nonceLife is how long a nonce is good.
func (s *Server) nonceLife() time.Duration {
	if d := time.Duration(s.Levers().NonceLifetime); d > 0 {
		return d
	}
	return 5 * time.Minute
}

// newNonce makes a nonce for what a Windows computer signs.
func (s *Server) newNonce() string {
	b := append([]byte(nonceHead), binary.BigEndian.AppendUint64(nil, uint64(s.now().UnixNano()))...)
	b = append(b, s.random.bytes(nonceRandom)...)
	return encodeBase64URL(append(b, s.nonceMAC(b)...))
}

func (s *Server) nonceMAC(b []byte) []byte {
	m := hmac.New(sha256.New, s.ownKey("nonce"))
	m.Write(b)
	return m.Sum(nil)
}

// goodNonce says whether a nonce was made here and its time is not over. One from the future is none: the clock was moved.
func (s *Server) goodNonce(text string) bool {
	if len(text) > 256 {
		return false
	}
	b := decodeBase64URL(text)
	if len(b) != nonceSize+sha256.Size || encodeBase64URL(b) != text || !hmac.Equal(b[nonceSize:], s.nonceMAC(b[:nonceSize])) {
		return false
	}
	age := s.now().UnixNano() - int64(binary.BigEndian.Uint64(b[len(nonceHead):]))
	return age >= 0 && time.Duration(age) < s.nonceLife()
}

// serverChallenge answers grant_type=srv_challenge ([MS-OAPXBC] section 3.2.5.1.1).
func (s *Server) serverChallenge(w http.ResponseWriter) {
	writeJSON(w, http.StatusOK, object{"Nonce": s.newNonce()})
}
