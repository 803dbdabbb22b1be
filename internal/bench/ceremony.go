package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/postern/postern/internal/bench/core"
)

// figuresOf makes three lines of a pair: what one costs, how many a second, and what it allocates.
func figuresOf(group string, p core.Pair) []figure {
	name := group + "." + p.Name
	perSecond := func(seconds float64) float64 { return 1 / seconds }
	return []figure{
		{Name: name, Value: p.Ours.Seconds() * 1e6, Unit: "µs", Baseline: p.Bare.Seconds() * 1e6, Against: p.Against},
		{Name: name + ".rate", Value: perSecond(p.Ours.Seconds()), Unit: "1/s", Baseline: perSecond(p.Bare.Seconds()), Against: p.Against},
		{Name: name + ".allocs", Value: p.OursAllocs, Unit: "allocations", Baseline: p.BareAllocs, Against: p.Against},
	}
}

func measureCeremonies(context.Context) (figures []figure, err error) {
	pairs, err := core.Ceremonies()
	for _, p := range pairs {
		figures = append(figures, figuresOf("core", p)...)
	}
	return figures, err
}

func measureLookups(context.Context) (figures []figure, err error) {
	pairs, err := core.Lookups(10, 1000, 10000)
	for _, p := range pairs {
		figures = append(figures, figuresOf("store", p)[0])
	}
	return figures, err
}

// measureWebAssembly does the ceremonies in Node, whose engine is that of Chromium.
func measureWebAssembly(ctx context.Context) (figures []figure, err error) {
	dir, err := os.MkdirTemp("", "bench-wasm-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	program := filepath.Join(dir, "core.wasm")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, "./internal/bench/corewasm")
	build.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build for WebAssembly: %w: %s", err, out)
	}
	root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return nil, err
	}
	loader := filepath.Join(strings.TrimSpace(string(root)), "lib", "wasm", "wasm_exec_node.js")
	run := exec.CommandContext(ctx, "node", "--stack-size=8192", loader, program)
	// Node's loader hands the whole environment over, and Go takes no more than a few kilobytes of it.
	run.Env = []string{"PATH=" + os.Getenv("PATH")}
	var complaint bytes.Buffer
	run.Stderr = &complaint
	out, err := run.Output()
	if err != nil {
		return nil, fmt.Errorf("node: %w: %s", err, complaint.String())
	}
	var pairs []core.Pair
	if err := json.Unmarshal(out, &pairs); err != nil {
		return nil, fmt.Errorf("node printed %q: %w", out, err)
	}
	for _, p := range pairs {
		figures = append(figures, figuresOf("wasm", p)...)
	}
	return figures, nil
}
