package packages

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/postern/postern"
)

const (
	// wineProgram is where Debian has the 64-bit loader; the script around it asks for a 32-bit one.
	wineProgram = "/usr/lib/wine/wine64"
	wineServer  = "/usr/lib/wine/wineserver"
	// patience bounds every command and every wait.
	patience = 3 * time.Minute
	// token is the install token that no log and no registry may keep.
	token = "pit_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
)

// computer is a Windows of its own, as far as wine is one.
type computer struct {
	*testing.T
	prefix string
}

// newComputer makes one, and keeps it on until the test is over: its services end with its last program.
func newComputer(t *testing.T) *computer {
	t.Helper()
	c := &computer{T: t, prefix: filepath.Join(t.TempDir(), "wine")}
	c.run("wineboot.exe", "--init")
	t.Cleanup(func() { _ = c.server("-k") })
	// What that started still goes down: a program that came now would speak to a service manager about to end.
	if err := c.server("-w"); err != nil {
		t.Fatal(err)
	}
	library := forwarder("bcryptprimitives.dll", "ProcessPrng", "advapi32.SystemFunction036")
	if err := os.WriteFile(c.path("windows/system32/bcryptprimitives.dll"), library, 0o600); err != nil {
		t.Fatal(err)
	}
	on := c.command(context.Background(), "cmd.exe", "/q", "/k", "echo", "booted")
	stdin, err := on.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	screen, err := os.Create(filepath.Join(t.TempDir(), "screen"))
	if err != nil {
		t.Fatal(err)
	}
	on.Stdout = screen
	if err := on.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stdin.Close(); _ = on.Wait(); _ = screen.Close() })
	c.await("the computer has booted", func() bool { return bytes.Contains(read(t, screen.Name()), []byte("booted")) })
	return c
}

func (c *computer) env() []string {
	env := []string{"WINESERVER=" + wineServer, "WINEPREFIX=" + c.prefix, "WINEARCH=win64", "WINEDEBUG=-all", "WINEDLLOVERRIDES=mscoree,mshtml="}
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "USER"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return env
}

func (c *computer) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, wineProgram, args...) // #nosec G204 -- of the test's own making
	cmd.Env, cmd.WaitDelay = c.env(), time.Second
	return cmd
}

// server tells the process behind this computer's programs something, and no other computer's.
func (c *computer) server(what string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, wineServer, what) // #nosec G204 -- of the test's own making
	cmd.Env = c.env()
	return cmd.Run()
}

// run runs a program, which must succeed, and gives what it printed.
func (c *computer) run(args ...string) string {
	c.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	out, err := c.output(c.command(ctx, args...))
	if err != nil {
		c.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// output gives what a program printed. It goes through a file: services that the program started hold a pipe open.
func (c *computer) output(cmd *exec.Cmd) (string, error) {
	c.Helper()
	file, err := os.Create(filepath.Join(c.TempDir(), "out"))
	if err != nil {
		c.Fatal(err)
	}
	defer file.Close()
	cmd.Stdout = file
	failed := cmd.Run()
	out, err := os.ReadFile(file.Name())
	if err != nil {
		c.Fatal(err)
	}
	return strings.ReplaceAll(string(out), "\r", ""), failed
}

// path is where a file of drive C: lies.
func (c *computer) path(name string) string { return filepath.Join(c.prefix, "drive_c", name) }

// windowsPath is a file of this machine as the computer calls it.
func windowsPath(path string) string { return `Z:` + strings.ReplaceAll(path, "/", `\`) }

func (c *computer) isThere(name string) bool {
	_, err := os.Stat(c.path(name))
	return err == nil
}

// key lists a key of the registry; empty: there is none.
func (c *computer) key(name string) string {
	c.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	out, err := c.output(c.command(ctx, "reg", "query", name, "/s"))
	if err != nil { // so it says that there is none
		return ""
	}
	return out
}

// await waits until something is so.
func (c *computer) await(what string, so func() bool) {
	c.Helper()
	for deadline := time.Now().Add(patience); !so(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			log, _ := os.ReadFile(c.path(logFile))
			c.Fatalf("%s: not within %s. The log of the service:\n%s", what, patience, log)
		}
	}
}

const (
	program  = "Program Files/Postern/postern-agent.exe"
	state    = "ProgramData/Postern/Agent"
	logFile  = state + "/agent.log"
	service  = `HKLM\System\CurrentControlSet\Services\postern-agent`
	source   = `HKLM\System\CurrentControlSet\Services\EventLog\Application\postern-agent`
	settings = `HKLM\Software\Postern`
	products = `HKLM\Software\Microsoft\Windows\CurrentVersion\Uninstall`
)

// center is where the service should call.
func center(t *testing.T) (address string, called <-chan string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	calls := make(chan string, 100)
	server := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		select {
		case calls <- r.Method + " " + r.URL.Path + " " + string(body):
		default:
		}
		http.Error(w, "later", http.StatusServiceUnavailable)
	})}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	return "http://" + l.Addr().String(), calls
}

// TestWindows: a silent installation with the properties of the guide, a service that starts and calls, a newer version in
// its place, and nothing left of it.
func TestWindows(t *testing.T) {
	t.Parallel()
	folder1, folder2 := made(t)
	first, second := filepath.Join(folder1, "Postern-v1.0.0_x64.msi"), filepath.Join(folder2, "Postern-v1.0.1_x64.msi")
	c := newComputer(t)
	server, called := center(t)
	settingsFile := `{"format":1,"server":"https://old.example","integration_id":"int_x","application_name":"x","settings":{"local_page":"administrators","log_level":"debug"}}`
	if err := os.WriteFile(filepath.Join(filepath.Dir(first), postern.DesktopFile), []byte(settingsFile), 0o600); err != nil {
		t.Fatal(err)
	}
	c.run("msiexec", "/i", windowsPath(first), "/qn", "SERVER="+server, "INSTALLTOKEN="+token)
	if !c.isThere(program) {
		t.Fatal("the program is not there")
	}
	if got := c.key(service); !strings.Contains(got, `C:\Program Files\Postern\postern-agent.exe`) || !strings.Contains(got, "Start    REG_DWORD    0x2") {
		t.Errorf("the service is entered as %s", got)
	}
	if got := c.key(source); !strings.Contains(got, `%SystemRoot%\System32\EventCreate.exe`) {
		t.Errorf("the source of events is entered as %s", got)
	}
	c.await("the service is at work", func() bool { return c.isThere(state + "/page.json") })
	if call := next(t, called); !strings.Contains(call, token) {
		t.Errorf("the service called with %s", call)
	}
	file, err := os.ReadFile(c.path(state + "/" + postern.DesktopFile))
	if err != nil {
		t.Fatal(err)
	}
	configuration, err := postern.ReadDesktopConfiguration(file)
	if err != nil || configuration.Server != server || configuration.InstallToken != token || configuration.IntegrationID != "" || configuration.Settings.LogLevel != "debug" {
		t.Errorf("the configuration is %+v, %v", configuration, err)
	}
	c.await("the properties are taken over", func() bool { return c.key(settings) == "" })
	if log, err := os.ReadFile(c.path(logFile)); err != nil || strings.Contains(string(log), token) {
		t.Errorf("the log has the install token, or is not there: %v", err)
	}

	t.Logf("installed: %s, a service that starts with Windows and called %s, %s with the install token, settings in the registry taken over", program, server, postern.DesktopFile)

	// A newer version. Windows has the older one removed with UPGRADINGPRODUCTCODE set, which wine's RemoveExistingProducts does
	// not know; so it is removed the way Windows does it.
	before := read(t, c.path(program))
	c.run("msiexec", "/x", windowsPath(first), "/qn", "UPGRADINGPRODUCTCODE={6F9D1C1E-33B4-4B7E-9C1F-6E5B2B9D7A11}")
	if c.isThere(program) {
		t.Error("the older program is still there")
	}
	c.run("msiexec", "/i", windowsPath(second), "/qn")
	if bytes.Equal(before, read(t, c.path(program))) {
		t.Error("the program is the old one")
	}
	if n := strings.Count(c.key(products), "Postern Desktop Client"); n != 1 {
		t.Errorf("%d versions are installed", n)
	}
	if !c.isThere(state+"/agent.key") || !c.isThere(state+"/"+postern.DesktopFile) {
		t.Error("the state did not stay")
	}
	drain(called)
	if call := next(t, called); !strings.Contains(call, token) {
		t.Errorf("the newer service called with %s", call)
	}

	t.Logf("upgraded: another program, the state stayed, the service called")

	c.run("msiexec", "/x", windowsPath(second), "/qn")
	for _, name := range []string{service, source, settings} {
		if got := c.key(name); got != "" {
			t.Errorf("left in the registry: %s", got)
		}
	}
	if got := c.key(products); strings.Contains(got, "Postern") {
		t.Errorf("left among the programs: %s", got)
	}
	for _, folder := range []string{"Program Files", "ProgramData", "users"} {
		err := filepath.WalkDir(c.path(folder), func(path string, _ fs.DirEntry, err error) error {
			if err == nil && strings.Contains(strings.ToLower(filepath.Base(path)), "postern") {
				t.Errorf("left is %s", path)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}

	t.Logf("uninstalled: no file, no service, no source of events, no settings left")

	c.run("msiexec", "/i", windowsPath(second), "/qn", "SERVER="+server)
	c.await("the service is at work again", func() bool { return c.isThere(state + "/page.json") })
	c.run("msiexec", "/x", windowsPath(second), "/qn", "KEEPSTATE=1")
	if c.isThere(program) || !c.isThere(state+"/"+postern.DesktopFile) {
		t.Error("with KEEPSTATE=1 the program is there, or the state is not")
	}
	t.Logf("uninstalled with KEEPSTATE=1: the state stayed")
}

// next is the next call of the service.
func next(t *testing.T, calls <-chan string) string {
	t.Helper()
	select {
	case call := <-calls:
		return call
	case <-time.After(patience):
		t.Fatalf("the service did not call within %s", patience)
		return ""
	}
}

func drain(calls <-chan string) {
	for {
		select {
		case <-calls:
		default:
			return
		}
	}
}
