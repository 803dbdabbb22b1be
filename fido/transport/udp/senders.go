package udp

import (
	"net/netip"
	"sync"

	"github.com/postern/postern/fido/ctap/ctaphid"
)

// maxSenders bounds what is remembered of each kind. Beyond it everything is
// forgotten, and answers go to whoever spoke last.
const maxSenders = 1024

// senders remembers where reports came from: programs that share a device would
// else get each other's answers.
type senders struct {
	mu       sync.Mutex
	last     netip.AddrPort
	channels map[uint32]netip.AddrPort
	// nonces are of questions for a channel, all asked on the same one.
	nonces map[[ctaphid.NonceSize]byte]netip.AddrPort
}

func (s *senders) note(r ctaphid.Report, from netip.AddrPort) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = from
	if nonce, ok := initNonce(r); ok {
		s.nonces = remember(s.nonces, nonce, from)
	} else if r.CID() != ctaphid.Broadcast {
		s.channels = remember(s.channels, r.CID(), from)
	}
}

// of finds who asked for r; not valid where nobody ever asked for anything.
func (s *senders) of(r ctaphid.Report) netip.AddrPort {
	s.mu.Lock()
	defer s.mu.Unlock()
	if nonce, ok := initNonce(r); ok {
		if to, ok := s.nonces[nonce]; ok {
			delete(s.nonces, nonce)
			return to
		}
	} else if to, ok := s.channels[r.CID()]; ok {
		return to
	}
	return s.last
}

// initNonce gives the nonce of an INIT on the broadcast channel, question or
// answer.
func initNonce(r ctaphid.Report) (nonce [ctaphid.NonceSize]byte, ok bool) {
	if r.CID() != ctaphid.Broadcast || r[4] != 0x80|byte(ctaphid.Init) {
		return nonce, false
	}
	return [ctaphid.NonceSize]byte(r[7:]), true
}

func remember[K comparable](m map[K]netip.AddrPort, k K, from netip.AddrPort) map[K]netip.AddrPort {
	if m == nil || len(m) >= maxSenders {
		m = map[K]netip.AddrPort{}
	}
	m[k] = from
	return m
}
