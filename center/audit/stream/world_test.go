package stream_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/audit/export"
	"github.com/postern/postern/center/audit/stream"
	"github.com/postern/postern/center/seal"
	"github.com/postern/postern/center/store"
	"github.com/postern/postern/internal/testpg"
)

// world is a trail with its streams, whose clock stands still until it is moved.
type world struct {
	*stream.Service
	t     *testing.T
	store *store.Store
	trail *audit.Log
	at    time.Time
}

func newWorld(t *testing.T) *world {
	return worldOn(t, "sqlite:"+filepath.Join(t.TempDir(), "postern.db"))
}

func worldOn(t *testing.T, url string) *world {
	t.Helper()
	s, err := store.Open(t.Context(), url, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	key, err := seal.NewKey([]byte("0123456789abcdef0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, store: s, at: time.Now().UTC().Truncate(time.Millisecond)}
	w.trail = &audit.Log{Store: s, Sealer: key}
	w.Service = stream.New(stream.Options{
		Store: s, Audit: w.trail, Sealer: key, Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return w.at },
		From: export.Source{Version: "1.2.3", Host: "postern.example.com"}, AllowLocal: true,
	})
	w.trail.Sent = w.Sent
	return w
}

func onBoth(t *testing.T, do func(w *world)) {
	t.Run("sqlite", func(t *testing.T) { do(newWorld(t)) })
	t.Run("postgres", func(t *testing.T) { do(worldOn(t, testpg.URL(t))) })
}

func (w *world) ctx() context.Context {
	return postern.WithActor(w.t.Context(), postern.Actor{Kind: postern.ActorAdministrator, ID: "adm_1", Name: "Grace"})
}

func (w *world) fill(n int) {
	w.t.Helper()
	err := w.store.Atomically(w.ctx(), func(ctx context.Context) error {
		for range n {
			if err := w.trail.Record(ctx, postern.AuditEvent{Code: audit.UserInvited.Code, Name: audit.UserInvited.Name, Success: true, Message: "Ünïcode, \"quotes\" and\nlines"}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) create(in postern.AuditStreamInput) postern.AuditStreamSecret {
	w.t.Helper()
	if in.Name == "" {
		in.Name = "siem"
	}
	if in.Format == "" {
		in.Format = postern.AuditJSON
	}
	made, err := w.Create(w.ctx(), in)
	if err != nil {
		w.t.Fatal(err)
	}
	return made
}

func (w *world) deliver(id postern.AuditStreamID) postern.AuditStream {
	w.t.Helper()
	if err := w.Deliver(w.ctx(), id); err != nil {
		w.t.Fatal(err)
	}
	return w.get(id)
}

func (w *world) get(id postern.AuditStreamID) postern.AuditStream {
	w.t.Helper()
	one, err := w.Get(w.ctx(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return one
}

// authority signs certificates for one test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  string
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	key, cert, text := issue(t, nil, &x509.Certificate{Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return authority{cert, key, text}
}

func (a authority) pair(t *testing.T, name string) (certificate, key string) {
	t.Helper()
	k, _, text := issue(t, &a, &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	})
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return text, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func (a authority) tls(t *testing.T, name string) tls.Certificate {
	t.Helper()
	certificate, key := a.pair(t, name)
	pair, err := tls.X509KeyPair([]byte(certificate), []byte(key))
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

func issue(t *testing.T, by *authority, template *x509.Certificate) (*ecdsa.PrivateKey, *x509.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := template, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return key, cert, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}
