package udp

import (
	"encoding/hex"
	"fmt"
	"net/netip"

	"github.com/postern/postern/fido/ctap/ctaphid"
)

// A datagram is one report of 64 bytes, without report number or length. The
// device answers whoever sent the report, or one fixed address. Datagrams of
// another size are ignored.
//
// One datagram is none: its first four bytes belong to no channel a device would
// give away, and it stands for a cut of power. The device forgets its channels,
// and the authenticator what it keeps until power is lost; nothing is answered.
const (
	// DefaultAddress is where such devices listen by custom.
	DefaultAddress = "127.0.0.1:8111"
	// DefaultPeer is where hosts that use one fixed port wait for answers.
	DefaultPeer = "127.0.0.1:7112"

	powerCycleHex = "ac1052ca95e569de69e02ebff333485f13f9b2da34c5a8a340526697a9ab2e0b" +
		"394d8d04973c134005be1a0140bff6045bb26eb77a73eaa47813f6b49a7250dc"
)

var powerCycle = func() (r ctaphid.Report) {
	if n, err := hex.Decode(r[:], []byte(powerCycleHex)); n != len(r) || err != nil {
		panic("udp: the power cycle datagram is broken")
	}
	return r
}()

// loopback reads an address and port, and refuses what leaves the machine.
func loopback(address string) (netip.AddrPort, error) {
	a, err := netip.ParseAddrPort(address)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("%q is not an address and port like %s", address, DefaultAddress)
	}
	if !a.Addr().Is4() || !a.Addr().IsLoopback() {
		return netip.AddrPort{}, fmt.Errorf("%s is not an IPv4 loopback address: the simulator port has no protection and serves this machine only", a)
	}
	return a, nil
}
