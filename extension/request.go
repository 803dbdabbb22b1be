package extension

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/postern/postern/fido/client"
	"github.com/postern/postern/link/workstation"
)

// The kinds of request.
const (
	KindCreate = "create" // navigator.credentials.create
	KindGet    = "get"    // navigator.credentials.get
)

// call is a request as the browser handed it over.
type call struct {
	kind        string
	origin      string
	crossOrigin bool
	rpID        string // as the page named it, or the page's own domain
	account     string
	timeout     time.Duration
	create      *client.CreationOptions
	get         *client.RequestOptions
}

// Bounds of a request's time (WebAuthn §15.1): the least in which somebody can take a phone in hand, and the most that a
// phone grants, which is also what a page gets that names none. Browsers correct a page's time before; Chromium does not
// give less than three minutes, and does not watch over the time of a request that it hands over.
const (
	minTimeout = 10 * time.Second
	maxTimeout = workstation.Longest
)

var errNoOrigin = errors.New("the browser does not say which page asks")

// parseCall reads requestDetailsJson of a request: the page's options in the form of WebAuthn §5.1.8 and §5.1.9, to which
// the browser has added the origin of the page as extensions.remoteDesktopClientOverride.
func parseCall(kind string, details []byte) (*call, error) {
	if len(details) > client.MaxOptionsSize {
		return nil, fmt.Errorf("options of %d bytes exceed %d", len(details), client.MaxOptionsSize)
	}
	c := &call{kind: kind}
	if err := c.caller(details); err != nil {
		return nil, err
	}
	var milliseconds int64
	switch kind {
	case KindCreate:
		o, err := client.ParseCreationOptions(details)
		if err != nil {
			return nil, err
		}
		c.create, c.rpID, c.account, milliseconds = o, o.RP.ID, o.User.Name, o.Timeout
	case KindGet:
		o, err := client.ParseRequestOptions(details)
		if err != nil {
			return nil, err
		}
		c.get, c.rpID, milliseconds = o, o.RPID, o.Timeout
	default:
		return nil, fmt.Errorf("no request is of kind %q", kind)
	}
	if c.rpID == "" {
		c.rpID = hostname(c.origin)
	}
	c.timeout = reasonable(milliseconds)
	if c.create != nil {
		c.create.Timeout = c.timeout.Milliseconds()
	} else {
		c.get.Timeout = c.timeout.Milliseconds()
	}
	return c, nil
}

// reasonable corrects what a page says of its time.
func reasonable(milliseconds int64) time.Duration {
	if milliseconds <= 0 {
		return maxTimeout
	}
	asked := time.Duration(min(milliseconds, maxTimeout.Milliseconds())) * time.Millisecond
	return max(asked, minTimeout)
}

// caller reads who asks. The options must be bare, as the browser writes them: in nested ones the page would be the
// author of what stands beside.
func (c *call) caller(details []byte) error {
	var outer struct {
		Challenge  json.RawMessage `json:"challenge"`
		Extensions struct {
			Override *struct {
				Origin string `json:"origin"`
				Same   *bool  `json:"sameOriginWithAncestors"`
			} `json:"remoteDesktopClientOverride"`
		} `json:"extensions"`
	}
	if err := json.Unmarshal(details, &outer); err != nil {
		return fmt.Errorf("options: %w", err)
	}
	o := outer.Extensions.Override
	if outer.Challenge == nil || o == nil || o.Same == nil {
		return errNoOrigin
	}
	// A serialised origin has no slash at its end; some versions of Chromium write the URL of one.
	c.origin = strings.TrimSuffix(o.Origin, "/")
	if hostname(c.origin) == "" {
		return errNoOrigin
	}
	c.crossOrigin = !*o.Same
	return nil
}

func hostname(origin string) string {
	u, err := url.Parse(origin)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Hostname())
}
