package doctor

import (
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/entra"
	"github.com/postern/postern/center/job"
	"github.com/postern/postern/center/push"
)

// Server is what was seen of a control center.
type Server struct {
	Now   time.Time
	Setup Setup

	Authority, Graph, Public Way
	Push                     []Way // services that wake phones
	Relay                    Relay
	Listener                 Listener

	Database    Database
	DatabaseErr error
	Disks       []Disk
	Jobs        job.Troubles
	JobsErr     error

	Replicas *bool // whether NATS joins them; nil: this process is the only one

	Mail         postern.MailSettings
	MailErr      error // of a conversation with the server
	MailSettings error
	MailFailures []Failures

	Waking    push.Condition
	WakingErr error

	Trail      audit.Coverage
	TrailErr   error
	Streams    []postern.AuditStream
	StreamsErr error

	Key     KeyFile
	Backups Backups

	Administrators    []postern.Administrator
	AdministratorsErr error
}

// Setup is how a control center is configured, as far as it is looked at.
type Setup struct {
	PublicURL      string
	Authority      string
	Graph          string
	Data           string
	KeyFile        string
	TLSCertificate string
	TLSKey         string
	LogLevel       string
	Version        string
	Stories        bool
}

// Way is the way to a service. An error is a text; "" is none.
type Way struct {
	URL, Host string
	Proxy     string // by which it is reached, without its password
	DNS, TCP  string
	TLS       string
	HTTP      string // something answered, but not what should
	Expires   time.Time
	// Ahead is how far the service's clock is ahead of ours; nil if it does not say.
	Ahead *time.Duration
}

// broken is the first thing that is wrong with the way.
func (w Way) broken() string {
	for _, problem := range []string{w.DNS, w.TCP, w.TLS, w.HTTP} {
		if problem != "" {
			return problem
		}
	}
	return ""
}

// Relay is the way of devices: a WebSocket at the public address.
type Relay struct {
	Looked bool
	Err    string
}

// Listener is the certificate that this process shows by itself.
type Listener struct {
	Own     bool // a certificate is configured
	Err     string
	Names   []string
	Covers  bool // the host of the public address
	Expires time.Time
}

// Database is how a database stands.
type Database struct {
	Kind    string // sqlite or postgres
	Version string
	Major   int // of PostgreSQL
	Path    string
	Size    int64
	Schema  int64 // the last migration that was applied
	Newest  int64 // the last one this program has

	ReadOnly bool           // a standby
	Replicas int            // that follow it
	Lag      time.Duration  // of the one that is furthest behind, as far as it may be seen
	Ahead    *time.Duration // its clock before ours; nil where it has none of its own
}

// Disk is a file system.
type Disk struct {
	Path        string
	Free, Total uint64
}

// Failures are failures of one kind.
type Failures struct {
	Code    string
	Message string
	Next    string
	Count   int
}

// KeyFile is the file with the key that seals secrets.
type KeyFile struct {
	Path   string
	Err    string
	Open   bool // others than its owner may read it
	Beside bool // it lies where backups lie
}

// Backups are the archives in the usual folder.
type Backups struct {
	Folder string
	Count  int
	Last   time.Time
	Err    string
}

// Tenant is what was seen of an integration and its tenant. What rests on a token is absent without one.
type Tenant struct {
	Now         time.Time
	Integration postern.Integration
	AdminCenter string // address of the Microsoft Entra admin center
	Intune      string // address of the Microsoft Intune admin center
	Kind        string // of permissions: application or delegated

	Offline bool // workstations may sign in offline

	Token Problem // the connector's refusal, if no token could be bought or no call be made
	Test  postern.ConnectionTest

	Organization Answer[entra.Organization]
	Licences     Answer[[]entra.Licence]
	Policy       Answer[Policy]
	Devices      Answer[[]entra.DeviceSetting]
	Own          Answer[entra.OwnCredential]
	Groups       []GroupState
	Account      *Answer[postern.DirectoryUser] // of the service account; nil where there is none

	Directory    Answer[postern.DirectoryStatus]
	Inventory    Answer[postern.InventoryStatus]
	Summary      Answer[postern.InventorySummary]
	Drift        Answer[postern.PolicyDrift]
	Provisioning Answer[[]Failures]
	Privileged   Answer[[]postern.DirectoryUser]
}

// Policy is a tenant's policy and what people should know of it.
type Policy struct {
	postern.TenantPolicy
	Notes []postern.PolicyNote
}

// Problem is why something could not be had. The zero value is none.
type Problem struct {
	Code    postern.Code
	Message string
	Next    string
}

// Answer is what was asked for, or why it could not be had.
type Answer[T any] struct {
	Asked   bool
	Value   T
	Missing []string // permissions any one of which would do; then it was not asked
	Problem Problem
}

// ok reports whether there is a value.
func (a Answer[T]) ok() bool { return a.Asked && a.Problem == Problem{} && len(a.Missing) == 0 }

// GroupState is one of the three groups as Entra has it.
type GroupState struct {
	postern.PhaseGroup
	Gone    bool
	Dynamic bool   // its members follow a rule
	Synced  bool   // it comes from on premises
	Now     string // its name in Entra
	Refused Problem
}
