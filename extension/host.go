package extension

import (
	"context"
	"errors"
)

// Host is the browser around the extension. Its methods may be called from any goroutine, Save from one at a time.
type Host interface {
	// Load gives what Save was handed last; nothing where there is nothing.
	Load(ctx context.Context) ([]byte, error)
	// Save keeps the state, which holds private keys, and returns when it would survive the end of the browser. Nil
	// erases it.
	Save(ctx context.Context, data []byte) error
	// Attach has the browser send its requests here. It fails with [ErrHeld] or [ErrMissing].
	Attach(ctx context.Context) error
	// Detach gives the requests back to the browser, and fails those that are open.
	Detach(ctx context.Context) error
	// Complete answers a request. One that the browser has given up is no error.
	Complete(ctx context.Context, a Answer) error
	// Window opens the window of the open request, or brings it to the front, or closes it.
	Window(ctx context.Context, open bool) error
	// View is told what the pages are to show: a [View] in JSON.
	View(data []byte)
}

var (
	// ErrHeld says that another extension takes the browser's requests.
	ErrHeld = errors.New("another extension takes the requests of this browser")
	// ErrMissing says that the browser does not let this extension take requests.
	ErrMissing = errors.New("this browser does not let extensions take requests")
)

// Answer is the answer to a request of a page: a response or an error.
type Answer struct {
	ID   int
	Kind string // [KindCreate] or [KindGet]
	// Response is RegistrationResponseJSON or AuthenticationResponseJSON (WebAuthn §5.1.1).
	Response []byte
	Error    *DOMError
}

// DOMError is a DOMException as a page sees it.
type DOMError struct {
	Name    string `json:"name"`
	Message string `json:"message"`
}
