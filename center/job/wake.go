package job

import (
	"context"
	"database/sql"
	"time"

	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/riverdriver/riversqlite"
)

// River's drivers for database/sql cannot listen for notifications, so by themselves they look for jobs at intervals
// only. The driver below gives River a listener of our own: what this process commits is announced to it at once. Jobs of
// other processes, and those that wait for a time, are found at the poll interval.

type wakingDriver struct {
	riverdriver.Driver[*sql.Tx]
	listener *listener
}

func newDriver(db *sql.DB, dialect string) *wakingDriver {
	var driver riverdriver.Driver[*sql.Tx] = riversqlite.New(db)
	if dialect == postgres {
		driver = riverdatabasesql.New(db)
	}
	// One slot per queue: a second announcement of a queue says nothing that the first does not.
	return &wakingDriver{Driver: driver, listener: &listener{
		pending: map[string]chan struct{}{queueInteractive: make(chan struct{}, 1), queueBulk: make(chan struct{}, 1)},
	}}
}

func (d *wakingDriver) SupportsListener() bool { return true }

func (d *wakingDriver) GetListener(*riverdriver.GetListenenerParams) riverdriver.Listener {
	return d.listener
}

// listener implements riverdriver.Listener within the process.
type listener struct {
	pending map[string]chan struct{}
}

// wake announces that there is work in a queue.
func (l *listener) wake(queue string) {
	select {
	case l.pending[queue] <- struct{}{}:
	default:
	}
}

// wakeAfter announces that there will be work.
func (l *listener) wakeAfter(queue string, d time.Duration) {
	if d <= 0 {
		l.wake(queue)
		return
	}
	time.AfterFunc(d, func() { l.wake(queue) })
}

// topicInsert and the payload are River's; see insertPayload in its producer.
const topicInsert = "river_insert"

func (l *listener) WaitForNotification(ctx context.Context) (*riverdriver.Notification, error) {
	queue := queueInteractive
	select {
	case <-l.pending[queueInteractive]:
	case <-l.pending[queueBulk]:
		queue = queueBulk
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return &riverdriver.Notification{Topic: topicInsert, Payload: `{"queue":"` + queue + `"}`}, nil
}

func (l *listener) Close(context.Context) error            { return nil }
func (l *listener) Connect(context.Context) error          { return nil }
func (l *listener) Listen(context.Context, string) error   { return nil }
func (l *listener) Unlisten(context.Context, string) error { return nil }
func (l *listener) Ping(context.Context) error             { return nil }
func (l *listener) Schema() string                         { return "" }
func (l *listener) SetAfterConnectExec(string)             {}
