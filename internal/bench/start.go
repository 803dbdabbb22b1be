package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/postern/postern/internal/testport"
)

// bareServer is the argument with which this program runs as the baseline: a server that does nothing.
const bareServer = "bare-server"

// serveBare answers every request with a word, on the address in the environment.
func serveBare() {
	server := http.Server{
		Addr: os.Getenv("BENCH_LISTEN"), ReadHeaderTimeout: time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ready") }),
	}
	_ = server.ListenAndServe()
}

// starts is how often each start is measured; the median counts.
const starts = 5

// measureStart times from the start of the process to the first "ready", and looks at its memory when idle.
func measureStart(ctx context.Context) ([]figure, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "bench-start-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	var bare, fresh, again []started
	for n := range starts {
		address, err := testport.Reserve(ctx, "tcp")
		if err != nil {
			return nil, err
		}
		one, err := startAndStop(ctx, address, []string{"BENCH_LISTEN=" + address}, self, bareServer)
		if err != nil {
			return nil, err
		}
		bare = append(bare, one)
		env := []string{"POSTERN_LISTEN=" + address, "POSTERN_DATA=" + filepath.Join(dir, strconv.Itoa(n))}
		for _, into := range []*[]started{&fresh, &again} {
			one, err := startAndStop(ctx, address, env, filepath.Join("bin", "postern"), "serve")
			if err != nil {
				return nil, err
			}
			*into = append(*into, one)
		}
	}
	base := median(bare)
	return []figure{
		{Name: "start.first", Value: median(fresh).took.Seconds(), Unit: "s", Baseline: base.took.Seconds(), Against: "a bare net/http server"},
		{Name: "start.again", Value: median(again).took.Seconds(), Unit: "s", Baseline: base.took.Seconds(), Against: "a bare net/http server"},
		{Name: "idle.memory", Value: median(again).megabytes, Unit: "MB", Baseline: base.megabytes, Against: "a bare net/http server"},
	}, nil
}

type started struct {
	took      time.Duration
	megabytes float64
}

func median(all []started) started {
	took := make([]time.Duration, len(all))
	memory := make([]float64, len(all))
	for n, s := range all {
		took[n], memory[n] = s.took, s.megabytes
	}
	slices.Sort(took)
	slices.Sort(memory)
	return started{took[len(took)/2], memory[len(memory)/2]}
}

// idleAfter is when a started server counts as idle.
const idleAfter = time.Second

func startAndStop(ctx context.Context, address string, env []string, program string, args ...string) (started, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		return started{}, err
	}
	defer func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	}()
	for !ready(ctx, address) {
		if time.Since(begin) > time.Minute || ctx.Err() != nil {
			return started{}, errors.New("the server does not become ready")
		}
		time.Sleep(time.Millisecond)
	}
	s := started{took: time.Since(begin)}
	select {
	case <-ctx.Done():
	case <-time.After(idleAfter):
	}
	var err error
	s.megabytes, err = residentMegabytes(cmd.Process.Pid)
	return s, err
}

func ready(ctx context.Context, address string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/readyz", nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// residentMegabytes reads VmRSS, in units of 10^6 bytes.
func residentMegabytes(pid int) (float64, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for scanner := bufio.NewScanner(f); scanner.Scan(); {
		if rest, ok := strings.CutPrefix(scanner.Text(), "VmRSS:"); ok {
			kib, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kib * 1024 / 1e6, err
		}
	}
	return 0, errors.New("no VmRSS")
}
