package join

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// runTime bounds dsregcmd, which asks the domain when it can reach it.
const runTime = 30 * time.Second

// Read asks Windows.
func Read(ctx context.Context) (Status, error) {
	out, err := Text(ctx)
	if err != nil {
		return Status{}, err
	}
	return Parse(out)
}

// Text is what Windows prints. The program is taken from the system's own folder, not from the path.
func Text(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, runTime)
	defer cancel()
	program := filepath.Join(os.Getenv("SystemRoot"), "System32", "dsregcmd.exe")
	out, err := exec.CommandContext(ctx, program, "/status").Output() // #nosec G204 -- a program of Windows
	if err != nil {
		return nil, fmt.Errorf("dsregcmd: %w", err)
	}
	return out, nil
}
