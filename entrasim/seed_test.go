package entrasim

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSeed holds a seed to its tenant: the same every time, another for another seed.
func TestSeed(t *testing.T) {
	shape := func(seed uint64) string {
		s := &Server{Seed: seed, Users: 200}
		s.init()
		tenant := s.first()
		var names []string
		tenant.view(func() {
			tenant.Users.all(func(u *User) bool {
				names = append(names, u.ID, u.UPN, u.DisplayName)
				return true
			})
			names = append(names, tenant.ID, tenant.AppOrder[0], tenant.Apps[tenant.AppOrder[0]].Secrets[0].Value)
		})
		return strings.Join(names, "\n")
	}
	if diff := cmp.Diff(shape(1), shape(1)); diff != "" {
		t.Errorf("a seed does not repeat:\n%s", diff)
	}
	if shape(1) == shape(2) {
		t.Error("two seeds make one tenant")
	}
}

// TestSeededTenant looks for what a believable directory has.
func TestSeededTenant(t *testing.T) {
	s := &Server{Users: 500}
	s.init()
	tenant := s.first()
	var guests, disabled, privileged, synced, keys, plain int
	tenant.view(func() {
		tenant.Users.all(func(u *User) bool {
			local, _, _ := strings.Cut(u.UPN, "@")
			if strings.HasPrefix(local, ".") || strings.HasSuffix(local, ".") || strings.Contains(local, "..") || strings.Trim(local, "abcdefghijklmnopqrstuvwxyz0123456789.-_#EXT") != "" {
				t.Errorf("user principal name %s of %s", u.UPN, u.DisplayName)
			}
			switch {
			case u.Guest:
				guests++
			case u.Disabled:
				disabled++
			case isPrivileged(u):
				privileged++
			case u.OnPremises != nil:
				synced++
			default:
				plain++
			}
			keys += len(u.Passkeys)
			return true
		})
		if tenant.Users.len() != 500 || tenant.Groups.len() < 12 {
			t.Errorf("%d users, %d groups", tenant.Users.len(), tenant.Groups.len())
		}
	})
	for name, n := range map[string]int{"guests": guests, "disabled": disabled, "privileged": privileged, "synced": synced, "passkeys": keys, "plain": plain} {
		if n == 0 {
			t.Errorf("no %s", name)
		}
	}
}

// TestStandsAlone holds the package to its rule: it imports nothing of the programs it judges.
func TestStandsAlone(t *testing.T) {
	const own = "github.com/postern/postern/entrasim"
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-json=ImportPath", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for dec.More() {
		var p struct{ ImportPath string }
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(p.ImportPath, "github.com/postern/postern") && p.ImportPath != own && !strings.HasPrefix(p.ImportPath, own+"/") {
			t.Errorf("entrasim depends on %s", p.ImportPath)
		}
	}
}
