package phone

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/postern/postern"
)

// maxAnswer bounds what is read of one answer, in bytes.
const maxAnswer = 4 << 20

// API calls the phone's routes of a control center. Every request but the enrolment is signed afresh.
type API struct {
	// Server is the address of the control center: https, or http on this very machine.
	Server string
	// HTTP makes the calls. It must not follow redirects with a body of ours; [NewAPI] sees to that.
	HTTP *http.Client
	// Now is the phone's clock. A control center that finds it wrong corrects it for the calls that follow.
	Now func() time.Time

	id     postern.PhoneID
	key    ed25519.PrivateKey
	offset time.Duration
}

// NewAPI checks the address of a control center. A nil client means one with a time limit above every long poll.
func NewAPI(server string, client *http.Client, now func() time.Time) (*API, error) {
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
	if client == nil {
		client = &http.Client{Timeout: postern.PhoneWaitMax + time.Minute}
	}
	own := *client
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &API{Server: server, HTTP: &own, Now: now}, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// call sends in as JSON, if not nil, and reads the answer into out, if not nil. A clock that the control center finds
// wrong is corrected by the time it tells, once.
func (a *API) call(ctx context.Context, method, path string, query url.Values, in, out any) error {
	target := postern.PhoneAPIPath + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return fmt.Errorf("phone: encode the request: %w", err)
		}
	}
	answer, err := a.send(ctx, method, target, body)
	if err != nil {
		return err
	}
	if date, wrong := clockWrong(answer); wrong && a.key != nil {
		a.offset = date.Sub(a.Now())
		if answer, err = a.send(ctx, method, target, body); err != nil {
			return err
		}
	}
	if answer.status >= 300 {
		return answer.refusal()
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(answer.body, out); err != nil {
		return answer.unreadable(err)
	}
	return nil
}

// answer is an answer read to its end.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a *API) send(ctx context.Context, method, target string, body []byte) (*answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, a.Server+target, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("phone: %w", err)
	}
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if a.key != nil {
		proof, err := a.proof(method, req.URL.RequestURI(), body)
		if err != nil {
			return nil, err
		}
		req.Header.Set("Authorization", postern.PhoneAuthScheme+" "+proof)
	}
	resp, err := a.HTTP.Do(req)
	if err != nil {
		return nil, a.unreachable(ctx, err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, a.unreachable(ctx, err)
	}
	return &answer{status: resp.StatusCode, header: resp.Header, body: data}, nil
}

// proof is the compact JWS (RFC 7515) of one request.
func (a *API) proof(method, path string, body []byte) (string, error) {
	jti := make([]byte, 16)
	_, _ = rand.Read(jti) // never fails: package crypto/rand ends the program instead
	hash := sha256.Sum256(body)
	header, err := json.Marshal(map[string]string{"typ": postern.PhoneProofType, "alg": "EdDSA", "kid": string(a.id)})
	if err != nil {
		return "", err
	}
	claims, err := json.Marshal(postern.PhoneProof{
		Method: method, Path: path, IssuedAt: a.Now().Add(a.offset).Unix(), ID: encode(jti), BodyHash: encode(hash[:]),
	})
	if err != nil {
		return "", err
	}
	signed := encode(header) + "." + encode(claims)
	return signed + "." + encode(ed25519.Sign(a.key, []byte(signed))), nil
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func (a *API) unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	cause := err
	if u, ok := errors.AsType[*url.Error](err); ok {
		cause = u.Err // without the URL and method that net/http puts before it
	}
	return postern.Errorf(postern.CodeUnavailable, "The control center at %s cannot be reached: %v.", a.Server, cause).
		WithNext("Check the address, the network, and that the control center runs.").Because(err)
}

// clockWrong reports whether an answer says that the phone's clock is wrong, and the time it tells instead.
func clockWrong(r *answer) (time.Time, bool) {
	var p postern.Problem
	if r.status < 400 || json.Unmarshal(r.body, &p) != nil || p.Code != postern.CodePhoneClock {
		return time.Time{}, false
	}
	date, err := http.ParseTime(r.header.Get("Date"))
	return date, err == nil
}

func (r *answer) refusal() error {
	var p postern.Problem
	if err := json.Unmarshal(r.body, &p); err != nil || p.Code == "" {
		return r.unreadable(err)
	}
	e := p.AsError()
	if seconds, err := strconv.Atoi(r.header.Get("Retry-After")); err == nil {
		e.After = time.Duration(seconds) * time.Second
	}
	return e
}

// unreadable is the error for an answer that no control center gives; most often something else stands at the address.
func (r *answer) unreadable(cause error) error {
	return postern.Errorf(postern.CodeUnavailable, "The answer (HTTP %d) is not one of a control center.", r.status).
		WithNext("Check the address; a proxy in between may have answered instead.").Because(cause)
}
