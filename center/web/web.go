package web

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/auth"
)

// Deps is what the console stands on. All of the services are needed.
type Deps struct {
	Integrations Integrations
	Users        Users
	Phones       Phones
	Passkeys     Passkeys
	Enrolment    Enrolment
	Bulk         Bulk
	Groups       Groups
	Trail        Trail
	Streams      Streams
	Door         Door
	Directory    Directory
	Reconciler   Reconciler
	Mail         Mail
	Desktop      Desktop
	Policies     Policies
	Inventory    Inventory
	Models       Models
	Setups       Setups
	Rotations    Rotations
	Doctor       Doctor
	Offline      Offline
	Allowed      Allowed

	// PublicURL is the origin under which people reach Postern; invitations name it.
	PublicURL string
	// Version is what the About page shows.
	Version string

	// Health reports on the parts that Postern stands on; nil when there is nothing to report.
	Health func(r *http.Request) []Check
	// Stories mounts the storybook under /storybook/, for demonstrations.
	Stories bool
	Log     *slog.Logger     // nil means slog.Default()
	Now     func() time.Time // nil means time.Now
}

// Check is one line of the health report.
type Check struct {
	Name    string
	OK      bool
	Message string
}

// console is the handlers.
type console struct {
	Deps
}

// New returns the console, to be mounted at the root. It protects itself: session, content security policy and the
// check for requests from other sites are inside.
func New(d Deps) http.Handler {
	if d.Log == nil {
		d.Log = slog.Default()
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	c := &console{Deps: d}
	return secured(c.fromHere(c.arrive(d.Door.Sessions(c.routes()))))
}

// frame begins a page for whoever signed in.
func (c *console) frame(r *http.Request, s section, title string) frame {
	who, _ := auth.IdentityFrom(r.Context())
	return frame{
		Title: title, Section: s, Who: who, Now: c.Now().UTC(),
		Note:     notes[r.URL.Query().Get("done")],
		Guide:    guideFor(r),
		InDialog: r.Header.Get("HX-Target") == "dialog#dialog",
	}
}

// need serves a page only to those who have the permission. Without a permission anybody who signed in may see it.
func (c *console) need(p postern.Permission, page func(http.ResponseWriter, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, err := c.Door.Authenticate(r)
		if err != nil {
			c.turnAway(w, r, err)
			return
		}
		r = r.WithContext(who.Enter(r.Context()))
		if p != "" {
			if err := c.Door.Require(r.Context(), p); err != nil {
				c.fail(w, r, err)
				return
			}
		}
		if err := page(w, r); err != nil {
			c.fail(w, r, err)
		}
	})
}

// open serves a page to anybody.
func (c *console) open(page func(http.ResponseWriter, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := page(w, r); err != nil {
			c.fail(w, r, err)
		}
	})
}
