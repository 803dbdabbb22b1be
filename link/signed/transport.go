package signed

import (
	"context"
	"time"
)

// maxAnswer bounds what is read of one answer, in bytes.
const maxAnswer = 4 << 20

// Request is a request as a [Transport] sends it.
type Request struct {
	Method string
	URL    string
	Header map[string]string
	Body   []byte // nil for none
}

// Response is an answer, read to its end.
type Response struct {
	Status     int
	Date       time.Time     // zero where the answer told none
	RetryAfter time.Duration // zero where the answer told none
	Body       []byte
}

// Transport moves one request to a control center and its answer back. It follows no redirects, reads no more than the
// most an answer may have, and gives an error only where no answer came: one whose text continues "cannot be reached: …".
type Transport interface {
	RoundTrip(ctx context.Context, r Request) (*Response, error)
}
