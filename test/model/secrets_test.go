package model_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
)

// readEverything fetches what secrets are left to be told, so that it is known what must not be found.
func (w *world) readEverything() error {
	jobs, err := w.bulkJobs()
	if err != nil {
		return err
	}
	for _, j := range jobs {
		if err := w.refusal(w.readCodes(j.ID)); err != nil {
			return err
		}
	}
	letters, _ := w.lab.sink.taken()
	for _, l := range letters {
		if code := codeInText.FindString(l.text); code != "" {
			w.secrets = append(w.secrets, code)
		}
	}
	return nil
}

// agreeNoSecrets looks for codes, challenges, tokens and the client secret where they must not be: in what people read,
// and codes and secrets even in the file of the database, where nothing is that was not sealed or hashed.
func (w *world) agreeNoSecrets(b books) error {
	events, err := json.Marshal(b.events)
	if err != nil {
		return fmt.Errorf("the trail cannot be written out: %w", err)
	}
	differences, err := json.Marshal(b.differences)
	if err != nil {
		return fmt.Errorf("the differences cannot be written out: %w", err)
	}
	outbox, err := w.outboxText()
	if err != nil {
		return err
	}
	results, err := w.bulkResults()
	if err != nil {
		return err
	}
	waiting, err := w.queue.Waiting(w.ctx)
	if err != nil {
		return err
	}
	jobs, err := json.Marshal(waiting)
	if err != nil {
		return fmt.Errorf("the jobs cannot be written out: %w", err)
	}
	texts := map[string][]byte{
		"the audit trail": events, "the differences": differences, "the outbox": []byte(outbox), "the results of bulk jobs": results,
		"the jobs that wait": jobs, "the log": w.log.Bytes(),
	}
	secrets := append([]string{w.token}, w.secrets...)
	for where, text := range texts {
		for _, s := range append(secrets, w.overheard...) {
			if bytes.Contains(text, []byte(s)) {
				w.disagree("a secret stands in %s", where)
				break
			}
		}
	}
	for _, end := range []string{"", "-wal"} {
		raw, err := os.ReadFile(w.database + end)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		for _, s := range secrets {
			if bytes.Contains(raw, []byte(s)) || bytes.Contains(raw, []byte(strings.ReplaceAll(s, "-", ""))) {
				w.disagree("a secret stands in the database")
				break
			}
		}
	}
	return nil
}

// bulkResults are the results of all bulk jobs, as people fetch them.
func (w *world) bulkResults() ([]byte, error) {
	jobs, err := w.bulkJobs()
	var all bytes.Buffer
	for _, j := range jobs {
		raw, err := json.Marshal(j)
		if err != nil {
			return nil, err
		}
		all.Write(raw)
		if err := w.bulk.Results(w.ctx, j.ID, &all); err != nil {
			return nil, err
		}
	}
	return all.Bytes(), err
}
