package relay

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Bounds of a stream, in each direction.
const (
	// MaxWaiting and MaxWaitingBytes bound the data frames that wait to be acknowledged, and their bytes.
	MaxWaiting      = 64
	MaxWaitingBytes = 256 << 10
	// maxNotices bounds the frames beside data that wait; who lets so many pile up loses the session.
	maxNotices = 256

	// ackEvery is after how many taken frames an acknowledgement goes before everything else that waits.
	ackEvery     = 16
	maxUrgent    = 16
	writeTimeout = 10 * time.Second
)

var (
	errSequence = errors.New("relay: sequence numbers that do not fit")
	errStale    = errors.New("relay: another connection took over")
	errFull     = errors.New("relay: too much waits to be acknowledged")
	errFinished = errors.New("relay: the last frame is written")
)

// stream is one end of a session: what was sent and not acknowledged, how far the other end was heard, and which
// connection it runs over at present. Both ends of the link use the same one.
type stream struct {
	mu    sync.Mutex
	epoch int           // counts connections; only the newest may write and be heard
	wake  chan struct{} // of the newest connection's writer

	last    uint64 // the number given last
	written uint64 // the highest number that was ever written
	waiting []waiting
	sent    int // how many of waiting went over the present connection
	data    int // how many of waiting are data
	bytes   int

	received uint64 // arrived
	taken    uint64 // arrived and done with
	told     uint64 // acknowledged over the present connection

	urgent [][]byte // goes first and is not repeated: the welcome, pings, pongs
	final  []byte   // goes after urgent, and nothing after it
}

// waiting is an encoded frame of the stream.
type waiting struct {
	seq   uint64
	frame []byte
	data  bool
}

// attach makes a new connection the present one. first goes before everything; heard is how far the other end
// received. It fails when that cannot be.
func (s *stream) attach(heard uint64, first []byte) (epoch int, wake <-chan struct{}, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if heard > s.written || len(s.waiting) > 0 && heard < s.waiting[0].seq-1 || len(s.waiting) == 0 && heard != s.last {
		return 0, nil, errSequence
	}
	s.epoch++
	s.wake = make(chan struct{}, 1)
	s.sent = 0
	for s.sent < len(s.waiting) && s.waiting[s.sent].seq <= heard {
		s.sent++
	}
	s.told = 0 // an acknowledgement may have been lost; once more does no harm
	s.urgent = s.urgent[:0]
	if first != nil {
		s.urgent = append(s.urgent, first)
	}
	return s.epoch, s.wake, nil
}

// detach ends a connection's part and reports whether it was the present one.
func (s *stream) detach(epoch int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.epoch != epoch {
		return false
	}
	s.epoch++
	return true
}

// push numbers a frame and has it sent. Data is refused with errFull when too much waits. s.mu is held.
func (s *stream) push(data bool, size int, encode func(seq uint64) []byte) error {
	if data && (s.data >= MaxWaiting || s.bytes+size > MaxWaitingBytes) || len(s.waiting)-s.data >= maxNotices {
		return errFull
	}
	s.last++
	w := waiting{seq: s.last, frame: encode(s.last), data: data}
	s.waiting = append(s.waiting, w)
	if data {
		s.data++
		s.bytes += size
	}
	s.signal()
	return nil
}

// pushUrgent has a frame sent before all others. What is too much is dropped: a ping need not be answered.
func (s *stream) pushUrgent(frame []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.urgent) < maxUrgent {
		s.urgent = append(s.urgent, frame)
		s.signal()
	}
}

func (s *stream) signal() {
	select {
	case s.wake <- struct{}{}:
	default: // nil without a connection, full when the writer is about to look
	}
}

// hear takes note of a frame of the other end's stream; again says that it came before.
func (s *stream) hear(epoch int, seq uint64) (again bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.epoch != epoch:
		return false, errStale
	case seq <= s.received:
		return true, nil
	case seq != s.received+1:
		return false, errSequence
	}
	s.received = seq
	return false, nil
}

// take says that everything up to seq is done with, so that it is acknowledged.
func (s *stream) take(seq uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if seq > s.taken {
		s.taken = seq
		s.signal()
	}
}

// acknowledged forgets what the other end took.
func (s *stream) acknowledged(seq uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if seq > s.written {
		return errSequence
	}
	for len(s.waiting) > 0 && s.waiting[0].seq <= seq {
		if w := s.waiting[0]; w.data {
			s.data--
			s.bytes -= payloadSize(w.frame)
		}
		s.waiting[0] = waiting{}
		s.waiting = s.waiting[1:]
		s.sent = max(0, s.sent-1)
	}
	return nil
}

// payloadSize is the size that push was told for an encoded data frame.
func payloadSize(frame []byte) int { return len(frame) - 10 - int(frame[9]) }

// next returns the frame to write now, or nil when there is none.
func (s *stream) next(epoch int) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.epoch != epoch:
		return nil, errStale
	case len(s.urgent) > 0:
		frame := s.urgent[0]
		s.urgent = s.urgent[1:]
		return frame, nil
	case s.final != nil:
		return s.final, errFinished
	case s.taken >= s.told+ackEvery, s.taken > s.told && s.sent == len(s.waiting):
		s.told = s.taken
		return Encode(Acknowledge{Seq: s.taken}), nil
	case s.sent < len(s.waiting):
		w := s.waiting[s.sent]
		s.sent++
		s.written = max(s.written, w.seq)
		return w.frame, nil
	}
	return nil, nil
}

// write writes what there is until the connection ends or another takes over. It returns errFinished after the last
// frame of the session.
func (s *stream) write(ctx context.Context, conn Conn, epoch int, wake <-chan struct{}) error {
	for {
		frame, end := s.next(epoch)
		if end != nil && frame == nil {
			return end
		}
		if frame == nil {
			select {
			case <-wake:
			case <-ctx.Done():
				return ctx.Err()
			}
			continue
		}
		if err := writeWithin(ctx, conn, frame); err != nil {
			return err
		}
		if end != nil {
			return end
		}
	}
}

func writeWithin(ctx context.Context, conn Conn, frame []byte) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	return conn.Write(ctx, frame)
}
