package extension

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"
	"time"
)

// front stands before the control center as an organisation's proxy does. It can be cut off, and it tells the time.
type front struct {
	*httptest.Server
	mu  sync.Mutex
	up  context.Context // ends when the line is cut
	end context.CancelFunc
}

// serveFront leads to the address. Its clock is ahead by skew.
func serveFront(t *testing.T, address string, skew time.Duration) *front {
	behind := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: address})
			r.Out.Host = r.In.Host
		},
		ModifyResponse: func(r *http.Response) error {
			r.Header.Set("Date", time.Now().Add(skew).UTC().Format(http.TimeFormat))
			return nil
		},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	f := &front{}
	f.mend()
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		up := f.up
		f.mu.Unlock()
		if up.Err() != nil {
			panic(http.ErrAbortHandler)
		}
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(up, cancel)()
		behind.ServeHTTP(w, r.WithContext(ctx))
	}))
	t.Cleanup(func() {
		f.cut()
		f.Close()
	})
	return f
}

// cut ends what is open and lets nothing through until mend.
func (f *front) cut() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.end()
}

func (f *front) mend() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.up, f.end = context.WithCancel(context.Background())
}
