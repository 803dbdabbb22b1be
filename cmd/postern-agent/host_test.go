package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/postern/postern/agent/machine"
)

// pages is a journal that keeps what is written.
type pages []string

func (p *pages) write(kind string, id uint32, text string) error {
	*p = append(*p, fmt.Sprintf("%s %d %s", kind, id, text))
	return nil
}
func (p *pages) Info(id uint32, text string) error    { return p.write("info", id, text) }
func (p *pages) Warning(id uint32, text string) error { return p.write("warning", id, text) }
func (p *pages) Error(id uint32, text string) error   { return p.write("error", id, text) }

// TestJournal: warnings and errors reach the event log with their details, whatever the level of the log.
func TestJournal(t *testing.T) {
	var kept pages
	var file bytes.Buffer
	h := &host{journal: &kept}
	log := h.logger(slog.NewTextHandler(&file, &slog.HandlerOptions{Level: slog.LevelError}))
	log.Info("nothing to see")
	log.With("phone", "p1").WithGroup("key").Warn("not plugged in", "error", errors.New("no driver"))
	log.Error("zero \x00 inside")
	want := []string{"warning 100 not plugged in\r\nphone=p1 key.error=\"no driver\"", "error 200 zero  inside"}
	if !slices.Equal(kept, want) {
		t.Errorf("the journal has %q, want %q", []string(kept), want)
	}
	if strings.Contains(file.String(), "plugged") || !strings.Contains(file.String(), "zero") {
		t.Errorf("the log has %s", file.String())
	}
	if s := eventText(strings.Repeat("ä", maxEvent)); len(s) > maxEvent+len("…") || !strings.HasSuffix(s, "ä…") {
		t.Errorf("a long event has %d bytes", len(s))
	}
	var plain bytes.Buffer
	new(host).logger(slog.NewTextHandler(&plain, nil)).Warn("no journal")
	if !strings.Contains(plain.String(), "no journal") {
		t.Error(plain.String())
	}
}

// TestLastWords: the end of what a program wrote is kept, and everything goes on.
func TestLastWords(t *testing.T) {
	var all bytes.Buffer
	l := &lastWords{to: &all}
	for range 1000 {
		fmt.Fprintln(l, "a line of the log")
	}
	fmt.Fprintln(l, "why it stopped")
	if s := l.String(); len(s) > maxEvent/4 || !strings.HasSuffix(s, "why it stopped") || all.Len() < 18000 {
		t.Errorf("%d bytes kept of %d: %q", len(s), all.Len(), s)
	}
}

type heard []machine.Event

func (h *heard) Machine(_ context.Context, e machine.Event) { *h = append(*h, e) }

// TestEventsReachTheAgent while it is there.
func TestEventsReachTheAgent(t *testing.T) {
	var h host
	var a heard
	h.tell(t.Context(), machine.Suspend)
	end := h.listens(&a)
	h.tell(t.Context(), machine.Suspend)
	h.tell(t.Context(), machine.Unknown)
	h.tell(t.Context(), machine.Resume)
	end()
	h.tell(t.Context(), machine.Lock)
	if want := (heard{machine.Suspend, machine.Resume}); !slices.Equal(a, want) {
		t.Errorf("heard %v, want %v", a, want)
	}
}
