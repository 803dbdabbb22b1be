package push_test

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/crypto/hkdf"

	"github.com/postern/postern"
	"github.com/postern/postern/center/push"
	"github.com/postern/postern/center/seal"
	"github.com/postern/postern/center/store"
)

const within = 30 * time.Second

// world is a service with a real store, a push service, and a phone that is subscribed there.
type world struct {
	t       *testing.T
	service *push.Service
	store   *store.Store
	sealer  seal.Sealer
	phone   postern.Phone
	work    postern.Workstation
	log     *bytes.Buffer
	logMu   sync.Mutex
	push    *pushService
	agent   *userAgent

	mu    sync.Mutex
	now   time.Time
	slept []time.Duration
}

func (w *world) time() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// Write takes what is logged.
func (w *world) Write(b []byte) (int, error) {
	w.logMu.Lock()
	defer w.logMu.Unlock()
	return w.log.Write(b)
}

func newWorld(t *testing.T, change func(*push.Config)) *world {
	t.Helper()
	w := &world{t: t, log: new(bytes.Buffer), now: time.Now().UTC().Truncate(time.Second)}
	var err error
	w.store, err = store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "postern.db"), store.Options{})
	must(t, err)
	t.Cleanup(func() { _ = w.store.Close() })
	must(t, w.store.Migrate(t.Context()))
	w.sealer, err = seal.NewKey(bytes.Repeat([]byte{1}, 32))
	must(t, err)
	i := postern.Integration{ID: "int_1", Version: 1, ApplicationName: "Passkeys"}
	must(t, w.store.CreateIntegration(t.Context(), i, []byte("sealed")))
	u := postern.User{ID: "usr_1", IntegrationID: i.ID, Version: 1, UPN: "ada@example.com", Phase: postern.PhaseActive}
	must(t, w.store.CreateUser(t.Context(), u))
	w.phone = postern.Phone{ID: "phn_1", IntegrationID: i.ID, UserID: u.ID, Version: 1, State: postern.PhoneActive}
	must(t, w.store.CreatePhone(t.Context(), w.phone))
	w.work = postern.Workstation{ID: "wks_1", IntegrationID: i.ID, Version: 1, Name: "Desk <3> & é", IdentityKey: []byte("key")}
	must(t, w.store.CreateWorkstation(t.Context(), w.work))
	w.push = newPushService(t)
	w.agent = newUserAgent(t)
	w.service = w.open(change)
	return w
}

// open opens another service on the same store, as another replica does.
func (w *world) open(change func(*push.Config)) *push.Service {
	c := push.Config{
		Store: w.store, Sealer: w.sealer, AllowPrivate: true, Contact: "mailto:postern@example.com",
		Client: w.push.client(push.ClientConfig{AllowPrivate: true}),
		Log:    slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug})), Now: w.time,
		Sleep: func(ctx context.Context, d time.Duration) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.slept = append(w.slept, d)
			w.now = w.now.Add(d)
			return ctx.Err()
		},
	}
	if change != nil {
		change(&c)
	}
	s := push.New(c)
	w.t.Cleanup(s.Close)
	return s
}

func (w *world) subscribe() {
	w.t.Helper()
	must(w.t, w.service.Subscribe(w.t.Context(), w.phone.ID, w.agent.subscription(w.push.URL+"/wpush/secret-address")))
}

func (w *world) subscribed() bool {
	w.t.Helper()
	state, err := w.service.State(w.t.Context(), w.phone.ID)
	must(w.t, err)
	return state.Subscribed
}

// becomes waits until the counts are as wanted.
func (w *world) becomes(want push.Stats) {
	w.t.Helper()
	deadline := time.Now().Add(within)
	for w.service.Stats() != want {
		if time.Now().After(deadline) {
			w.t.Fatalf("stats %+v, want %+v\n%s", w.service.Stats(), want, w.log)
		}
		time.Sleep(time.Millisecond)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// pushService is a push service of RFC 8030, as far as an application server sees it.
type pushService struct {
	*httptest.Server
	got    chan *delivery
	answer func(w http.ResponseWriter, n int) // n counts from 1; nil: 201

	mu sync.Mutex
	n  int
}

type delivery struct {
	header http.Header
	body   []byte
	path   string
}

func newPushService(t *testing.T) *pushService {
	p := &pushService{got: make(chan *delivery, 64)}
	p.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(io.LimitReader(r.Body, 5000))
		select {
		case p.got <- &delivery{r.Header.Clone(), body, r.URL.Path}:
		default: // a test that sends so many reads none
		}
		p.mu.Lock()
		p.n++
		n, answer := p.n, p.answer
		p.mu.Unlock()
		if answer != nil {
			answer(w, n)
			return
		}
		w.WriteHeader(http.StatusCreated)
	}))
	t.Cleanup(p.Close)
	return p
}

// client trusts the certificate of the push service.
func (p *pushService) client(c push.ClientConfig) *http.Client {
	c.CAs = p.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	return push.NewClient(c)
}

func (p *pushService) next(t *testing.T) *delivery {
	t.Helper()
	select {
	case d := <-p.got:
		return d
	case <-time.After(within):
		t.Fatal("nothing came to the push service")
		return nil
	}
}

func (p *pushService) empty(t *testing.T) {
	t.Helper()
	select {
	case d := <-p.got:
		t.Fatalf("something came to the push service: %v", d.header)
	default:
	}
}

// userAgent is a browser's half, written after RFC 8291 and RFC 8188 with another HKDF than the service's.
type userAgent struct {
	t    *testing.T
	key  *ecdh.PrivateKey
	auth []byte
}

func newUserAgent(t *testing.T) *userAgent {
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	must(t, err)
	auth := make([]byte, 16)
	rand.Read(auth)
	return &userAgent{t, key, auth}
}

func (u *userAgent) subscription(endpoint string) postern.PushSubscription {
	return postern.PushSubscription{Endpoint: endpoint, P256DH: u.key.PublicKey().Bytes(), Auth: u.auth}
}

func (u *userAgent) open(body []byte) postern.PushMessage {
	u.t.Helper()
	if len(body) < 86 || body[20] != 65 {
		u.t.Fatalf("the body has %d bytes and no header", len(body))
	}
	salt, size, sender, sealed := body[:16], binary.BigEndian.Uint32(body[16:20]), body[21:86], body[86:]
	if uint32(len(sealed)) > size || len(body) > 4096 {
		u.t.Fatalf("a record of %d bytes, where %d are announced", len(sealed), size)
	}
	public, err := ecdh.P256().NewPublicKey(sender)
	must(u.t, err)
	shared, err := u.key.ECDH(public)
	must(u.t, err)
	expand := func(ikm, salt []byte, info string, n int) []byte {
		out := make([]byte, n)
		_, err := io.ReadFull(hkdf.New(sha256.New, ikm, salt, []byte(info)), out)
		must(u.t, err)
		return out
	}
	ikm := expand(shared, u.auth, "WebPush: info\x00"+string(u.key.PublicKey().Bytes())+string(sender), 32)
	block, err := aes.NewCipher(expand(ikm, salt, "Content-Encoding: aes128gcm\x00", 16))
	must(u.t, err)
	gcm, err := cipher.NewGCM(block)
	must(u.t, err)
	record, err := gcm.Open(nil, expand(ikm, salt, "Content-Encoding: nonce\x00", 12), sealed, nil)
	must(u.t, err)
	text := bytes.TrimRight(record, "\x00")
	if len(text) == 0 || text[len(text)-1] != 2 {
		u.t.Fatal("the record is not the last one")
	}
	var m postern.PushMessage
	decoder := json.NewDecoder(bytes.NewReader(text[:len(text)-1]))
	decoder.DisallowUnknownFields()
	must(u.t, decoder.Decode(&m))
	return m
}

// checkSender verifies the header of RFC 8292 against the key that the phone was given, with another JWT library.
func (w *world) checkSender(d *delivery) {
	w.t.Helper()
	state, err := w.service.State(w.t.Context(), w.phone.ID)
	must(w.t, err)
	text, k, ok := strings.Cut(strings.TrimPrefix(d.header.Get("Authorization"), "vapid t="), ", k=")
	if !ok || k != base64.RawURLEncoding.EncodeToString(state.PublicKey) {
		w.t.Fatalf("the header does not show the key %x", []byte(state.PublicKey))
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), state.PublicKey)
	must(w.t, err)
	claims := jwt.MapClaims{}
	_, err = jwt.ParseWithClaims(text, claims, func(*jwt.Token) (any, error) { return key, nil },
		jwt.WithValidMethods([]string{"ES256"}), jwt.WithTimeFunc(w.time), jwt.WithExpirationRequired(), jwt.WithAudience(w.push.URL))
	must(w.t, err)
	until, err := claims.GetExpirationTime()
	must(w.t, err)
	if life := until.Sub(w.time()); life <= 0 || life > 24*time.Hour {
		w.t.Errorf("the token is good for %s, RFC 8292 allows a day", life)
	}
	if claims["sub"] != "mailto:postern@example.com" {
		w.t.Errorf("sub is %v", claims["sub"])
	}
}
