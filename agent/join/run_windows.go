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

// Read asks Windows. The program is taken from the system's own folder, not from the path.
func Read(ctx context.Context) (Status, error) {
	ctx, cancel := context.WithTimeout(ctx, runTime)
	defer cancel()
	program := filepath.Join(os.Getenv("SystemRoot"), "System32", "dsregcmd.exe")
	out, err := exec.CommandContext(ctx, program, "/status").Output() // #nosec G204 -- a program of Windows
	if err != nil {
		return Status{}, fmt.Errorf("dsregcmd: %w", err)
	}
	return Parse(out)
}
