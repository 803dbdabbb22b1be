package signed

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/postern/postern"
)

// Kind is how the requests of a kind of device are marked.
type Kind struct {
	Root   string // path of its routes
	Scheme string // of the Authorization header
	Type   string // typ of the JWS
}

// The kinds of device.
var (
	Phone       = Kind{postern.PhoneAPIPath, postern.PhoneAuthScheme, postern.PhoneProofType}
	Workstation = Kind{postern.WorkstationAPIPath, postern.WorkstationAuthScheme, postern.WorkstationProofType}
)

// Caller calls the routes of one kind of device. Its methods may be called at once.
type Caller struct {
	server    string
	kind      Kind
	transport Transport
	now       func() time.Time

	mu     sync.Mutex
	id     string
	key    ed25519.PrivateKey
	offset time.Duration
}

// NewCaller checks the address of a control center: https, or http on this very machine. now is the device's clock; a
// control center that finds it wrong corrects it for the calls that follow.
func NewCaller(kind Kind, server string, transport Transport, now func() time.Time) (*Caller, error) {
	server = strings.TrimSuffix(strings.TrimSpace(server), "/")
	u, err := url.Parse(server)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return nil, postern.FieldErrorf("server", "The address of the control center must be a URL such as https://postern.example.com.").
			WithNext("Correct the address.")
	}
	if u.Scheme == "http" && !loopback(u.Hostname()) {
		return nil, postern.FieldErrorf("server", "The address of the control center is http, and one-time codes must not travel in the clear.").
			WithNext("Use the https address.")
	}
	return &Caller{server: server, kind: kind, transport: transport, now: now}, nil
}

func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// Server is the address of the control center, without a slash at its end.
func (c *Caller) Server() string { return c.server }

// SignAs has all calls from now on signed in the name of a device. Before, they are not signed.
func (c *Caller) SignAs(id string, key ed25519.PrivateKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.id, c.key = id, key
}

// Offset is how far the clock of the control center was found to be ahead of this device's; 0 while nothing was found.
func (c *Caller) Offset() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.offset
}

// Call sends in as JSON, if not nil, to a path below the routes of the kind, and reads the answer into out, if not nil.
func (c *Caller) Call(ctx context.Context, method, path string, query url.Values, in, out any) error {
	target := c.kind.Root + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return fmt.Errorf("signed: encode the request: %w", err)
		}
	}
	answer, err := c.send(ctx, method, target, body)
	if err != nil {
		return err
	}
	if c.clockWrong(answer) {
		if answer, err = c.send(ctx, method, target, body); err != nil {
			return err
		}
	}
	if answer.Status >= 300 {
		return refusal(answer)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(answer.Body, out); err != nil {
		return unreadable(answer, err)
	}
	return nil
}

func (c *Caller) send(ctx context.Context, method, target string, body []byte) (*Response, error) {
	header := map[string]string{"Accept": "application/json"}
	if body != nil {
		header["Content-Type"] = "application/json"
	}
	proof, err := c.Proof(method, target, body)
	if err != nil {
		return nil, err
	}
	if proof != "" {
		header["Authorization"] = c.kind.Scheme + " " + proof
	}
	answer, err := c.transport.RoundTrip(ctx, Request{Method: method, URL: c.server + target, Header: header, Body: body})
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, postern.Errorf(postern.CodeUnavailable, "The control center at %s cannot be reached: %v.", c.server, err).
			WithNext("Check the address, the network, and that the control center runs.").Because(err)
	}
	return answer, nil
}

// Proof is the compact JWS (RFC 7515) of one request: path and query as they are sent. It is empty before [Caller.SignAs].
func (c *Caller) Proof(method, path string, body []byte) (string, error) {
	c.mu.Lock()
	id, key, offset := c.id, c.key, c.offset
	c.mu.Unlock()
	if key == nil {
		return "", nil
	}
	jti := make([]byte, 16)
	_, _ = rand.Read(jti) // never fails: package crypto/rand ends the program instead
	hash := sha256.Sum256(body)
	header, err := json.Marshal(map[string]string{"typ": c.kind.Type, "alg": "EdDSA", "kid": id})
	if err != nil {
		return "", err
	}
	claims, err := json.Marshal(postern.PhoneProof{
		Method: method, Path: path, IssuedAt: c.now().Add(offset).Unix(), ID: encode(jti), BodyHash: encode(hash[:]),
	})
	if err != nil {
		return "", err
	}
	signed := encode(header) + "." + encode(claims)
	return signed + "." + encode(ed25519.Sign(key, []byte(signed))), nil
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// clockWrong reports whether an answer says that the device's clock is wrong, and takes over the time it tells instead.
func (c *Caller) clockWrong(r *Response) bool {
	var p postern.Problem
	if r.Status < 400 || r.Date.IsZero() || json.Unmarshal(r.Body, &p) != nil ||
		p.Code != postern.CodePhoneClock && p.Code != postern.CodeWorkstationClock {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.key == nil {
		return false
	}
	c.offset = r.Date.Sub(c.now())
	return true
}

func refusal(r *Response) error {
	var p postern.Problem
	if err := json.Unmarshal(r.Body, &p); err != nil || p.Code == "" {
		return unreadable(r, err)
	}
	e := p.AsError()
	e.After = r.RetryAfter
	return e
}

// unreadable is the error for an answer that no control center gives; most often something else stands at the address.
func unreadable(r *Response, cause error) error {
	return postern.Errorf(postern.CodeUnavailable, "The answer (HTTP %d) is not one of a control center.", r.Status).
		WithNext("Check the address; a proxy in between may have answered instead.").Because(cause)
}
