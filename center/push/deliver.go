package push

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/postern/postern"
)

// Attempts at one message.
const (
	maxAttempts = 6
	firstPause  = time.Second
	longPause   = time.Minute
)

// deliver does what can be done for a reason.
func (s *Service) deliver(ctx context.Context, r reason) {
	sub, sealed, err := s.subscription(ctx, r.phone)
	if postern.IsCode(err, postern.CodeNotFound) {
		return
	}
	if err == nil {
		err = s.send(ctx, r, sub, sealed)
	}
	switch {
	case err == nil:
		s.counts.sent.Add(1)
	case ctx.Err() != nil: // closing
	case errors.Is(err, errGone):
		s.counts.gone.Add(1)
		s.Log.InfoContext(ctx, "a phone's push subscription is gone", "phone", r.phone)
	case errors.Is(err, errExpired):
		s.counts.expired.Add(1)
		s.Log.InfoContext(ctx, "a phone was not woken in time", "phone", r.phone, "kind", r.kind, "cause", err)
	default:
		s.counts.failed.Add(1)
		s.Log.WarnContext(ctx, "a phone could not be woken", "phone", r.phone, "kind", r.kind, "cause", err)
	}
}

var (
	errGone    = errors.New("push: the subscription is gone")
	errExpired = errors.New("push: the time is over")
)

// send tries to have the push service take a message until its reason is over.
func (s *Service) send(ctx context.Context, r reason, sub postern.PushSubscription, sealed []byte) error {
	phone, err := s.Store.Phone(ctx, r.phone)
	if err != nil {
		return err
	}
	if phone.State == postern.PhoneRevoked {
		return errors.Join(errGone, s.Store.DeletePushSubscription(ctx, r.phone, sealed))
	}
	endpoint, err := endpointOf(sub.Endpoint, s.AllowPrivate)
	if err != nil {
		return fmt.Errorf("push: the subscription's address: %w", err)
	}
	plaintext, err := s.plaintext(ctx, r)
	if err != nil {
		return err
	}
	pause := firstPause
	for attempt := 1; ; attempt++ {
		left := r.until.Sub(s.Now())
		if left <= 0 {
			return errExpired
		}
		body, err := encrypt(plaintext, sub.P256DH, sub.Auth)
		if err != nil {
			return err
		}
		again, err := s.call(ctx, r, endpoint, body, left)
		var later *laterError
		switch {
		case err == nil:
			return nil
		case errors.Is(err, errGone):
			return errors.Join(err, s.Store.DeletePushSubscription(ctx, r.phone, sealed))
		case !again:
			return err
		case errors.As(err, &later) && later.after > pause:
			pause = later.after
		}
		if attempt == maxAttempts || pause >= r.until.Sub(s.Now()) {
			return fmt.Errorf("%w: %w", errExpired, err)
		}
		if err := s.Sleep(ctx, pause); err != nil {
			return err
		}
		pause = min(2*pause, longPause)
	}
}

// plaintext is the message: nothing but its kind and the name of the workstation.
func (s *Service) plaintext(ctx context.Context, r reason) ([]byte, error) {
	m := postern.PushMessage{Kind: r.kind}
	if r.workstation != "" {
		w, err := s.Store.Workstation(ctx, r.workstation)
		if err != nil {
			return nil, err
		}
		m.Workstation = w.Name
	}
	b, err := json.Marshal(m)
	if err == nil && len(b) >= paddedSize {
		b, err = json.Marshal(postern.PushMessage{Kind: r.kind})
	}
	return b, err
}

// laterError is a push service's wish to be called again later.
type laterError struct {
	status int
	after  time.Duration
}

func (e *laterError) Error() string {
	return "push: the push service answered " + strconv.Itoa(e.status)
}

// call is one attempt. again says that another may succeed. No error names the address: whoever knows it may send to it.
func (s *Service) call(ctx context.Context, r reason, endpoint *url.URL, body []byte, left time.Duration) (again bool, err error) {
	key, err := s.identity(ctx)
	if err != nil {
		return false, err
	}
	authorization, err := key.authorization(endpoint, s.Contact, s.Now())
	if err != nil {
		return false, err
	}
	select {
	case s.calls <- struct{}{}:
		defer func() { <-s.calls }()
	case <-ctx.Done():
		return false, ctx.Err()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint.String(), bytes.NewReader(body))
	if err != nil {
		return false, errors.New("push: the subscription's address cannot be called")
	}
	req.Header.Set("Authorization", authorization)
	req.Header.Set("Content-Encoding", "aes128gcm")
	req.Header.Set("Content-Type", "application/octet-stream")
	req.Header.Set("Topic", r.topic())
	req.Header.Set("TTL", strconv.FormatInt(max(1, int64(left/time.Second)), 10))
	req.Header.Set("Urgency", r.urgency())
	req.Header.Set("User-Agent", "Postern")
	res, err := s.Client.Do(req)
	if err != nil {
		var named *url.Error
		if errors.As(err, &named) {
			err = named.Err
		}
		return !errors.Is(err, errPrivate), fmt.Errorf("push: %s: %w", endpoint.Host, err)
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, maxFromServer)) // only so that the connection can be used again
	switch {
	case res.StatusCode >= 200 && res.StatusCode < 300:
		return false, nil
	case res.StatusCode == http.StatusNotFound, res.StatusCode == http.StatusGone:
		return false, errGone
	case res.StatusCode == http.StatusTooManyRequests, res.StatusCode >= 500:
		return true, &laterError{res.StatusCode, retryAfter(res.Header.Get("Retry-After"), s.Now())}
	}
	return false, fmt.Errorf("push: %s answered %d", endpoint.Host, res.StatusCode)
}

// retryAfter reads the header (RFC 9110 §10.2.3); what is none is no wish.
func retryAfter(header string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseInt(strings.TrimSpace(header), 10, 32); err == nil {
		return max(0, time.Duration(seconds)*time.Second)
	}
	if at, err := http.ParseTime(header); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}
