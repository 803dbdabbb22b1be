package packages

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// rootPatience bounds the making of a Debian root, most of which is fetching and unpacking Debian's packages.
const rootPatience = 10 * time.Minute

// TestDebian: in a root with Debian's essential packages and those the package depends on, what is installed is what the guide
// says, an upgrade keeps what is the administrator's and the agent's, and purging leaves nothing.
func TestDebian(t *testing.T) {
	t.Parallel()
	first, second := made(t)
	name := "postern-agent_%s_" + runtime.GOARCH + ".deb"
	found := inDebian(t, filepath.Join(first, fmt.Sprintf(name, "1.0.0")), filepath.Join(second, fmt.Sprintf(name, "1.0.1")))
	for heading, want := range map[string]string{
		"install": `
-rw-r--r-- root:root /etc/default/postern-agent
-rw-r--r-- root:root /usr/lib/modules-load.d/postern-agent.conf
-rw-r--r-- root:root /usr/lib/systemd/system/postern-agent.service
-rw-r--r-- root:root /usr/lib/sysusers.d/postern-agent.conf
-rw-r--r-- root:root /usr/lib/udev/rules.d/70-postern-uhid.rules
-rw-r--r-- root:root /usr/share/doc/postern-agent/copyright
-rw-r--r-- root:root /var/lib/systemd/deb-systemd-helper-enabled/multi-user.target.wants/postern-agent.service
-rw-r--r-- root:root /var/lib/systemd/deb-systemd-helper-enabled/postern-agent.service.dsh-also
-rwxr-xr-x root:root /usr/bin/postern-agent
lrwxrwxrwx root:root /etc/systemd/system/multi-user.target.wants/postern-agent.service /lib/systemd/system/postern-agent.service`,
		"intact":  "",
		"enabled": "enabled",
		"unit":    "",
		"account": `
postern-agent:Postern workstation service:/var/lib/postern-agent:/usr/sbin/nologin
postern-agent postern`,
		"version": "postern-agent v1.0.0",
		"service": `
-rw-r----- postern-agent postern
-rw------- postern-agent postern-agent agent.key
-rw------- postern-agent postern-agent agent.lock`,
		"upgrade":  "postern-agent v1.0.1\nenabled\n#mine\nsame state",
		"disabled": "disabled",
		"remove": `
-rw------- postern-agent:postern-agent /var/lib/postern-agent/agent.key
-rw------- postern-agent:postern-agent /var/lib/postern-agent/agent.lock
-rw-r--r-- root:root /etc/default/postern-agent
-rw-r--r-- root:root /var/lib/systemd/deb-systemd-helper-enabled/multi-user.target.wants/postern-agent.service
-rw-r--r-- root:root /var/lib/systemd/deb-systemd-helper-enabled/postern-agent.service.dsh-also
-rw-r--r-- root:root /var/lib/systemd/deb-systemd-helper-masked/postern-agent.service
lrwxrwxrwx root:root /etc/systemd/system/multi-user.target.wants/postern-agent.service /lib/systemd/system/postern-agent.service
lrwxrwxrwx root:root /etc/systemd/system/postern-agent.service /dev/null`,
		"again": "enabled\nsame state",
		"purge": "",
	} {
		got, there := found[heading]
		if want = strings.TrimPrefix(want, "\n"); !there || got != want {
			t.Errorf("%s found:\n%s\nwant:\n%s", heading, got, want)
		}
	}
	t.Logf("installed: %d files and links, the unit %s, the account with groups %s", len(strings.Split(found["install"], "\n")), found["enabled"],
		found["account"][strings.LastIndex(found["account"], "\n")+1:])
	t.Logf("upgraded: %s; disabled and upgraded: %s", strings.ReplaceAll(found["upgrade"], "\n", ", "), found["disabled"])
	t.Logf("removed: left are %d files and links; installed again: %s", len(strings.Split(found["remove"], "\n")), strings.ReplaceAll(found["again"], "\n", ", "))
	t.Logf("purged: left are %q", found["purge"])
}

// inDebian runs the script in a root of its own, which is gone afterwards, and gives what it found by heading.
func inDebian(t *testing.T, first, second string) map[string]string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), rootPatience)
	defer cancel()
	suite, mirror := debian(t)
	depends := said(t, "dpkg-deb", "--field", first, "Depends")
	var packages []string
	for _, one := range strings.Split(depends, ",") {
		packages = append(packages, strings.Fields(one)[0])
	}
	cmd := exec.CommandContext(ctx, "mmdebstrap", "--variant=essential", "--format=null", "--include="+strings.Join(packages, ","), // #nosec G204 -- of the test's own making
		// Nobody reads it, and nobody minds if a power failure breaks it.
		"--dpkgopt=path-exclude=/usr/share/locale/*", "--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=force-unsafe-io", `--aptopt=Acquire::Languages "none"`,
		"--customize-hook=upload "+first+" /first.deb", "--customize-hook=upload "+second+" /second.deb",
		"--customize-hook=upload testdata/debian.sh /debian.sh", `--customize-hook=chroot "$1" sh /debian.sh`, suite, "/dev/null", mirror)
	cmd.Env, cmd.WaitDelay = append(cmd.Environ(), "TMPDIR="+t.TempDir()), time.Second
	out, err := cmd.CombinedOutput() // what the script says is in the midst of it
	_, told, _ := strings.Cut(string(out), "\n== ")
	told, _, ended := strings.Cut(told, "\n== end\n")
	if err != nil || !ended {
		t.Fatalf("%v\n%s", err, out)
	}
	found := map[string]string{}
	for _, section := range strings.Split(told, "\n== ") {
		heading, body, _ := strings.Cut(section, "\n")
		found[heading] = strings.TrimSpace(body)
	}
	return found
}

// debian is the release of this machine and where apt fetches it from.
func debian(t *testing.T) (suite, mirror string) {
	t.Helper()
	suite = said(t, "sh", "-c", `. /etc/os-release && printf %s "$VERSION_CODENAME"`)
	places := strings.Fields(said(t, "apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Release: "+suite, "Component: main"))
	if len(places) == 0 {
		t.Fatalf("apt fetches %s from nowhere", suite)
	}
	return suite, places[0]
}

func said(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).Output() // #nosec G204 -- of the test's own making
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return strings.TrimSpace(string(out))
}
