//go:build !windows

package page

import (
	"fmt"
	"os"
	"os/user"
	"strconv"
)

// share lets the members of a group read a file.
func share(path, group string) error {
	if group == "" {
		return nil
	}
	g, err := user.LookupGroup(group)
	if err != nil {
		return fmt.Errorf("who may open the local page: %w", err)
	}
	id, err := strconv.Atoi(g.Gid)
	if err != nil {
		return err
	}
	if err := os.Chown(path, -1, id); err != nil {
		return fmt.Errorf("who may open the local page: %w", err)
	}
	return os.Chmod(path, 0o640) // #nosec G302 -- that is what was asked for
}
