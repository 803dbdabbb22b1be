package push

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/postern/postern"
)

// The control center's key: P-256, made once for the whole installation, because a subscription is good for one key only.
const (
	settingKey  = "push/vapid" // PKCS #8, sealed
	sealPurpose = "push/vapid-key"
)

// A token is good for a push service for half a day, and used for half of that; RFC 8292 allows a day.
const (
	tokenLife  = 12 * time.Hour
	tokenReuse = 6 * time.Hour
	maxTokens  = 64 // push services; there are a handful in the world
)

// identity is the key with the tokens that were signed with it.
type identity struct {
	key    *ecdsa.PrivateKey
	public []byte // uncompressed point

	mu     sync.Mutex
	tokens map[string]token // by origin of the push service
}

type token struct {
	text  string
	until time.Time
}

// identity reads the key, and makes it when there is none. Of several replicas that make one at once the first wins.
func (s *Service) identity(ctx context.Context) (*identity, error) {
	s.keyMu.Lock()
	defer s.keyMu.Unlock()
	if s.key != nil {
		return s.key, nil
	}
	sealed, err := s.Store.Setting(ctx, settingKey)
	if err == nil && sealed == nil {
		if err = s.makeKey(ctx); err == nil || postern.IsCode(err, postern.CodeConflict) {
			sealed, err = s.Store.Setting(ctx, settingKey)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("push: the key: %w", err)
	}
	plain, err := s.Sealer.Open(ctx, sealPurpose, sealed)
	if err != nil {
		return nil, fmt.Errorf("push: the key: %w", err)
	}
	defer clear(plain)
	parsed, err := x509.ParsePKCS8PrivateKey(plain)
	if err != nil {
		return nil, fmt.Errorf("push: the key: %w", err)
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, fmt.Errorf("push: the key is a %T, not one on P-256", parsed)
	}
	public, err := key.PublicKey.Bytes()
	if err != nil {
		return nil, fmt.Errorf("push: the key: %w", err)
	}
	s.key = &identity{key: key, public: public, tokens: make(map[string]token)}
	return s.key, nil
}

func (s *Service) makeKey(ctx context.Context) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	plain, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	defer clear(plain)
	sealed, err := s.Sealer.Seal(ctx, sealPurpose, plain)
	if err != nil {
		return err
	}
	return s.Store.Atomically(ctx, func(ctx context.Context) error { return s.Store.CreateSetting(ctx, settingKey, sealed) })
}

// authorization is the header that tells a push service who sends (RFC 8292 §2 and §3).
func (i *identity) authorization(endpoint *url.URL, contact string, now time.Time) (string, error) {
	origin := "https://" + strings.TrimSuffix(endpoint.Host, ":443") // as RFC 6454 §6.2 writes one
	i.mu.Lock()
	defer i.mu.Unlock()
	t, ok := i.tokens[origin]
	if !ok || !now.Before(t.until) {
		text, err := i.sign(origin, contact, now)
		if err != nil {
			return "", fmt.Errorf("push: sign: %w", err)
		}
		if len(i.tokens) >= maxTokens {
			clear(i.tokens)
		}
		t = token{text, now.Add(tokenReuse)}
		i.tokens[origin] = t
	}
	return "vapid t=" + t.text + ", k=" + base64.RawURLEncoding.EncodeToString(i.public), nil
}

// sign makes a JWS (RFC 7515) with ES256, whose signature is r ‖ s.
func (i *identity) sign(origin, contact string, now time.Time) (string, error) {
	claims := map[string]any{"aud": origin, "exp": now.Add(tokenLife).Unix()}
	if contact != "" {
		claims["sub"] = contact
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	signed := base64.RawURLEncoding.EncodeToString([]byte(`{"typ":"JWT","alg":"ES256"}`)) + "." + base64.RawURLEncoding.EncodeToString(payload)
	hash := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, i.key, hash[:])
	if err != nil {
		return "", err
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}
