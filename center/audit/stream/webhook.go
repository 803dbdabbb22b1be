package stream

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit/export"
)

// A webhook message after the Standard Webhooks specification, version 1: one POST for each entry, with
//
//	webhook-id         the identifier of the entry, by which a receiver knows one that comes again
//	webhook-timestamp  Unix seconds of the attempt
//	webhook-signature  "v1," and the base64 of HMAC-SHA256 over id "." timestamp "." body; while a secret is being
//	                   exchanged two of them, with a space between
//
// Only a status of 200 to 299 is a delivery.
type webhook struct {
	client *http.Client
	url    string
	keys   [][]byte
	form   export.Form
	encode func(postern.AuditEvent) []byte
	now    func() time.Time
}

const (
	callWithin = 20 * time.Second
	maxAnswer  = 4 << 10 // read only so that the connection can be used again
)

func newWebhook(url string, dialer *net.Dialer, settings *tls.Config, keys [][]byte, form export.Form, encode func(postern.AuditEvent) []byte, now func() time.Time) *webhook {
	return &webhook{url: url, keys: keys, form: form, encode: encode, now: now, client: &http.Client{
		Timeout: callWithin,
		Transport: &http.Transport{
			DialContext: dialer.DialContext, TLSClientConfig: settings, TLSHandshakeTimeout: dialWithin, ForceAttemptHTTP2: true,
			ResponseHeaderTimeout: callWithin, MaxResponseHeaderBytes: 16 << 10, DisableCompression: true, MaxIdleConnsPerHost: 1,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

func (w *webhook) send(ctx context.Context, events []postern.AuditEvent) (int, error) {
	defer w.client.CloseIdleConnections()
	for n, e := range events {
		if err := w.post(ctx, e); err != nil {
			// The time of a batch being over after some went well is no fault of the receiver.
			if n > 0 && errors.Is(err, context.DeadlineExceeded) {
				return n, nil
			}
			return n, err
		}
	}
	return len(events), nil
}

func (w *webhook) post(ctx context.Context, e postern.AuditEvent) error {
	body := w.encode(e)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(body))
	if err != nil {
		return errors.New("stream: the stored address cannot be called")
	}
	stamp := strconv.FormatInt(w.now().Unix(), 10)
	request.Header.Set("Content-Type", contentType(w.form))
	request.Header.Set("User-Agent", "Postern")
	request.Header.Set("webhook-id", string(e.ID))
	request.Header.Set("webhook-timestamp", stamp)
	request.Header.Set("webhook-signature", signature(w.keys, string(e.ID), stamp, body))
	answer, err := w.client.Do(request)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return unreached(request.URL.Hostname(), err)
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, maxAnswer)) // its words are not believed
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		return postern.Errorf(postern.CodeUnavailable, "%s answered with the status %d.", request.URL.Hostname(), answer.StatusCode)
	}
	return nil
}

// contentType is of one entry, not of a file of them.
func contentType(f export.Form) string {
	if f.Name == postern.AuditCEF {
		return f.MediaType
	}
	return "application/json"
}

func signature(keys [][]byte, id, stamp string, body []byte) string {
	all := make([]string, len(keys))
	for n, key := range keys {
		mac := hmac.New(sha256.New, key)
		fmt.Fprintf(mac, "%s.%s.", id, stamp)
		mac.Write(body)
		all[n] = "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	return strings.Join(all, " ")
}
