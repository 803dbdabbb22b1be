package model_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/postern/postern"
	"github.com/postern/postern/center/job/jobtest"
)

// world is one sequence under way.
type world struct {
	t        testing.TB
	ctx      context.Context
	lab      *lab
	wire     *wire
	crash    *crasher
	mutant   *mutant
	database string
	log      bytes.Buffer
	*center

	tenant, domain string
	token          string // of the tiny client
	levered        bool   // Entra is slow to replicate
	integration    postern.IntegrationID
	model
}

// newWorld connects a fresh control center to a fresh tenant with people in it.
func newWorld(t testing.TB, l *lab, m *mutant) (*world, error) {
	w := &world{t: t, ctx: postern.WithActor(t.Context(), administrator), lab: l, crash: &crasher{}, mutant: m, model: emptyModel()}
	w.wire = &wire{lab: l, crash: w.crash}
	w.wire.asked = w.creationOptions
	w.wire.secret = func(text string) { w.overheard = append(w.overheard, text) }
	if m != nil {
		w.wire.lies = m.lies
	}
	tenant, client, secret, domain, err := l.tenant()
	if err != nil {
		return nil, err
	}
	w.tenant, w.domain = tenant, domain
	w.secrets = append(w.secrets, secret)
	w.database = filepath.Join(l.folder, "sequence.db")
	if err := w.remove(); err != nil {
		return nil, err
	}
	if err := os.WriteFile(w.database, l.template, 0o600); err != nil {
		return nil, err
	}
	l.sink.reset()
	if err := w.signIn(client, secret); err != nil {
		return nil, err
	}
	if err := w.populate(); err != nil {
		return nil, err
	}
	if err := w.open(); err != nil {
		return nil, err
	}
	i, err := w.integrations.Add(w.ctx, postern.IntegrationInput{
		ApplicationName: applicationName, TenantID: tenant, ClientID: client, ClientSecret: secret, AllowLowAssurance: true,
	})
	if err != nil {
		return nil, err
	}
	w.integration = i.ID
	if _, err = w.integrations.SetState(w.ctx, i.ID, i.Version, postern.StateEnabled); err != nil {
		return nil, err
	}
	_, err = w.mail.SetSettings(w.ctx, postern.MailSettingsInput{MailSettings: postern.MailSettings{
		Host: "127.0.0.1", Port: l.sink.port(), Security: postern.MailPlain, From: "passkeys@contoso.com", Organisation: "Contoso", PerMinute: 6000,
	}})
	return w, err
}

const applicationName = "Postern"

var administrator = postern.Actor{Kind: postern.ActorAdministrator, ID: "adm_model", Name: "Ada"}

func (w *world) remove() error {
	var all error
	for _, end := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(w.database + end); err != nil && !errors.Is(err, os.ErrNotExist) {
			all = errors.Join(all, err)
		}
	}
	return all
}

func (w *world) close() {
	if w.center != nil {
		_ = w.store.Close()
		w.center = nil
	}
	_ = w.remove()
}

// restart is the end of a process and the beginning of the next.
func (w *world) restart() error {
	if err := w.store.Close(); err != nil {
		return err
	}
	w.crash.left = 0
	return w.open()
}

// dies reports whether the control center was killed in do.
func (w *world) dies(do func()) (died bool) {
	defer func() {
		if cause := recover(); cause != nil {
			var crash jobtest.Crash
			if c, ok := cause.(jobtest.Crash); ok {
				crash = c
			} else if p, ok := cause.(error); !ok || !errors.As(p, &crash) {
				panic(cause)
			}
			died = true
			w.deaths++
		}
	}()
	do()
	return false
}
