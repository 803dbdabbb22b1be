package entrasim

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Duration is a time.Duration that JSON spells as Go does ("1.5s"); a bare number is seconds.
type Duration time.Duration

// MarshalJSON writes the text form.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(d).String()) }

// UnmarshalJSON reads the text form or a number of seconds.
func (d *Duration) UnmarshalJSON(b []byte) error {
	var seconds float64
	if json.Unmarshal(b, &seconds) == nil {
		*d = Duration(seconds * float64(time.Second))
		return nil
	}
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return errors.New(`a duration is text such as "1.5s" or a number of seconds`)
	}
	v, err := time.ParseDuration(text)
	*d = Duration(v)
	return err
}

// Levers change how the emulator behaves. The zero value is a fast, healthy, unthrottled service; [DefaultLevers] is
// what a Server starts with.
type Levers struct {
	// Latency is added to every answer of authority and Graph.
	Latency Duration `json:"latency"`
	// ErrorRate is the share of Graph calls, 0 to 1, that fail with ErrorStatus (503 if zero) before any effect.
	ErrorRate   float64 `json:"error_rate"`
	ErrorStatus int     `json:"error_status,omitempty"`
	// ReplicationDelay hides new users, groups, applications, service principals and grants from reads for that long;
	// MembershipDelay and MethodDelay do the same for group members and passkeys, and keep removed ones visible.
	ReplicationDelay Duration `json:"replication_delay"`
	MembershipDelay  Duration `json:"membership_delay"`
	MethodDelay      Duration `json:"method_delay"`
	// PolicyDelay is how long reads go on to show the passkey policy, authentication strengths and Conditional Access as they
	// were before a write. Registration and sign-in go by the new ones at once.
	PolicyDelay Duration `json:"policy_delay"`
	// ConsentDelay is how long new grants of permissions are missing in tokens, CredentialDelay how long the token endpoint
	// does not know new secrets and certificates.
	ConsentDelay    Duration `json:"consent_delay"`
	CredentialDelay Duration `json:"credential_delay"`
	// RoleDelay is how long a change of somebody's directory roles by Graph is neither shown nor good for anything.
	RoleDelay Duration `json:"role_delay"`
	// RegistrationPrivate refuses an application its own registration unless it may read applications. What the service does
	// is not published.
	RegistrationPrivate bool `json:"registration_private"`
	// PolicyIgnore names members of the passkey method that a PATCH may carry and that do not take effect: they keep the value
	// they had, as members that mirror another one too.
	PolicyIgnore []string `json:"policy_ignore,omitempty"`
	// TargetsAtOnce refuses a PATCH of the passkey method that changes more include and exclude targets than that; no limit if
	// zero.
	TargetsAtOnce int `json:"targets_at_once"`
	// ReportLag is how far userRegistrationDetails, directoryAudits and signIns lie behind.
	ReportLag Duration `json:"report_lag"`
	// NotificationDelay is how long change notifications wait before they are sent; NotificationLoss the share of them, 0
	// to 1, that is lost: the subscriber is told that it missed something.
	NotificationDelay Duration `json:"notification_delay"`
	NotificationLoss  float64  `json:"notification_loss"`
	// Throttle switches the documented budgets on.
	Throttle bool `json:"throttle"`
	// ThrottleScale multiplies every window: at 0.01 ten seconds pass in 100 ms. 1 if zero.
	ThrottleScale float64 `json:"throttle_scale"`
	// ThrottleMethods also applies the 5 requests per 10 s of the reports service to /users/{id}/authentication, which the
	// documentation lists under the same resource name.
	ThrottleMethods bool `json:"throttle_methods"`
	// TimeoutQuery makes creationOptions?challengeTimeoutInMinutes=N work, as it did for a while; 405 otherwise.
	TimeoutQuery bool `json:"timeout_query"`
	// PaddedExclude writes excludeCredentials ids in padded standard base64, as before November 2024.
	PaddedExclude bool `json:"padded_exclude"`
	// SelfAttestation lets packed self attestation register. Microsoft's list of accepted forms does not name it.
	SelfAttestation bool `json:"self_attestation"`
	// RevokeNoContent answers revokeSignInSessions with 204 as documented instead of 200 as the service does.
	RevokeNoContent bool `json:"revoke_no_content"`
	// TokenLifetime of access tokens; one hour (less a second) if zero.
	TokenLifetime Duration `json:"token_lifetime"`
	// PRTLifetime is how long a primary refresh token is good; 14 days if zero. NonceLifetime is that of the nonce a Windows
	// computer signs; five minutes if zero.
	PRTLifetime   Duration `json:"prt_lifetime"`
	NonceLifetime Duration `json:"nonce_lifetime"`
	// PRTEndsWithPasskey ends a primary refresh token when the passkey is deleted that it was got with. Whether the service
	// does that is not published.
	PRTEndsWithPasskey bool `json:"prt_ends_with_passkey"`
	// DeviceInterval between polls of a device code; 5 s if zero.
	DeviceInterval Duration `json:"device_interval"`
}

// DefaultLevers are the levers of a new Server: the documented budgets apply, nothing else is pulled.
func DefaultLevers() Levers { return Levers{Throttle: true, ThrottleScale: 1} }

// check refuses values that would hang or make no sense.
func (l Levers) check() error {
	for name, d := range map[string]Duration{
		"latency": l.Latency, "replication_delay": l.ReplicationDelay, "membership_delay": l.MembershipDelay,
		"method_delay": l.MethodDelay, "report_lag": l.ReportLag, "token_lifetime": l.TokenLifetime, "device_interval": l.DeviceInterval,
		"notification_delay": l.NotificationDelay, "policy_delay": l.PolicyDelay,
		"consent_delay": l.ConsentDelay, "credential_delay": l.CredentialDelay, "role_delay": l.RoleDelay,
		"prt_lifetime": l.PRTLifetime, "nonce_lifetime": l.NonceLifetime,
	} {
		if d < 0 {
			return fmt.Errorf("%s must not be negative", name)
		}
	}
	switch {
	case time.Duration(l.Latency) > time.Minute:
		return errors.New("latency must be at most one minute")
	case time.Duration(l.NotificationDelay) > time.Minute:
		return errors.New("notification_delay must be at most one minute")
	case l.NotificationLoss < 0 || l.NotificationLoss > 1:
		return errors.New("notification_loss must lie between 0 and 1")
	case l.ErrorRate < 0 || l.ErrorRate > 1:
		return errors.New("error_rate must lie between 0 and 1")
	case l.ErrorStatus != 0 && (l.ErrorStatus < 400 || l.ErrorStatus > 599):
		return errors.New("error_status must be an HTTP error status")
	case l.TargetsAtOnce < 0:
		return errors.New("targets_at_once must not be negative")
	case slices.ContainsFunc(l.PolicyIgnore, func(name string) bool { return !slices.Contains(passkeyMembers, name) }):
		return fmt.Errorf("policy_ignore may name %s", strings.Join(passkeyMembers, ", "))
	case l.ThrottleScale < 0:
		return errors.New("throttle_scale must not be negative")
	}
	return nil
}

// Levers returns the current levers.
func (s *Server) Levers() Levers {
	s.init()
	s.lever.mu.RLock()
	defer s.lever.mu.RUnlock()
	return s.lever.v
}

// SetLevers replaces all levers.
func (s *Server) SetLevers(l Levers) error {
	if err := l.check(); err != nil {
		return err
	}
	s.init()
	s.lever.mu.Lock()
	defer s.lever.mu.Unlock()
	l.PolicyIgnore = slices.Clone(l.PolicyIgnore)
	s.lever.v = l
	return nil
}

// MoveClock sets the emulator's clock this far ahead of (or, negative, behind) the injected one and lets it run.
func (s *Server) MoveClock(offset time.Duration) {
	s.init()
	s.lever.mu.Lock()
	defer s.lever.mu.Unlock()
	s.lever.offset, s.lever.frozen = offset, time.Time{}
}

// FreezeClock stops the emulator's clock at t.
func (s *Server) FreezeClock(t time.Time) {
	s.init()
	s.lever.mu.Lock()
	defer s.lever.mu.Unlock()
	s.lever.frozen = t
}
