package page

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/postern/postern"
	"github.com/postern/postern/agent"
)

// maxAnswer bounds what is read of one answer or event, in bytes.
const maxAnswer = 1 << 20

// Client is a running agent as other programs of this machine have it.
type Client struct {
	Door Door
	http http.Client
}

// View is how everything stands.
func (c *Client) View(ctx context.Context) (v agent.View, err error) {
	return v, c.call(ctx, http.MethodGet, "/api/view", nil, &v)
}

// Watch calls see with the view, now and at every change, until see is false.
func (c *Client) Watch(ctx context.Context, see func(agent.View) bool) error {
	answer, err := c.send(ctx, http.MethodGet, "/api/events", nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, maxAnswer)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		var v agent.View
		if err := json.Unmarshal([]byte(data), &v); err != nil {
			return fmt.Errorf("the agent's answer: %w", err)
		}
		if !see(v) {
			return nil
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return errors.Join(errEnded, lines.Err())
}

var errEnded = postern.Errorf(postern.CodeUnavailable, "The agent ended.").WithNext("Start it and try again.")

// Enrol makes the workstation known; this and what follows is as for [agent.Agent].
func (c *Client) Enrol(ctx context.Context, in agent.Enrolment) error {
	return c.call(ctx, http.MethodPost, "/api/enrolment", in, nil)
}

// Leave gives the workstation up.
func (c *Client) Leave(ctx context.Context, local bool) error {
	return c.call(ctx, http.MethodPost, "/api/leave", leaveInput{local}, nil)
}

// Rename gives the workstation another name.
func (c *Client) Rename(ctx context.Context, name string) error {
	return c.call(ctx, http.MethodPut, "/api/name", nameInput{name}, nil)
}

// Pair begins a pairing.
func (c *Client) Pair(ctx context.Context, typed bool) error {
	return c.call(ctx, http.MethodPost, "/api/pairing", pairInput{typed}, nil)
}

// Compared says whether the digits are the same.
func (c *Client) Compared(ctx context.Context, same bool) error {
	return c.call(ctx, http.MethodPost, "/api/pairing/answer", answerInput{same}, nil)
}

// EndPairing ends the pairing.
func (c *Client) EndPairing(ctx context.Context) error {
	return c.call(ctx, http.MethodDelete, "/api/pairing", nil, nil)
}

// Unpair ends the pairing with a phone.
func (c *Client) Unpair(ctx context.Context, id postern.PairingID) error {
	return c.call(ctx, http.MethodDelete, "/api/phones/"+url.PathEscape(string(id)), nil, nil)
}

// IssueOffline has signing in offline set up with a phone.
func (c *Client) IssueOffline(ctx context.Context, id postern.PairingID) error {
	return c.call(ctx, http.MethodPost, offlinePath(id), nil, nil)
}

// TryOffline puts the offline key in the place of a phone's for ten minutes.
func (c *Client) TryOffline(ctx context.Context, id postern.PairingID) error {
	return c.call(ctx, http.MethodPost, offlinePath(id)+"/try", nil, nil)
}

// ForgetOffline takes signing in offline with a phone away.
func (c *Client) ForgetOffline(ctx context.Context, id postern.PairingID) error {
	return c.call(ctx, http.MethodDelete, offlinePath(id), nil, nil)
}

func offlinePath(id postern.PairingID) string {
	return "/api/phones/" + url.PathEscape(string(id)) + "/offline"
}

// Refresh has the agent ask the control center anew.
func (c *Client) Refresh(ctx context.Context) error {
	return c.call(ctx, http.MethodPost, "/api/refresh", nil, nil)
}

// Doctor has the agent examine itself.
func (c *Client) Doctor(ctx context.Context) (r postern.DoctorReport, err error) {
	return r, c.call(ctx, http.MethodGet, "/api/doctor", nil, &r)
}

// Address is one at which a browser gets in, once and within a minute.
func (c *Client) Address(ctx context.Context) (string, error) {
	var out struct {
		Ticket string `json:"ticket"`
	}
	err := c.call(ctx, http.MethodPost, "/api/ticket", nil, &out)
	return c.Door.URL + "/#" + out.Ticket, err
}

func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	answer, err := c.send(ctx, method, path, in)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil || out == nil {
		return err
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("the agent's answer: %w", err)
	}
	return nil
}

func (c *Client) send(ctx context.Context, method, path string, in any) (*http.Response, error) {
	var content io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		content = bytes.NewReader(data)
	}
	r, err := http.NewRequestWithContext(ctx, method, c.Door.URL+path, content)
	if err != nil {
		return nil, err
	}
	if in != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("Authorization", "Bearer "+c.Door.Token)
	answer, err := c.http.Do(r)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("%w (%w)", ErrNoAgent, err)
	}
	if answer.StatusCode < 300 {
		return answer, nil
	}
	defer answer.Body.Close()
	var p postern.Problem
	if err := json.NewDecoder(io.LimitReader(answer.Body, maxAnswer)).Decode(&p); err != nil || p.Code == "" {
		return nil, fmt.Errorf("%w: something else answers at %s (HTTP %d)", ErrNoAgent, c.Door.URL, answer.StatusCode)
	}
	return nil, p.AsError()
}
