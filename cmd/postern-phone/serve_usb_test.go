package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/internal/cli"
)

// TestServeUSBIP lists the served key, plugs it in and sees it unplugged when
// the program stops.
func TestServeUSBIP(t *testing.T) {
	for name, args := range map[string][]string{"listed": nil, "named": {"--busid", "7-3"}, "random": {"--busid", "random"}} {
		t.Run(name, func(t *testing.T) {
			in, _ := io.Pipe() // nobody answers
			out, ready := io.Pipe()
			said := new(prompts)
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			ended := make(chan int, 1)
			args := append([]string{"--json", "--file", filepath.Join(t.TempDir(), "none"), "serve", "--store", "memory", "--usbip", "127.0.0.1:0"}, args...)
			go func() { ended <- program().Run(ctx, args, cli.Streams{In: in, Out: ready, Err: said}) }()
			var where struct {
				USBIP string `json:"usbip"`
			}
			if err := json.NewDecoder(out).Decode(&where); err != nil {
				t.Fatal(err)
			}
			words := strings.Fields(said.String())
			busID := words[len(words)-1]

			list := ask(t, where.USBIP, []byte{1, 0x11, 0x80, 5, 0, 0, 0, 0})
			count, err := io.ReadAll(list)
			if err != nil || len(count) < 12 {
				t.Fatalf("list %x, %v", count, err)
			}
			listed := bytes.Contains(count, append([]byte(busID), 0))
			if n := binary.BigEndian.Uint32(count[8:]); listed != (name != "random") || (n == 1) != listed {
				t.Errorf("%d devices, bus id %s listed: %v", n, busID, listed)
			}
			request := append([]byte{1, 0x11, 0x80, 3, 0, 0, 0, 0}, make([]byte, 32)...)
			copy(request[8:], busID)
			host := ask(t, where.USBIP, request)
			reply := make([]byte, 320)
			if _, err := io.ReadFull(host, reply); err != nil || binary.BigEndian.Uint32(reply[4:]) != 0 {
				t.Fatalf("import %x, %v", reply[:8], err)
			}
			stop()
			if n, err := host.Read(reply); n != 0 || !errors.Is(err, io.EOF) {
				t.Errorf("when the program stops: %d bytes, %v", n, err)
			}
			if code := <-ended; code != cli.ExitOK {
				t.Errorf("exit %d: %s", code, said)
			}
		})
	}
}

// ask sends a USB/IP request on a connection of its own.
func ask(t *testing.T, address string, request []byte) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write(request); err != nil {
		t.Fatal(err)
	}
	return conn
}

func TestUSBFlags(t *testing.T) {
	for field, f := range map[string]usbFlags{
		"":              {USBIP: "127.0.0.1:0", BusID: "3-1", VHCI: true, UHID: true},
		"busid":         {USBIP: "127.0.0.1:0", BusID: "a b"},
		"usbip-exposed": {USBIPExposed: true},
		"usbip":         {USBIP: "0.0.0.0:0"},
	} {
		err := f.check()
		if err == nil && field == "usbip" {
			_, err = f.attachments(io.Discard)[0].open()
		}
		e, _ := errors.AsType[*postern.Error](err)
		if (err != nil) != (field != "") || e != nil && (e.Field != field || e.Next == "") {
			t.Errorf("%+v: %#v", f, err)
		}
	}
	if err := (usbFlags{BusID: "3-1"}).check(); err == nil {
		t.Error("--busid without --usbip")
	}
}
