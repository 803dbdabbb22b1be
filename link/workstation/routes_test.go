package workstation_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/link/signed"
)

// RoundTrip implements [signed.Transport].
func (c *center) RoundTrip(ctx context.Context, r signed.Request) (*signed.Response, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	path, ok := strings.CutPrefix(r.URL, origin)
	if !ok {
		return nil, errors.New("there is nobody at " + r.URL)
	}
	c.mu.Lock()
	c.calls = append(c.calls, r.Method+" "+path)
	away, lost := c.away, c.lose == path
	if lost {
		c.lose = ""
	}
	at := time.Now().Add(c.clock)
	c.mu.Unlock()
	if away {
		return nil, errors.New("the network is unreachable")
	}
	out, status, err := c.answer(r, path)
	if lost {
		return nil, errors.New("the connection was reset")
	}
	if err != nil {
		e := postern.AsError(err)
		out, status = postern.Problem{Code: e.Code, Title: e.Message, Status: e.Status(), Detail: e.Message, Next: e.Next}, e.Status()
	}
	body, err := json.Marshal(out)
	return &signed.Response{Status: status, Date: at.Truncate(time.Second), Body: body}, err
}

func (c *center) answer(r signed.Request, path string) (out any, status int, err error) {
	path, _ = strings.CutPrefix(path, postern.WorkstationAPIPath)
	if path == "/enrolments" {
		return c.enrolled(r)
	}
	proof, ok := strings.CutPrefix(r.Header["Authorization"], postern.WorkstationAuthScheme+" ")
	if !ok {
		return nil, 0, postern.Errorf(postern.CodeWorkstationProof, "")
	}
	c.mu.Lock()
	device, err := c.verify(proof, r.Method, postern.WorkstationAPIPath+path)
	c.mu.Unlock()
	if err != nil {
		return nil, 0, err
	}
	id, action, _ := strings.Cut(strings.TrimPrefix(path, "/pairings/"), "/")
	pairing := postern.PairingID(id)
	switch {
	case path == "/self" && r.Method == http.MethodDelete:
		c.mu.Lock()
		c.desk.State = postern.WorkstationRevoked
		for _, p := range c.pairings {
			p.State = postern.PairingEnded
		}
		c.mu.Unlock()
		c.hub.Cut(context.Background(), device)
		return c.desk, http.StatusAccepted, nil
	case path == "/self":
		if r.Method == http.MethodPut {
			var u postern.WorkstationUpdate
			if err := json.Unmarshal(r.Body, &u); err != nil {
				return nil, 0, err
			}
			c.mu.Lock()
			c.desk.Name, c.desk.Software = u.Name, u.Software
			c.mu.Unlock()
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.self(), http.StatusOK, nil
	case path == "/pairings":
		return c.list(), http.StatusOK, nil
	case !pairing.Valid():
		return nil, 0, postern.Errorf(postern.CodeNotFound, "")
	case action == "confirmation" && r.Method == http.MethodPost:
		p, err := c.confirm(pairing, device)
		return postern.PairingAnswer{Pairing: p}, http.StatusOK, err
	case r.Method == http.MethodPut:
		p, err := c.opened(pairing)
		return p, http.StatusOK, err
	case r.Method == http.MethodDelete:
		reason := postern.PairingEndWorkstation
		if c.state(pairing) == postern.PairingPending {
			reason = postern.PairingEndRefused
		}
		c.end(pairing, reason)
		return postern.PairingAnswer{}, http.StatusAccepted, nil
	}
	return nil, 0, postern.Errorf(postern.CodeNotFound, "")
}

func (c *center) self() postern.WorkstationSelf {
	return postern.WorkstationSelf{Workstation: *c.desk, Integration: integration, Notice: c.notice}
}

func (c *center) enrolled(r signed.Request) (any, int, error) {
	var in postern.WorkstationEnrolment
	if err := json.Unmarshal(r.Body, &in); err != nil {
		return nil, 0, err
	}
	message := postern.WorkstationEnrolmentMessage(in.Integration, in.IdentityKey, in.LinkKey)
	if len(in.IdentityKey) != ed25519.PublicKeySize || !ed25519.Verify(ed25519.PublicKey(in.IdentityKey), message, in.Proof) {
		return nil, 0, postern.Errorf(postern.CodeWorkstationProof, "")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.desk != nil && bytes.Equal(c.desk.IdentityKey, in.IdentityKey) && bytes.Equal(c.desk.LinkKey, in.LinkKey) {
		return c.self(), http.StatusOK, nil
	}
	c.desk = &postern.Workstation{
		ID: postern.NewID[postern.WorkstationID](postern.PrefixWorkstation), IntegrationID: integration.ID, Kind: in.Kind, Name: in.Name,
		Software: in.Software, State: postern.WorkstationActive, IdentityKey: in.IdentityKey, LinkKey: in.LinkKey,
	}
	c.keys[string(c.desk.ID)] = ed25519.PublicKey(in.IdentityKey)
	return c.self(), http.StatusCreated, nil
}

func (c *center) opened(id postern.PairingID) (postern.PairingAnswer, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.taken > 0 {
		c.taken--
		return postern.PairingAnswer{}, postern.Errorf(postern.CodeConflict, "")
	}
	open := 0
	for _, p := range c.pairings {
		if p.State == postern.PairingPending && time.Now().Before(p.ExpiresAt) {
			open++
		}
	}
	if open >= 3 {
		return postern.PairingAnswer{}, postern.Errorf(postern.CodeTooMany, "")
	}
	now := time.Now()
	p := &postern.Pairing{
		ID: id, IntegrationID: integration.ID, WorkstationID: c.desk.ID, State: postern.PairingPending, CreatedAt: now, ExpiresAt: now.Add(postern.PairingWindow),
	}
	c.pairings[id], c.links[id] = p, c.desk.LinkKey
	return postern.PairingAnswer{Pairing: *p}, nil
}

func (c *center) list() []postern.PairedPhone {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := []postern.PairedPhone{}
	for _, p := range c.pairings {
		if p.State == postern.PairingActive {
			one := postern.PairedPhone{Pairing: *p, Name: c.phones[p.PhoneID], UPN: "alice@contoso.com", User: "Alice", Phase: postern.PhasePaired}
			if c.barred != "" {
				e := postern.Errorf(c.barred, "")
				one.Notice = &postern.PhoneNotice{Code: e.Code, Message: e.Message, Next: e.Next}
			}
			all = append(all, one)
		}
	}
	return all
}
