package bulk

import (
	"context"
	"log/slog"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/backbone"
	"github.com/postern/postern/center/job"
)

// Topic is what is published on the backbone when something about a job changed.
func Topic(id postern.BulkJobID) string { return "bulk/" + string(id) }

// Sealer keeps one-time codes unreadable at rest.
type Sealer interface {
	Seal(ctx context.Context, purpose string, plaintext []byte) ([]byte, error)
	Open(ctx context.Context, purpose string, sealed []byte) ([]byte, error)
}

// Tenants is what jobs need of integrations.
type Tenants interface {
	Get(ctx context.Context, id postern.IntegrationID) (postern.Integration, error)
	// GroupMembers lists the direct members of a group that are users, at most limit of them.
	GroupMembers(ctx context.Context, id postern.IntegrationID, group string, limit int) ([]postern.DirectoryUser, error)
}

// Door says whether whoever acts in ctx has a permission.
type Door interface {
	Require(ctx context.Context, p postern.Permission) error
}

// Service is everything that can be done with bulk jobs. All fields are needed.
type Service struct {
	Store   Store
	Tenants Tenants
	Door    Door
	Sealer  Sealer
	Audit   audit.Recorder
	Queue   job.Queue
	Notices backbone.Backbone
	Logger  *slog.Logger
	Now     func() time.Time
	// May says whether somebody still has a permission that they had when they started a job; CodeForbidden if not. A job
	// is paused before its next row when its starter has it no longer. nil: nobody is asked.
	May func(ctx context.Context, who postern.Actor, p postern.Permission) error
	// MailReady says whether messages can be sent: CodeMailOff if not. nil: nobody is asked.
	MailReady func(ctx context.Context) error
	// Width is how many rows of a job are done at once by one process. 0 means 8.
	Width int

	kinds map[postern.BulkKind]kind
}

type kind struct {
	needs postern.Permission
	act   Act
}

// Register makes a kind of job possible, before anything is served. needs is what whoever starts or steers one must be
// allowed to.
func (s *Service) Register(k postern.BulkKind, needs postern.Permission, act Act) {
	if s.kinds == nil {
		s.kinds = make(map[postern.BulkKind]kind)
	}
	s.kinds[k] = kind{needs, act}
}
