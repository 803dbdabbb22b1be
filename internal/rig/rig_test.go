package main

import (
	"bytes"
	"encoding/binary"
	"os/exec"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestArchiveIsReadByOthers(t *testing.T) {
	var out bytes.Buffer
	a := &archive{w: &out}
	a.folder("bin")
	a.file("bin/odd", 0o755, []byte("five!"))
	a.file("even", 0o644, []byte("four"))
	if err := a.end(); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"cpio", "-t"}, "bin\nbin/odd\neven\n"},
		{[]string{"cpio", "-i", "--to-stdout", "bin/odd"}, "five!"},
		{[]string{"cpio", "-i", "--to-stdout", "even"}, "four"},
	} {
		cmd := exec.CommandContext(t.Context(), "busybox", test.args...)
		cmd.Stdin = bytes.NewReader(out.Bytes())
		got, err := cmd.Output()
		if err != nil {
			t.Fatalf("busybox %v: %v", test.args, err)
		}
		if diff := cmp.Diff(test.want, string(got)); diff != "" {
			t.Errorf("busybox %v (-want +got):\n%s", test.args, diff)
		}
	}
}

// image makes a kernel image with one sector of set-up code and the payload behind it.
func image(payload []byte) []byte {
	b := make([]byte, 1024)
	b[setupSectors] = 1
	copy(b[headerMagic:], "HdrS")
	binary.LittleEndian.PutUint32(b[payloadLength:], uint32(len(payload)+sizeField))
	return append(append(b, payload...), 0, 0, 0, 0)
}

func TestELFKernel(t *testing.T) {
	kernel := []byte("\x7fELF and so on")
	packing := exec.CommandContext(t.Context(), "xz", "-c")
	packing.Stdin = bytes.NewReader(kernel)
	packed, err := packing.Output()
	if err != nil {
		t.Fatal(err)
	}
	got, err := elfKernel(t.Context(), image(packed))
	if err != nil || !bytes.Equal(got, kernel) {
		t.Errorf("got %q, %v", got, err)
	}
	whole := image(packed)
	for name, broken := range map[string][]byte{
		"empty": nil, "cut off": whole[:len(whole)-8], "no header": make([]byte, len(whole)), "unknown packing": image([]byte("nothing")),
		"no payload": image(nil),
	} {
		if got, err := elfKernel(t.Context(), broken); err == nil {
			t.Errorf("%s: taken for a kernel: %q", name, got)
		}
	}
}

func TestMilestones(t *testing.T) {
	got := milestones("noise\n@ registered 1234\nEnter PIN for /dev/hidraw0: @ signed in without a name 90\n@ odd\nfoo@example.com 12\n")
	if diff := cmp.Diff("registered 1.2 s, signed in without a name 0.1 s", got); diff != "" {
		t.Error(diff)
	}
}
