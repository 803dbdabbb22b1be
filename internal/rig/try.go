package main

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/postern/postern/entrasim"
)

// rig is one run: a guest that is there when it is needed, and the tenant.
type rig struct {
	cache    string
	programs map[string]string // paths, by name
	verbose  bool
	guest    *machine
	tenant   *entrasim.Running
	center   *center
}

// plugTime bounds plugging in and out. An agent is enrolled and paired before, and plugs its key in twice.
const plugTime = 3 * time.Minute

// try lets a client use a fresh key, prints its line, and what was printed if it failed.
func (r *rig) try(ctx context.Context, c client) bool {
	start := time.Now()
	printed, err := r.use(ctx, c)
	did := milestones(printed)
	verdict := "ok"
	if err != nil {
		verdict, did = "FAIL", err.Error()
	}
	fmt.Printf("%-4s %-22s %6.1f s  %s\n", verdict, c, time.Since(start).Seconds(), did)
	if err != nil || r.verbose {
		show(printed)
	}
	if err != nil && r.guest != nil {
		show(r.guest.lastWords())
	}
	if r.guest != nil && !r.guest.alive() {
		r.guest.stop()
		r.guest = nil
	}
	return err == nil
}

// use plugs the key in, runs the client, and takes the key away again, which the kernel has to notice.
func (r *rig) use(ctx context.Context, c client) (printed string, err error) {
	if err := r.prepare(ctx); err != nil {
		return "", err
	}
	plugging, cancel := context.WithTimeout(ctx, plugTime)
	defer cancel()
	start := time.Now()
	device, unplug, err := r.plug(plugging, c)
	if err != nil {
		return "", err
	}
	printed = fmt.Sprintf("@ plugged in %d\n", time.Since(start).Milliseconds())
	using, cancel := context.WithTimeout(ctx, c.limit)
	defer cancel()
	out, err := r.guest.run(using, c.command+" "+device)
	printed += out
	if !r.guest.alive() {
		return printed, err
	}
	unplugging, cancel := context.WithTimeout(ctx, plugTime)
	defer cancel()
	start = time.Now()
	out, e := unplug(unplugging)
	printed += "\n" + out
	if err == nil {
		err = e
	}
	return printed + fmt.Sprintf("@ unplugged %d\n", time.Since(start).Milliseconds()), err
}

// prepare starts what is not there yet: the tenant, the control center with another, and the guest.
func (r *rig) prepare(ctx context.Context) (err error) {
	if r.guest != nil {
		return nil
	}
	if r.tenant == nil {
		if r.tenant, err = entrasim.Listen(ctx, entrasim.Config{Users: 5}); err != nil {
			return err
		}
	}
	if r.center == nil {
		start := time.Now()
		if r.center, err = startCenter(ctx, r.programs["postern"]); err != nil {
			return err
		}
		fmt.Printf("     %-22s %6.1f s\n", "control center", time.Since(start).Seconds())
	}
	settings, err := r.center.settings()
	if err != nil {
		return err
	}
	start := time.Now()
	r.guest, err = boot(ctx, r.cache, func(job string) error {
		if err := layOut(job, r.programs, settings); err != nil {
			return err
		}
		certificate, err := os.ReadFile(r.center.CAFile)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(job, "entra.pem"), certificate, 0o644); err != nil { // #nosec G306 -- a certificate
			return err
		}
		someone := r.tenant.Users[0]
		if err := writeVisit(ctx, filepath.Join(job, tenantVisit), r.tenant.GraphURL, user{someone.UPN, someone.Password}); err != nil {
			return err
		}
		return writeVisit(ctx, filepath.Join(job, centerVisit), r.center.Graph, r.center.holder())
	})
	if err == nil {
		fmt.Printf("     %-22s %6.1f s\n", "boot", time.Since(start).Seconds())
	}
	return err
}

// plug attaches the key of a client to the guest.
func (r *rig) plug(ctx context.Context, c client) (device string, unplug func(context.Context) (string, error), err error) {
	switch c.attachment {
	case agent:
		return pairUp(ctx, r.guest, r.center, r.programs["postern-phone"])
	case desk:
		return sitDown(ctx, r.guest)
	}
	return plug(ctx, r.guest, c, r.programs["postern-phone"])
}

// writeVisit tells the browser's driver about a tenant and a user of it.
func writeVisit(ctx context.Context, path, tenant string, u user) error {
	address, err := url.Parse(tenant)
	if err != nil {
		return err
	}
	dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}} // #nosec G402 -- the key it shows is what is asked for
	conn, err := dialer.DialContext(ctx, "tcp", "127.0.0.1:"+address.Port())
	if err != nil {
		return err
	}
	shown := conn.(*tls.Conn).ConnectionState().PeerCertificates[0] // a tls.Dialer returns nothing else, and a server shows one
	if err := conn.Close(); err != nil {
		return err
	}
	sum := sha256.Sum256(shown.RawSubjectPublicKeyInfo)
	content, err := json.Marshal(visit{
		Emulator: hostIP + ":" + address.Port(), SPKI: base64.StdEncoding.EncodeToString(sum[:]),
		UPN: u.UPN, Password: u.Password,
	})
	if err != nil {
		return err
	}
	return os.WriteFile(path, content, 0o600)
}

func (r *rig) end() {
	if r.guest != nil {
		r.guest.stop()
	}
	if r.tenant != nil {
		_ = r.tenant.Close() // nothing in it is kept
	}
	if r.center != nil {
		r.center.stop()
	}
}

// milestones are the lines "@ WHAT MILLISECONDS" that clients print, as one line. A prompt may stand before one.
func milestones(printed string) string {
	var all []string
	for line := range strings.Lines(printed) {
		_, text, ok := strings.Cut(strings.TrimSpace(line), "@ ")
		at := strings.LastIndexByte(text, ' ')
		if !ok || at < 0 {
			continue
		}
		if ms, err := strconv.ParseFloat(text[at+1:], 64); err == nil {
			all = append(all, fmt.Sprintf("%s %.1f s", text[:at], ms/1000))
		}
	}
	return strings.Join(all, ", ")
}

// show prints what a guest said, apart from the table.
func show(text string) {
	if text = strings.TrimSpace(text); text != "" {
		fmt.Println("     | " + strings.ReplaceAll(text, "\n", "\n     | "))
	}
}
