package center_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/postern/postern/center"
)

func TestConfigOfReplicasAndPush(t *testing.T) {
	t.Setenv("POSTERN_DATABASE", "postgres://db.example.com/postern")
	t.Setenv("POSTERN_PUBLIC_URL", "https://postern.example.com")
	t.Setenv("POSTERN_NATS_URL", "tls://one.example.com:4222,tls://two.example.com:4222")
	t.Setenv("POSTERN_NATS_CREDENTIALS_FILE", "/etc/postern/nats.creds")
	t.Setenv("POSTERN_PUSH_ALLOW_PRIVATE", "true")
	c, err := center.ReadConfig("")
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"tls://one.example.com:4222", "tls://two.example.com:4222"}; !slices.Equal(c.NATS.URL, want) {
		t.Errorf("nats.url is %q, want %q", c.NATS.URL, want)
	}
	if c.NATS.CredentialsFile != "/etc/postern/nats.creds" || !c.Push.AllowPrivate || c.Push.Contact != "https://postern.example.com" {
		t.Errorf("nats is %+v, push is %+v", c.NATS, c.Push)
	}

	nats := []string{"nats://127.0.0.1:1"}
	for want, c := range map[string]center.Config{
		"PostgreSQL":      {NATS: center.NATSConfig{URL: nats}},
		"no url":          {NATS: center.NATSConfig{Prefix: "p"}},
		"belong together": {Database: "postgres://db", NATS: center.NATSConfig{URL: nats, TLSKey: "key.pem"}},
		"push.contact":    {Push: center.PushConfig{Contact: "postern@example.com"}},
		"push.proxy":      {Push: center.PushConfig{Proxy: "socks5://user:secret@proxy"}},
	} {
		if _, err := c.Complete(); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("answer %v, want one about %s", err, want)
		}
	}
}
