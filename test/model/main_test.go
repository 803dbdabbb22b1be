package model_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// stepsOfSequence is how many acts a sequence has.
const stepsOfSequence = 50

// shownFailures is how many failing sequences a run shrinks before it stops.
const shownFailures = 3

var replayFile = flag.String("replay", "", "a sequence to play in TestReplay, as a failing run printed it")

// tally counts over all sequences of a run.
type tally struct {
	mu                                     sync.Mutex
	sequences, steps, faults, disagreement int
}

var total tally

// add counts a sequence and reports whether enough have failed.
func (n *tally) add(steps int, out outcome) (enough bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.sequences++
	n.steps += steps
	n.faults += out.faults
	if len(out.disagrees) > 0 {
		n.disagreement++
	}
	return n.disagreement >= shownFailures
}

func (n *tally) failed() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.disagreement >= shownFailures
}

// TestMain closes with what was played, as the last line.
func TestMain(m *testing.M) {
	code := m.Run()
	if total.sequences > 0 {
		fmt.Printf("sequences %d, steps %d, faults %d, disagreements %d\n", total.sequences, total.steps, total.faults, total.disagreement)
	}
	os.Exit(code)
}

func setting(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		t.Fatalf("%s is a number: %v", name, err)
	}
	return n
}

// TestModel plays random sequences and holds everybody's account against everybody else's after each. SEQUENCES says how
// many, SEED where they begin.
func TestModel(t *testing.T) {
	sequences, seed := setting(t, "SEQUENCES", 50), setting(t, "SEED", 1)
	workers := uint64(runtime.GOMAXPROCS(0))
	for worker := range min(workers, sequences) {
		t.Run(fmt.Sprint("part", worker+1), func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			for n := worker; n < sequences && !total.failed(); n += workers {
				acts := generate(seed+n, stepsOfSequence)
				out, err := play(t, l, nil, acts)
				if err != nil {
					t.Fatalf("sequence %d: %v", seed+n, err)
				}
				total.add(len(acts), out)
				if len(out.disagrees) > 0 {
					report(t, l, fmt.Sprintf("sequence %d", seed+n), acts, out)
				}
			}
		})
	}
}

// report shrinks a failing sequence and prints it.
func report(t *testing.T, l *lab, name string, acts []act, out outcome) {
	t.Helper()
	least, said := shrink(acts, func(acts []act) []string { return fails(t, l, nil, acts, 1) })
	if len(said) == 0 {
		least, said = acts, out.disagrees
	}
	text := written(name, least, said)
	t.Errorf("%s does not agree:\n\t%s\nSave what follows as FILE, and play it with go test ./test/model -run TestReplay -replay FILE\n\n%s",
		name, strings.Join(said, "\n\t"), text)
	if folder := os.Getenv("POSTERN_ARTIFACTS"); folder != "" {
		_ = os.MkdirAll(folder, 0o755)
		file := filepath.Join(folder, "model-"+strings.ReplaceAll(name, " ", "-")+".txt")
		if err := os.WriteFile(file, []byte(text), 0o644); err == nil {
			t.Log("written to", file)
		}
	}
}

// fails plays a sequence and returns what did not agree. The service chooses ids at random, so what depends on their
// order may take several tries to show.
func fails(t testing.TB, l *lab, m *mutant, acts []act, tries int) []string {
	for range tries {
		out, err := play(t, l, m, acts)
		if err != nil {
			return nil // not a sequence of this model
		}
		if len(out.disagrees) > 0 {
			return out.disagrees
		}
	}
	return nil
}

// TestReplay plays the sequences that once did not agree, and the one of -replay.
func TestReplay(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	if *replayFile != "" {
		files = []string{*replayFile}
	}
	l := newLab(t)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			acts, err := readActs(string(text))
			if err != nil {
				t.Fatal(err)
			}
			for range 3 {
				out, err := play(t, l, nil, acts)
				if err != nil {
					t.Fatal(err)
				}
				for _, d := range out.disagrees {
					t.Error(d)
				}
			}
		})
	}
}
