package remote

import (
	"os"
	"path/filepath"
	"testing"
)

func TestSessions(t *testing.T) {
	local := "UID=1000\nCLASS=user\nACTIVE=1\nREMOTE=0\nTYPE=wayland\n"
	ssh := "UID=1000\nCLASS=user\nACTIVE=1\nREMOTE=1\nSERVICE=sshd\n"
	for name, tc := range map[string]struct {
		files []string
		want  string
	}{
		"nobody":           {nil, ""},
		"somebody here":    {[]string{local}, ""},
		"SSH":              {[]string{ssh}, "ssh"},
		"Remote Desktop":   {[]string{"CLASS=user\nACTIVE=1\nREMOTE=1\nSERVICE=xrdp-sesman\n"}, "rdp"},
		"both":             {[]string{ssh, local}, ""},
		"a greeter":        {[]string{"CLASS=greeter\nACTIVE=1\nREMOTE=0\n", ssh}, "ssh"},
		"one that is over": {[]string{"CLASS=user\nACTIVE=0\nREMOTE=1\n"}, ""},
		"nonsense":         {[]string{"\x00\xff=\n=\n"}, ""},
	} {
		dir := t.TempDir()
		for i, text := range tc.files {
			if err := os.WriteFile(filepath.Join(dir, string(rune('1'+i))), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		got := inUse(dir)
		if got.Kind != tc.want {
			t.Errorf("%s: %q, want %q", name, got.Kind, tc.want)
		}
		if (got.Message() == "") != (tc.want == "") || (got.Next() == "") != (tc.want == "") {
			t.Errorf("%s: %q, %q", name, got.Message(), got.Next())
		}
	}
}

func TestSSHIsSeen(t *testing.T) {
	t.Setenv("SSH_CONNECTION", "192.0.2.1 1 192.0.2.2 22")
	if Here().Kind != "ssh" {
		t.Error("not seen")
	}
}
