package entrasim

import (
	"errors"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"
)

// levers is the Server's side of Levers, the clock and the faults.
type levers struct {
	mu     sync.RWMutex
	v      Levers
	offset time.Duration
	frozen time.Time
	faults []*Fault
	nextID int
}

func (l *levers) time(base time.Time) time.Time {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if !l.frozen.IsZero() {
		return l.frozen
	}
	return base.Add(l.offset)
}

// Fault makes chosen calls fail. It applies to Graph calls, each part of a batch included, and to the authority.
type Fault struct {
	ID int `json:"id"` // given by the server
	// Method is an HTTP method, or empty for any.
	Method string `json:"method,omitempty"`
	// Path is a pattern over the whole path, version included: * stands for one segment, ** for any number. Case does
	// not matter. Example: /v1.0/users/*/authentication/fido2Methods
	Path string `json:"path"`
	// Count is how many calls fail; 0 means every one until the fault is removed.
	Count int `json:"count"`
	// Skip lets that many matching calls pass first.
	Skip int `json:"skip,omitempty"`
	// Status and Code are the answer. RetryAfter, in seconds, is sent as a header if positive.
	Status     int     `json:"status,omitempty"`
	Code       string  `json:"code,omitempty"`
	Message    string  `json:"message,omitempty"`
	RetryAfter float64 `json:"retry_after,omitempty"`
	// Drop closes the connection instead of answering: "before" or "after" the call had its effect.
	Drop string `json:"drop,omitempty"`
	// Latency is added to the call, whatever else happens. A fault with nothing but a latency lets the call through.
	Latency Duration `json:"latency,omitempty"`

	Hits int `json:"hits"`

	pattern *regexp.Regexp
}

// maxFaults bounds the list of faults.
const maxFaults = 1000

// compile checks the fault and prepares its pattern.
func (f *Fault) compile() error {
	switch {
	case f.Drop != "" && f.Drop != "before" && f.Drop != "after":
		return errors.New(`drop must be "before" or "after"`)
	case f.Status != 0 && (f.Status < 400 || f.Status > 599):
		return errors.New("status must be an HTTP error status")
	case f.Status == 0 && f.Drop == "" && f.Latency == 0:
		return errors.New("a fault needs a status, a drop or a latency")
	case f.Count < 0 || f.Skip < 0 || f.RetryAfter < 0 || f.Latency < 0:
		return errors.New("count, skip, retry_after and latency must not be negative")
	case time.Duration(f.Latency) > time.Minute:
		return errors.New("latency must be at most one minute")
	case !strings.HasPrefix(f.Path, "/") || len(f.Path) > 512:
		return errors.New("path must start with / and be at most 512 characters long")
	}
	q := regexp.QuoteMeta(f.Path)
	q = strings.ReplaceAll(q, `\*\*`, `.*`)
	q = strings.ReplaceAll(q, `\*`, `[^/]*`)
	var err error
	f.pattern, err = regexp.Compile("(?i)^" + q + "$")
	return err
}

// AddFault arms a fault and returns its id.
func (s *Server) AddFault(f Fault) (int, error) {
	if err := f.compile(); err != nil {
		return 0, err
	}
	s.init()
	s.lever.mu.Lock()
	defer s.lever.mu.Unlock()
	if len(s.lever.faults) >= maxFaults {
		return 0, errors.New("too many faults: remove some first")
	}
	s.lever.nextID++
	f.ID, f.Hits = s.lever.nextID, 0
	s.lever.faults = append(s.lever.faults, &f)
	return f.ID, nil
}

// Faults lists the armed faults, spent ones included.
func (s *Server) Faults() []Fault {
	s.init()
	s.lever.mu.RLock()
	defer s.lever.mu.RUnlock()
	out := make([]Fault, 0, len(s.lever.faults))
	for _, f := range s.lever.faults {
		out = append(out, *f)
	}
	return out
}

// RemoveFaults disarms the fault with an id, or all of them if id is 0.
func (s *Server) RemoveFaults(id int) {
	s.init()
	s.lever.mu.Lock()
	defer s.lever.mu.Unlock()
	var kept []*Fault
	for _, f := range s.lever.faults {
		if id != 0 && f.ID != id {
			kept = append(kept, f)
		}
	}
	s.lever.faults = kept
}

// match finds the fault for a call and counts it.
func (l *levers) match(method, path string) *Fault {
	l.mu.RLock()
	none := len(l.faults) == 0
	l.mu.RUnlock()
	if none {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.faults {
		if f.Method != "" && !strings.EqualFold(f.Method, method) || !f.pattern.MatchString(path) {
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			continue
		}
		if f.Count > 0 && f.Hits >= f.Count {
			continue
		}
		f.Hits++
		c := *f
		return &c
	}
	return nil
}

// pause waits for a latency or the end of the request.
func pause(r *http.Request, d Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(time.Duration(d))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
	}
}

// dropConnection ends the exchange without an answer: net/http closes the connection (HTTP/1.1) or resets the stream.
func dropConnection() { panic(http.ErrAbortHandler) }
