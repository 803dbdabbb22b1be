//go:build unix

package testpg

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// BinariesVariable names the folder of initdb and postgres, for systems where they are in an unusual place.
const BinariesVariable = "POSTERN_TEST_POSTGRES"

// URL returns the URL of an empty database that is dropped at the end of the test. The test fails, with the reason and
// what to do, where PostgreSQL cannot be started.
func URL(t testing.TB) string {
	t.Helper()
	s, err := server()
	if err != nil {
		t.Fatal(err)
	}
	name := "test_" + strings.ToLower(rand.Text()[:12])
	if err := s.admin("CREATE DATABASE " + name); err != nil {
		t.Fatalf("testpg: %v", err)
	}
	t.Cleanup(func() {
		if err := s.admin("DROP DATABASE " + name + " WITH (FORCE)"); err != nil {
			t.Errorf("testpg: %v", err)
		}
	})
	return s.url(name)
}

// cluster is a running server.
type cluster struct {
	folder string
	held   *os.File // the end of the pipe that holds the server, open as long as the process lives
}

func (c cluster) url(database string) string {
	return "postgres://postgres@/" + database + "?host=" + url.QueryEscape(c.folder) + "&sslmode=disable"
}

func (c cluster) admin(statement string) error {
	db, err := sql.Open("pgx", c.url("postgres"))
	if err != nil {
		return err
	}
	defer db.Close() //nolint:errcheck // a test's connection
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	_, err = db.ExecContext(ctx, statement)
	return err
}

var server = sync.OnceValues(start)

// hold runs postgres until standard input ends, and leaves nothing behind. Its arguments are the folder and the binary.
const hold = `"$2" -D "$1/data" -k "$1" &
pid=$!
read -r _
kill -QUIT $pid
wait $pid
rm -rf "$1"`

// start makes a cluster and waits until it answers. The shell that holds it lives in a process group of its own, so that
// Ctrl-C reaches the test but not the one that cleans up after it.
func start() (cluster, error) {
	binaries, err := binaries()
	if err != nil {
		return cluster{}, err
	}
	folder, err := os.MkdirTemp(shortTemp(), "postern-pg-")
	if err != nil {
		return cluster{}, fmt.Errorf("testpg: %w", err)
	}
	owner, err := unprivileged(folder)
	if err != nil {
		return cluster{}, err
	}
	initdb := exec.CommandContext(context.Background(), filepath.Join(binaries, "initdb"), "--pgdata", filepath.Join(folder, "data"), "--username=postgres",
		"--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US", "--no-sync")
	initdb.SysProcAttr = &syscall.SysProcAttr{Credential: owner}
	initdb.Dir = folder
	if out, err := initdb.CombinedOutput(); err != nil {
		return cluster{}, fmt.Errorf("testpg: initdb: %w\n%s", err, out)
	}
	settings := "listen_addresses = ''\nfsync = off\nsynchronous_commit = off\nfull_page_writes = off\nmax_connections = 300\n" +
		"shared_buffers = 64MB\nautovacuum = off\nunix_socket_permissions = 0700\n"
	conf, err := os.OpenFile(filepath.Join(folder, "data", "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return cluster{}, fmt.Errorf("testpg: %w", err)
	}
	_, err = conf.WriteString(settings)
	if err := errors.Join(err, conf.Close()); err != nil {
		return cluster{}, fmt.Errorf("testpg: %w", err)
	}

	log, err := os.Create(filepath.Join(folder, "log"))
	if err != nil {
		return cluster{}, fmt.Errorf("testpg: %w", err)
	}
	defer log.Close()
	pipe, ours, err := os.Pipe()
	if err != nil {
		return cluster{}, fmt.Errorf("testpg: %w", err)
	}
	defer pipe.Close()
	holder := exec.CommandContext(context.Background(), "/bin/sh", "-c", hold, "sh", folder, filepath.Join(binaries, "postgres"))
	holder.Stdin, holder.Stdout, holder.Stderr = pipe, log, log
	holder.Dir = folder
	holder.SysProcAttr = &syscall.SysProcAttr{Credential: owner, Setpgid: true}
	if err := holder.Start(); err != nil {
		return cluster{}, fmt.Errorf("testpg: %w", err)
	}
	c := cluster{folder, ours}
	deadline := time.Now().Add(30 * time.Second)
	for {
		err := c.admin("SELECT 1")
		if err == nil {
			return c, nil
		}
		if time.Now().After(deadline) {
			said, _ := os.ReadFile(log.Name())
			return cluster{}, fmt.Errorf("testpg: the server does not answer: %w\n%s", err, bytes.TrimSpace(said))
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// binaries finds initdb and postgres: where the variable says, on the path, or where Debian puts the newest version.
func binaries() (string, error) {
	places := []string{}
	if named := os.Getenv(BinariesVariable); named != "" {
		places = append(places, named)
	} else {
		if found, err := exec.LookPath("initdb"); err == nil {
			places = append(places, filepath.Dir(found))
		}
		debian, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
		slices.SortFunc(debian, func(a, b string) int { return version(b) - version(a) })
		places = append(places, debian...)
	}
	for _, place := range places {
		if _, err := os.Stat(filepath.Join(place, "postgres")); err != nil {
			continue
		}
		if _, err := os.Stat(filepath.Join(place, "initdb")); err == nil {
			return place, nil
		}
	}
	return "", fmt.Errorf("testpg: PostgreSQL is not installed: there is no initdb and postgres on the path or in %s.\n"+
		"Install it (Debian: apt-get install postgresql), or set %s to the folder that holds both programs",
		strings.Join(append(places, "/usr/lib/postgresql/*/bin"), ", "), BinariesVariable)
}

// version is the 15 of /usr/lib/postgresql/15/bin.
func version(place string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(place)))
	return n
}

// unprivileged gives the folder to somebody who is not root, because PostgreSQL refuses to run as root. For anybody else
// there is nothing to do.
func unprivileged(folder string) (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			continue
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			continue
		}
		if err := os.Chown(folder, int(uid), int(gid)); err != nil {
			return nil, fmt.Errorf("testpg: %w", err)
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, fmt.Errorf("testpg: the tests run as root, as which PostgreSQL refuses to run, and there is neither a user postgres nor nobody")
}

// shortTemp is the folder for temporary files, unless a socket in it would have a longer name than systems allow.
func shortTemp() string {
	if temp := os.TempDir(); len(temp) < 60 {
		return temp
	}
	return "/tmp"
}
