package replica

import "sync"

// subscriber is somebody who listens to an address. It has a goroutine while messages wait for it, and none otherwise.
type subscriber struct {
	deliver func(message []byte)

	mu      sync.Mutex
	queue   [][]byte
	working bool
	stopped bool
}

// take puts a message in line, and reports whether there was room. Nobody writes to the message any more.
func (s *subscriber) take(message []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped || len(s.queue) >= maxQueue {
		return false
	}
	s.queue = append(s.queue, message)
	if !s.working {
		s.working = true
		go s.work()
	}
	return true
}

// work delivers what waits, one after the other.
func (s *subscriber) work() {
	for {
		s.mu.Lock()
		if s.stopped || len(s.queue) == 0 {
			s.queue, s.working = nil, false
			s.mu.Unlock()
			return
		}
		message := s.queue[0]
		s.queue[0] = nil
		s.queue = s.queue[1:]
		s.mu.Unlock()
		s.deliver(message)
	}
}

func (s *subscriber) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped, s.queue = true, nil
}
