package center

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/audit/export"
	"github.com/postern/postern/center/audit/stream"
	"github.com/postern/postern/center/auth"
	"github.com/postern/postern/center/bulk"
	"github.com/postern/postern/center/desktop"
	"github.com/postern/postern/center/device"
	"github.com/postern/postern/center/directory"
	"github.com/postern/postern/center/doctor"
	"github.com/postern/postern/center/enrolment"
	"github.com/postern/postern/center/integration"
	"github.com/postern/postern/center/job"
	"github.com/postern/postern/center/lifecycle"
	"github.com/postern/postern/center/mail"
	"github.com/postern/postern/center/offline"
	"github.com/postern/postern/center/policy"
	"github.com/postern/postern/center/policy/aaguid"
	"github.com/postern/postern/center/policy/inventory"
	"github.com/postern/postern/center/provision"
	"github.com/postern/postern/center/push"
	"github.com/postern/postern/center/reconcile"
	"github.com/postern/postern/center/rest"
	"github.com/postern/postern/center/rotate"
	"github.com/postern/postern/center/seal"
	"github.com/postern/postern/center/setup"
	"github.com/postern/postern/center/store"
	"github.com/postern/postern/center/web"
	"github.com/postern/postern/link/relay"
)

// Center is a control center that is wired and not yet serving. Make it with [New], run it with [Center.Serve], and
// close it in any case.
type Center struct {
	Config       Config
	Store        *store.Store
	Trail        *audit.Log
	Streams      *stream.Service
	Auth         *auth.Service
	Integrations *integration.Service
	Users        *lifecycle.Service
	Directory    *directory.Service
	Phones       *device.Service
	Passkeys     *provision.Service
	Reconcile    *reconcile.Service
	Inventory    *inventory.Service
	Models       *aaguid.Service
	Policies     *policy.Service
	Setups       *setup.Service
	Rotations    *rotate.Service
	Mail         *mail.Service
	Enrolment    *enrolment.Service
	Desktop      *desktop.Service
	Offline      *offline.Service
	Bulk         *bulk.Service
	Jobs         *job.Runner
	Push         *push.Service
	Doctor       *doctor.Service

	log       *slog.Logger
	metrics   *metrics
	handler   http.Handler
	messaging messaging
	watch     *linkWatch
	link      *link
	refusals  *audit.Sparse // at every door
}

// Options are what a test or a demonstration sets beside the configuration. All may be absent.
type Options struct {
	Logger *slog.Logger
	Now    func() time.Time
	Sleep  func(ctx context.Context, d time.Duration) error // the connector's waits
	// App serves the phone app under /app/, and under /p, the address of a pairing's code. nil: this build has none.
	App http.Handler
	// Statement makes the metadata statement of the phones as authenticators with the attestation CA that vouches for
	// them. It comes from outside because this package knows no authenticator; without it no statement is exported.
	Statement func(ctx context.Context, root *x509.Certificate) (json.RawMessage, error)
}

// New opens and migrates the database and wires everything on top of it. It starts nothing.
func New(ctx context.Context, c Config, o Options) (*Center, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	cloud, err := c.Entra.cloud()
	if err != nil {
		return nil, err
	}
	sealer, err := seal.OpenKeyFile(c.KeyFile)
	if err != nil {
		return nil, err
	}
	db, err := store.Open(ctx, c.Database, store.Options{Now: o.Now})
	if err != nil {
		return nil, err
	}
	if err := db.Migrate(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	s := &Center{Config: c, Store: db, log: o.Logger, metrics: newMetrics(), refusals: audit.NewSparse(o.Now, o.Logger)}
	s.Trail = &audit.Log{Store: db, Kept: db, Sealer: sealer, Now: o.Now, Origin: "postern/" + c.PublicURL}
	s.Streams = stream.New(stream.Options{
		Store: db, Audit: s.Trail, Sealer: sealer, Logger: o.Logger, Now: o.Now,
		From: export.Source{Version: postern.Version(), Host: hostOf(c.PublicURL)},
	})
	s.Trail.Sent, s.Trail.Recorded = s.Streams.Sent, s.Streams.Wake
	s.metrics.observeStreams(s.Streams.List)

	var registry job.Registry
	if s.Jobs, err = job.NewRunner(job.Options{
		Database: db, Dialect: string(db.Dialect()), Registry: &registry, Logger: o.Logger, Workers: c.Workers,
	}); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if s.messaging, err = openMessaging(ctx, c, o.Logger); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	waking, err := c.Push.client()
	if err != nil {
		return nil, errors.Join(err, s.messaging.Close(), db.Close())
	}
	s.Push = openPush(c.Push, waking, db, sealer, o.Logger, o.Now)
	s.watch = newLinkWatch(s.messaging.Notices, o.Logger)
	notices := s.watch
	s.Integrations = &integration.Service{
		Store: db, Sealer: sealer, Audit: s.Trail, Queue: s.Jobs, Notices: notices, Cloud: cloud, Logger: o.Logger,
		Now: o.Now, Sleep: o.Sleep, Observer: s.metrics,
	}
	s.Users = &lifecycle.Service{
		Store: db, Tenants: s.Integrations, Audit: s.Trail, Queue: s.Jobs, Notices: notices, Logger: o.Logger, Now: o.Now,
	}
	s.Mail = &mail.Service{
		Store: db, Integrations: s.Integrations, Sealer: sealer, Audit: s.Trail, Queue: s.Jobs, Notices: notices,
		PublicURL: c.PublicURL, Logger: o.Logger, Now: o.Now,
	}
	s.Users.Mail = s.Mail
	s.Directory = &directory.Service{
		Store: db, Tenants: s.Integrations, Followers: s.Users, Audit: s.Trail, Queue: s.Jobs, Notices: notices, Logger: o.Logger, Now: o.Now,
		PublicURL: c.PublicURL,
	}
	s.Phones = &device.Service{
		Store: db, Integrations: s.Integrations, Users: s.Users, Sealer: sealer, Audit: s.Trail, Notices: notices,
		Logger: o.Logger, Now: o.Now,
	}
	s.Passkeys = &provision.Service{
		Store: db, Integrations: graphs{s.Integrations}, Users: s.Users, Phones: s.Phones, Audit: s.Trail, Queue: s.Jobs,
		Notices: notices, Push: s.Push, Logger: o.Logger, Now: o.Now,
	}
	s.Passkeys.Mail = s.Mail
	s.Enrolment = &enrolment.Service{
		Store: db, Tenants: s.Integrations, Sealer: sealer, Audit: s.Trail, Notices: notices, Logger: o.Logger, Now: o.Now,
		PublicURL: c.PublicURL, Know: s.Users.Know, Proven: s.Passkeys.Proven, Revoke: s.Passkeys.RevokePhone, Person: person,
	}
	s.Passkeys.Proofs, s.Phones.Tickets, s.Phones.Proved = s.Enrolment, s.Enrolment, s.Enrolment.Enrolled
	s.Desktop = &desktop.Service{
		Store: db, Integrations: s.Integrations, Audit: s.Trail, Now: o.Now, PublicURL: c.PublicURL, Packages: c.Packages, Version: postern.Version(),
	}
	s.Phones.Installs = s.Desktop
	s.openOffline(sealer, o)
	s.Bulk = &bulk.Service{
		Store: db, Tenants: bulkTenants{s.Integrations}, Sealer: sealer, Audit: s.Trail, Queue: s.Jobs, Notices: notices,
		Logger: o.Logger, Now: o.Now,
	}
	s.registerBulk()
	s.Reconcile = &reconcile.Service{
		Store: db, Integrations: listings{s.Integrations}, Directory: mirror{s.Directory}, Groups: s.Integrations, Passkeys: s.Passkeys, Audit: s.Trail, Queue: s.Jobs,
		Notices: notices, Logger: o.Logger, Now: o.Now,
	}
	if s.Models, err = openModels(c.Models, db, s.Trail, o); err != nil {
		return nil, errors.Join(err, s.messaging.Close(), db.Close())
	}
	s.Inventory = &inventory.Service{
		Store: db, Integrations: inventories{s.Integrations}, Directory: mirror{s.Directory}, Audit: s.Trail, Queue: s.Jobs, Notices: notices,
		Logger: o.Logger, Now: o.Now,
	}
	s.Policies = &policy.Service{
		Store: db, Integrations: policies{s.Integrations}, Inventory: s.Inventory, Lists: modelLists{s.Models, s.Inventory}, Audit: s.Trail,
		Queue: s.Jobs, Notices: notices, Logger: o.Logger, Now: o.Now, ReadBack: c.Policy.ReadBack,
	}
	s.Policies.Tell = s.Mail.Tell
	s.Rotations = &rotate.Service{
		Store: db, Integrations: s.Integrations, Sealer: sealer, Audit: s.Trail, Queue: s.Jobs, Notices: notices, Logger: o.Logger, Now: o.Now,
		Tell: s.Mail.Tell,
	}
	s.Integrations.Rotating = s.Rotations.Busy
	s.metrics.observeCredentials(s.Integrations.List, o.Now)
	s.Setups = &setup.Service{
		Store: db, Integrations: s.Integrations, Users: s.Users, Sealer: sealer, Audit: s.Trail, Queue: s.Jobs, Notices: notices,
		Logger: o.Logger, Now: o.Now, Entra: s.Integrations.Options(postern.Integration{}), SignInClient: c.Setup.ClientID, ReadBack: c.Setup.ReadBack,
	}
	hub := relay.NewHub(relay.HubConfig{
		Policy: linkPolicy{s.Phones}, Fabric: s.messaging.Fabric, Log: o.Logger, Missed: s.Push.Missed,
	})
	s.link = newLink(hub, s.Trail, s.refusals, o.Logger, o.Now)
	s.watch.tell(hub, s.Phones, s.Integrations)
	s.metrics.observeLink(hub.Counts)
	s.metrics.observePush(s.Push.Stats)
	if s.messaging.bus != nil {
		s.metrics.observeReplicas(s.messaging.bus.Stats)
		s.messaging.bus.OnReturn(s.watch.distrust)
	}
	s.Phones.Enrolled = s.Passkeys.Enrolled
	s.Integrations.Enabled = s.Passkeys.Resume
	s.Integrations.Follow = s.Users.FollowGroups
	s.Passkeys.Disable = s.Integrations.Disable
	s.Users.CancelOpen = s.Passkeys.CancelOpen
	s.Users.RevokeUser = func(ctx context.Context, user postern.UserID, reason postern.RevocationReason, note string) error {
		_, err := s.Passkeys.RevokeUser(ctx, user, reason, note)
		return err
	}
	s.Integrations.Handle(&registry)
	s.Users.Handle(&registry)
	s.Directory.Handle(&registry)
	s.Passkeys.Handle(&registry)
	s.Offline.Handle(&registry)
	s.Reconcile.Handle(&registry)
	s.Inventory.Models = modelNames{s.Models}
	s.Inventory.Allowed = policy.NewVerdicts(policies{s.Integrations}.passkeyPolicy, o.Logger, o.Now).Allowed
	s.Reconcile.Listed = s.Inventory.Listed
	s.Inventory.Handle(&registry)
	s.Models.Handle(&registry)
	s.Policies.Handle(&registry)
	s.Setups.Handle(&registry)
	s.Rotations.Handle(&registry)
	s.Mail.Handle(&registry)
	s.Bulk.Handle(&registry)
	s.keepCheckpoints(&registry)
	s.forgetUnpaired(&registry)

	if s.Auth, err = auth.New(db, s.Trail, auth.Config{PublicURL: c.PublicURL, Log: o.Logger, Now: o.Now, Refusals: s.refusals}); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.Bulk.Door, s.Bulk.May = s.Auth, s.Auth.May
	s.Doctor = s.openDoctor(cloud, waking, o)
	if s.handler, err = s.routes(o); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// person is the administrator on whose word a request is made, by session or by token.
func person(ctx context.Context) postern.AdministratorID {
	identity, _ := auth.IdentityFrom(ctx)
	return identity.Administrator
}

// graphs gives package provision the connector in the shape it asks for.
type graphs struct{ *integration.Service }

func (g graphs) Graph(ctx context.Context, id postern.IntegrationID) (provision.Graph, postern.Integration, error) {
	tenant, i, err := g.Tenant(ctx, id)
	return tenant, i, err
}

// listings gives package reconcile the connector in the shape it asks for.
type listings struct{ *integration.Service }

func (l listings) Graph(ctx context.Context, id postern.IntegrationID) (reconcile.Graph, postern.Integration, error) {
	tenant, i, err := l.Tenant(ctx, id)
	return tenant, i, err
}

// inventories gives package inventory the connector in the shape it asks for.
type inventories struct{ *integration.Service }

func (v inventories) Graph(ctx context.Context, id postern.IntegrationID) (inventory.Graph, postern.Integration, error) {
	tenant, i, err := v.Tenant(ctx, id)
	return tenant, i, err
}

// mirror gives packages reconcile and inventory the directory in the shape they ask for.
type mirror struct{ *directory.Service }

func (m mirror) Refresh(ctx context.Context, id postern.IntegrationID) error {
	_, err := m.Sync(ctx, id)
	return err
}

// statements gives the API the metadata statement of an integration's phones.
type statements struct {
	*Center
	make func(ctx context.Context, root *x509.Certificate) (json.RawMessage, error)
}

// Statement implements [rest.Metadata].
func (s statements) Statement(ctx context.Context, id postern.IntegrationID) (json.RawMessage, error) {
	if s.make == nil {
		return nil, postern.Errorf(postern.CodeUnavailable, "This control center runs without the phone's description.").
			WithNext("Start it as postern serve.")
	}
	i, err := s.Integrations.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	root, err := s.Phones.AttestationRoot(ctx, id)
	if err != nil {
		return nil, err
	}
	statement, err := s.make(ctx, root)
	if err != nil {
		return nil, err
	}
	return statement, s.Trail.Record(ctx, postern.AuditEvent{
		Code: audit.StatementRead.Code, Name: audit.StatementRead.Name, IntegrationID: id, Success: true, Target: string(id),
		TargetName: i.ApplicationName, Message: audit.StatementRead.Text,
	})
}

// routes puts everything that listens under one handler.
func (s *Center) routes(o Options) (http.Handler, error) {
	proxies := make([]netip.Prefix, 0, len(s.Config.TrustedProxies))
	for _, text := range s.Config.TrustedProxies {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("configuration: trusted_proxies: %q is not a network such as 10.0.0.0/8", text)
		}
		proxies = append(proxies, prefix)
	}
	api := rest.New(rest.Config{PublicURL: s.Config.PublicURL, Version: postern.Version(), Log: o.Logger, Now: o.Now, Refusals: s.refusals}, rest.Services{
		Integrations: s.Integrations, Users: s.Users, Phones: s.Phones, Passkeys: s.Passkeys, Enrolment: s.Enrolment, Trail: s.Trail, Streams: s.Streams, Door: s.Auth,
		Directory: s.Directory, Metadata: statements{s, o.Statement}, Push: s.Push, Mail: s.Mail, Reconciler: s.Reconcile,
		Bulk: s.Bulk, Inventory: s.Inventory, Models: s.Models, Policies: s.Policies, Doctor: s.Doctor, Setups: s.Setups, Desktop: s.Desktop, Rotations: s.Rotations, Offline: s.Offline,
	})
	console := web.New(web.Deps{
		Mail: s.Mail, Setups: s.Setups, Rotations: s.Rotations, Integrations: s.Integrations, Users: s.Users, Phones: s.Phones, Passkeys: s.Passkeys, Enrolment: s.Enrolment, Trail: s.Trail, Streams: s.Streams, Door: s.Auth,
		Directory: s.Directory, Reconciler: s.Reconcile, PublicURL: s.Config.PublicURL, Version: postern.Version(), Stories: s.Config.Stories, Log: o.Logger, Now: o.Now,
		Health: s.health,
		Bulk:   s.Bulk, Groups: s.Enrolment, Inventory: s.Inventory, Models: s.Models, Policies: s.Policies, Desktop: s.Desktop, Doctor: s.Doctor,
		Offline: s.Offline, Allowed: s.Inventory.Allowed,
	})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set(postern.VersionHeader, postern.Version())
		fmt.Fprintln(w, "ok")
	})
	mux.HandleFunc("GET /readyz", s.ready)
	mux.Handle("GET /metrics", s.metrics.handler(s.Jobs))
	mux.Handle("/api/", s.metrics.observe("api", api))
	mux.Handle(postern.PhoneAPIPath+"/", s.metrics.observe("phone", api))
	mux.Handle(postern.WorkstationAPIPath+"/", s.metrics.observe("workstation", api))
	mux.Handle("POST "+directory.NotificationPath+"{integration}", s.metrics.observe("notification", s.Directory.Notifications()))
	mux.Handle("GET "+relay.Path, s.link) // not observed: a connection of hours is no request
	app := o.App
	if app == nil {
		app = http.HandlerFunc(noApp)
	}
	mux.Handle("/app/", s.metrics.observe("app", app))
	mux.Handle("/p", s.metrics.observe("app", app))
	mux.Handle("/", s.metrics.observe("console", console))
	return rest.Edge(o.Logger, proxies)(mux), nil
}

// Handler is everything that listens, for tests that bring their own server.
func (s *Center) Handler() http.Handler { return s.handler }

// noApp answers where the phone app would be.
func noApp(w http.ResponseWriter, _ *http.Request) {
	http.Error(w, "This build of Postern has no phone app. Ask whoever runs it for a release, which has one.", http.StatusNotFound)
}

// Close ends the connections of devices and closes the database. No request may be served any more.
func (s *Center) Close() error {
	s.link.Close()
	s.watch.Close()
	s.Push.Close()
	return errors.Join(s.messaging.Close(), s.Store.Close())
}

// BackupPath is where a backup named by time goes when no path is given.
func (s *Center) BackupPath(at time.Time) string {
	return filepath.Join(s.Config.Data, "backups", "postern-"+at.UTC().Format("20060102-150405")+".backup")
}

// Listen opens the configured address.
func (s *Center) Listen(ctx context.Context) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.Config.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", s.Config.Listen, err)
	}
	return l, nil
}
