package phone

import (
	"context"
	"crypto/ecdh"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/fido/authenticator/memory"
	"github.com/postern/postern/link/signed"
)

// elsewhere is a control center that offers a passkey for a relying party of its choice.
type elsewhere struct {
	declined string
}

func (e *elsewhere) RoundTrip(_ context.Context, r signed.Request) (*signed.Response, error) {
	out := postern.PhoneProvisioning{Provisioning: postern.Provisioning{ID: offered, State: postern.ProvisioningDeclined}}
	if strings.HasSuffix(r.URL, "/decline") {
		e.declined = string(r.Body)
	}
	body, err := json.Marshal(out)
	return &signed.Response{Status: http.StatusOK, Body: body}, err
}

const offered = postern.ProvisioningID("prv_01")

// TestOfferForAnotherRelyingParty: a control center gets passkeys for Entra made and no others, and the user is not asked:
// a new passkey would take the place of the one that the user has there.
func TestOfferForAnotherRelyingParty(t *testing.T) {
	for _, rp := range []string{"bank.example", "LOGIN.MICROSOFT.COM", "login.microsoft.com.", "microsoft.com"} {
		s := &State{Server: "https://postern.example.com", ID: "phn_1", IdentityKey: make([]byte, 32), SealKey: append(make([]byte, 31), 9)}
		key, err := ecdh.X25519().NewPrivateKey(s.SealKey)
		if err != nil {
			t.Fatal(err)
		}
		options := postern.ProvisioningOptions{PublicKey: []byte(`{"rp":{"id":"` + rp + `","name":"Microsoft"},"user":{"id":"AQ","name":"alex@example.com","displayName":"Alex"},` +
			`"challenge":"AQIDBAUGBwgJCgsMDQ4PEA","pubKeyCredParams":[{"type":"public-key","alg":-7}]}`)}
		sealed, err := options.Seal(key.PublicKey().Bytes(), offered)
		if err != nil {
			t.Fatal(err)
		}
		center, store := new(elsewhere), memory.New(0)
		caller, err := signed.NewCaller(signed.Phone, s.Server, center, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		p := &Phone{API: API{caller}, State: s, env: Env{Passkeys: store}}
		_, err = p.answer(t.Context(), postern.PhoneProvisioning{Provisioning: postern.Provisioning{ID: offered}, Sealed: sealed}, Provisioning{
			Accept: func(context.Context, Offer) error { t.Errorf("the user is asked about %s", rp); return nil },
		})
		if err != nil || !strings.Contains(center.declined, postern.EntraRPID) {
			t.Errorf("%s: %v, declined with %q", rp, err, center.declined)
		}
	}
}
