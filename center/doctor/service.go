package doctor

import (
	"context"
	"crypto/x509"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/postern/postern"
)

// examineWithin bounds one examination.
const examineWithin = 90 * time.Second

// Service examines. All fields are needed but those that say otherwise.
type Service struct {
	Setup Setup
	Now   func() time.Time

	Database       DatabaseKeeper
	Jobs           Jobs
	Mail           Mail
	Push           Push
	Trail          Trail
	Streams        Streams
	Administrators Administrators
	Integrations   Integrations
	Directory      Directory
	Inventory      Inventory
	Policies       Policies

	CAs       *x509.CertPool // whom to trust as Entra and Graph; nil: the system's
	PublicCAs *x509.CertPool // at the public address
	PushCAs   *x509.CertPool
	PushProxy *url.URL // nil: none of its own
	// Dial opens a WebSocket of the relay below the public address, and closes it. nil: the relay is not looked at.
	Dial func(ctx context.Context, publicURL string) error
	// Offline reports whether the workstations of an integration may sign in offline.
	Offline func(ctx context.Context, id postern.IntegrationID) (bool, error)
	// Disk reads the file system of a path; nil: the system is asked.
	Disk func(path string) (Disk, error)
	// Replicas reports whether replicas are joined; nil: there is one process.
	Replicas func() bool

	mu   sync.Mutex
	last map[string]*examination // by integration; the server's by ""
}

// Server examines this control center. With names only these checks are in the report; a name that is none is an error.
func (s *Service) Server(ctx context.Context, checks ...string) (postern.DoctorReport, error) {
	if _, err := only(nil, postern.DoctorServerChecks, checks); err != nil {
		return postern.DoctorReport{}, err
	}
	return s.beginServer(ctx).wait(ctx, postern.DoctorServerChecks, checks)
}

// Tenant examines an integration and its tenant.
func (s *Service) Tenant(ctx context.Context, id postern.IntegrationID, checks ...string) (postern.DoctorReport, error) {
	if _, err := only(nil, postern.DoctorTenantChecks, checks); err != nil {
		return postern.DoctorReport{}, err
	}
	return s.beginTenant(ctx, id).wait(ctx, postern.DoctorTenantChecks, checks)
}

// kept is for how long the last report answers [Service.Follow].
const kept = time.Minute

// What an examination looks at, as it tells while it is under way.
var (
	serverLooks = []string{"authority", "graph", "public_url", "push", "mail", "database"}
	tenantLooks = []string{"integration", "token", "tenant", "licences", "credential", "policy", "windows", "groups"}
)

// Progress is how far an examination is.
type Progress struct {
	Report *postern.DoctorReport // once it is done
	Looks  []string              // what is looked at
	Done   []string              // what of it was looked at
}

// Follow begins an examination of an integration, or of the server if id is empty, unless one is under way or, without
// anew, was done just now; and says how far it is. It does not wait.
func (s *Service) Follow(ctx context.Context, id postern.IntegrationID, anew bool) (Progress, error) {
	looks := tenantLooks
	begin := func() *examination { return s.beginTenant(ctx, id) }
	if id == "" {
		looks, begin = serverLooks, func() *examination { return s.beginServer(ctx) }
	}
	s.mu.Lock()
	e := s.last[string(id)]
	s.mu.Unlock()
	if e == nil || e.over() && (anew || s.Now().Sub(e.ended) > kept) {
		e = begin()
	}
	s.mu.Lock()
	p := Progress{Looks: looks, Done: slices.Clone(e.looked)}
	s.mu.Unlock()
	if !e.over() {
		return p, nil
	}
	if e.err != nil {
		return p, e.err
	}
	p.Report = &e.report
	return p, nil
}

// examination is one that is under way or over. Whoever asks while it is under way gets the same one.
type examination struct {
	done   chan struct{}
	looked []string // guarded by the service's lock
	ended  time.Time
	report postern.DoctorReport
	err    error
}

func (e *examination) over() bool {
	select {
	case <-e.done:
		return true
	default:
		return false
	}
}

type looking func(ctx context.Context, said func(string)) (subject string, findings []postern.Finding, err error)

func (s *Service) beginServer(ctx context.Context) *examination {
	return s.begin(ctx, "", func(ctx context.Context, said func(string)) (string, []postern.Finding, error) {
		return s.Setup.PublicURL, JudgeServer(s.server(ctx, said)), nil
	})
}

func (s *Service) beginTenant(ctx context.Context, id postern.IntegrationID) *examination {
	return s.begin(ctx, string(id), func(ctx context.Context, said func(string)) (string, []postern.Finding, error) {
		f, err := s.tenant(ctx, id, said)
		return f.Integration.ApplicationName, JudgeTenant(f), err
	})
}

// begin starts an examination, or returns the one that is under way. Whoever asked first may go away; the others still
// want the answer.
func (s *Service) begin(ctx context.Context, subject string, do looking) *examination {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.last[subject]; e != nil && !e.over() {
		return e
	}
	e := &examination{done: make(chan struct{})}
	if s.last == nil {
		s.last = make(map[string]*examination)
	}
	s.last[subject] = e
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), examineWithin)
		defer cancel()
		name, findings, err := do(ctx, func(what string) {
			s.mu.Lock()
			defer s.mu.Unlock()
			e.looked = append(e.looked, what)
		})
		e.ended = s.Now().UTC()
		e.report, e.err = postern.NewDoctorReport(e.ended, name, findings), err
		if postern.IsCode(err, postern.CodeNotFound) { // what is not there is not remembered
			s.mu.Lock()
			delete(s.last, subject)
			s.mu.Unlock()
		}
		close(e.done)
	}()
	return e
}

// wait returns the report of an examination, or those of its findings that are wanted.
func (e *examination) wait(ctx context.Context, known, wanted []string) (postern.DoctorReport, error) {
	select {
	case <-ctx.Done():
		return postern.DoctorReport{}, ctx.Err()
	case <-e.done:
	}
	if e.err != nil {
		return postern.DoctorReport{}, e.err
	}
	findings, err := only(slices.Clone(e.report.Findings), known, wanted)
	return postern.NewDoctorReport(e.report.At, e.report.Subject, findings), err
}
