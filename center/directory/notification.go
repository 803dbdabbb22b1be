package directory

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/job"
)

// NotificationPath is followed by the identifier of an integration; Entra posts there what changed.
const NotificationPath = "/notifications/graph/"

// Bounds of a notification. Graph puts many into one request; what is in them is not believed but read anew, so whatever
// lies beyond the bounds is not missed.
const (
	maxNotification    = 1 << 20
	maxValidationToken = 4096
)

// notifications is the body that Graph posts. What changed is not looked at: it is read from the directory.
type notifications struct {
	Value []struct {
		Subscription string `json:"subscriptionId"`
		ClientState  string `json:"clientState"`
		Lifecycle    string `json:"lifecycleEvent"`
	} `json:"value"`
}

// soon is how long a reading waits after a notification, so that many changes at once are read together.
const soon = 2 * time.Second

// Notifications answers Graph's posts. The path value "integration" names whose they are. Every answer is given at once:
// work is left to jobs.
func (s *Service) Notifications() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Content-Security-Policy", "default-src 'none'")
		id := postern.IntegrationID(r.PathValue("integration"))
		if !postern.ValidID(string(id), postern.PrefixIntegration) {
			http.NotFound(w, r)
			return
		}
		if token, asked := r.URL.Query()["validationToken"]; asked {
			validate(w, token[0])
			return
		}
		kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if err != nil || kind != "application/json" {
			http.Error(w, "A notification is JSON.", http.StatusUnsupportedMediaType)
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxNotification))
		if err != nil {
			http.Error(w, "The notification is too large or did not arrive whole.", http.StatusRequestEntityTooLarge)
			return
		}
		var in notifications
		if err := json.Unmarshal(body, &in); err != nil {
			http.Error(w, "That is not a notification.", http.StatusBadRequest)
			return
		}
		if err := s.notified(r.Context(), id, in); err != nil {
			// Graph sends it again.
			s.Logger.ErrorContext(r.Context(), "notification not taken", "integration", id, "cause", err)
			http.Error(w, "The notification could not be taken.", http.StatusServiceUnavailable)
			return
		}
		// The same answer whether anything in it was believed: who guesses learns nothing.
		w.WriteHeader(http.StatusAccepted)
	})
}

// validate gives Graph its token back, as text that no browser takes for anything else.
func validate(w http.ResponseWriter, token string) {
	if token == "" || len(token) > maxValidationToken {
		http.Error(w, "That is not a validation token.", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, token) // Graph asks again if it does not arrive
}

// notified puts what genuine notifications ask for into the queue.
func (s *Service) notified(ctx context.Context, id postern.IntegrationID, in notifications) error {
	p, err := s.Store.DirectoryProgress(ctx, id)
	if err != nil || len(p.Subscription.Proof) == 0 {
		return err
	}
	var read, renew, again bool
	for _, n := range in.Value {
		proof := sha256.Sum256([]byte(n.ClientState))
		if subtle.ConstantTimeCompare(proof[:], p.Subscription.Proof) != 1 {
			s.Logger.WarnContext(ctx, "notification with a wrong client state", "integration", id)
			continue
		}
		switch n.Lifecycle {
		case "", "missed":
			read = true
		case "reauthorizationRequired":
			renew = true
		case "subscriptionRemoved":
			read, again = true, again || n.Subscription == p.Subscription.ID
		}
	}
	return s.Store.Atomically(ctx, func(ctx context.Context) error {
		if again {
			if err := s.forgetSubscription(ctx, id, "Entra ended it."); err != nil {
				return err
			}
		}
		if renew || again {
			if err := s.Queue.Enqueue(ctx, SubscribeJob{Integration: id, Renew: renew}); err != nil {
				return err
			}
		}
		if read {
			return s.Queue.Enqueue(ctx, SyncJob{Integration: id}, job.After(soon))
		}
		return nil
	})
}

// notificationURL is where Graph would post for an integration; empty where it cannot reach this control center.
func (s *Service) notificationURL(id postern.IntegrationID) string {
	u, err := url.Parse(s.PublicURL)
	if err != nil || u.Scheme != "https" || local(u.Hostname()) && !s.NotifyLocally {
		return ""
	}
	return u.JoinPath(NotificationPath, string(id)).String()
}

// local reports whether a host is one that nobody outside reaches by that name.
func local(host string) bool {
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.IsLoopback() || addr.IsPrivate() || addr.IsLinkLocalUnicast() || addr.IsUnspecified()
	}
	return host == "localhost" || host == ""
}
