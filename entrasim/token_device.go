package entrasim

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// userCodeLetters leaves out what is easily misread.
const userCodeLetters = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"

// deviceCode starts a device authorization (RFC 8628 §3.1). With common and organizations the first tenant keeps it until
// the user says which one is theirs.
func (s *Server) deviceCode(w http.ResponseWriter, r *http.Request) {
	t, ok := s.tenantOrFail(w, r, "invalid_request")
	if !ok {
		return
	}
	anyTenant := t == nil
	if anyTenant {
		t = s.first()
	}
	if err := r.ParseForm(); err != nil {
		s.writeOAuthError(w, r, *missing("client_id"))
		return
	}
	c := &tokenCall{s: s, w: w, r: r, form: r.PostForm, tenant: t}
	app, e := c.client(t, false)
	if e != nil {
		c.fail(e)
		return
	}
	d := DeviceCode{ClientID: app.AppID, Scope: c.form.Get("scope"), AnyTenant: anyTenant, Expires: t.now().Add(deviceLife)}
	code := s.newToken("0.D")
	letters := make([]byte, 9)
	for i := range letters {
		letters[i] = userCodeLetters[s.random.intn(len(userCodeLetters))]
	}
	d.UserCode = string(letters)
	t.update(func() {
		if t.Sessions.Devices == nil {
			t.Sessions.Devices = make(map[string]*DeviceCode)
		}
		bound(t.Sessions.Devices, t.now(), func(d *DeviceCode) time.Time { return d.Expires })
		t.Sessions.Devices[code] = &d
	})
	page := "https://" + r.Host + "/devicelogin"
	seconds := max(int(s.deviceInterval()/time.Second), 1)
	writeJSON(w, http.StatusOK, object{
		"user_code": d.UserCode, "device_code": code, "verification_uri": page, "expires_in": int(deviceLife / time.Second), "interval": seconds,
		"message": fmt.Sprintf("To sign in, use a web browser to open the page %s and enter the code %s to authenticate.", page, d.UserCode),
	})
}

func (s *Server) deviceInterval() time.Duration {
	if d := time.Duration(s.Levers().DeviceInterval); d > 0 {
		return d
	}
	return 5 * time.Second
}

// device is the poll of RFC 8628 §3.4.
func (c *tokenCall) device() *oauthError {
	value := c.form.Get("device_code")
	if value == "" {
		value = c.form.Get("code")
	}
	if value == "" {
		return missing("device_code")
	}
	now, interval := c.s.now(), c.s.deviceInterval()
	for _, t := range c.candidates() {
		var d *DeviceCode
		early := false
		t.update(func() {
			stored := t.Sessions.Devices[value]
			if stored == nil {
				return
			}
			// One tenth early is forgiven: clients count from their own side of the network.
			early = now.Before(stored.NextPoll)
			stored.NextPoll = now.Add(interval - interval/10)
			copied := *stored
			d = &copied
		})
		if d == nil {
			continue
		}
		app, e := c.client(t, false)
		switch {
		case e != nil:
			return e
		case !strings.EqualFold(app.AppID, d.ClientID):
			return badCode()
		case !now.Before(d.Expires):
			return &oauthError{status: 400, kind: "expired_token", number: 70020, text: "The provided value for the input parameter 'device_code' has expired."}
		case d.Declined:
			return &oauthError{status: 400, kind: "authorization_declined", number: 70017, text: "The end user declined the request."}
		case d.Proof == nil && early:
			return &oauthError{status: 400, kind: "slow_down", number: 70016, text: "OAuth 2.0 device flow: the client polls too often. Wait for the interval."}
		case d.Proof == nil:
			return &oauthError{status: 400, kind: "authorization_pending", number: 70016, text: "OAuth 2.0 device flow error. Authorization is pending. Continue polling."}
		}
		t.update(func() { delete(t.Sessions.Devices, value) })
		return c.issue(userGrant{tenant: t, app: app, proof: *d.Proof, scope: d.Scope})
	}
	return badCode()
}

func badCode() *oauthError {
	return &oauthError{status: 400, kind: "bad_verification_code", number: 70019, text: "The provided value for the input parameter 'device_code' is not valid."}
}

// errNoDeviceCode says that a user code is not waiting for anybody.
var errNoDeviceCode = errors.New("no device is waiting with this code: it may have expired, or been used already")

// answerDevice approves a device code for a user who has signed in, or declines it if proof is nil. The caller holds no
// lock.
func (t *Tenant) answerDevice(userCode string, proof *SignInProof) error {
	err := errNoDeviceCode
	t.update(func() {
		if d := t.waiting(userCode); d != nil {
			d.Proof, d.Declined = proof, proof == nil
			err = nil
		}
	})
	return err
}

// waiting finds the device that waits for a user code; nil if there is none. The caller holds the lock.
func (t *Tenant) waiting(userCode string) *DeviceCode {
	now := t.now()
	for _, d := range t.Sessions.Devices {
		if strings.EqualFold(d.UserCode, strings.TrimSpace(userCode)) && now.Before(d.Expires) && d.Proof == nil && !d.Declined {
			return d
		}
	}
	return nil
}
