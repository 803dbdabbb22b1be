package main

import (
	"context"
	"fmt"
	"strings"
)

// sitDown has the guest set up a desk, and returns the device of the key that the phone there is.
func sitDown(ctx context.Context, m *machine) (device string, getUp func(context.Context) (string, error), err error) {
	getUp = func(ctx context.Context) (string, error) { return m.run(ctx, "sh /job/guest/desk stop") }
	out, err := m.run(ctx, "sh /job/guest/desk start")
	if err != nil {
		said, _ := getUp(ctx) // the first error is the one to tell
		return "", nil, fmt.Errorf("setting up the desk: %w\n%s%s", err, out, said)
	}
	lines := strings.Fields(out)
	return lines[len(lines)-1], getUp, nil
}
