package windows

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"net"
	"slices"
	"sync"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

// softKey is a security key at a simulator port, with a switch for what the tests need. It holds itself to nothing.
type softKey struct {
	testing.TB
	place    string
	uv       bool                                     // it verifies its user by its own means
	pin      string                                   // none: it has no PIN
	versions []uint                                   // of PIN/UV auth protocols
	flags    byte                                     // of assertions, beside ED
	noHMAC   bool                                     // it advertises no hmac-secret
	slow     int                                      // keepalives before each answer
	answer   func(command byte, answer []byte) []byte // changes an answer; may be nil

	mu       sync.Mutex
	left     int
	accounts []*account // the last one added is asked for first
	private  *ecdh.PrivateKey
	token    []byte
	asked    []string // of which kinds tokens were
}

// account is a discoverable credential.
type account struct {
	id, handle, secret []byte
	key                *ecdsa.PrivateKey
}

func newSoftKey(t testing.TB) *softKey {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	k := &softKey{TB: t, place: "udp:" + conn.LocalAddr().String(), uv: true, versions: []uint{2, 1}, flags: flagUP | flagUV, left: 8}
	k.token = random(32)
	if k.private, err = ecdh.P256().GenerateKey(rand.Reader); err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		k.serve(conn)
	}()
	t.Cleanup(func() {
		_ = conn.Close()
		<-served
	})
	return k
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

// add makes a credential, and gives its public key as COSE.
func (k *softKey) add(handle []byte) (a *account, public []byte) {
	k.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		k.Fatal(err)
	}
	point, err := key.PublicKey.ECDH()
	if err != nil {
		k.Fatal(err)
	}
	raw := point.Bytes()
	public, err = encoding.Marshal(map[int]any{1: 2, 3: -7, -1: 1, -2: raw[1:33], -3: raw[33:]})
	if err != nil {
		k.Fatal(err)
	}
	a = &account{id: random(16), handle: handle, secret: random(32), key: key}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.accounts = append(k.accounts, a)
	return a, public
}

// kinds are those of the tokens that were asked for.
func (k *softKey) kinds() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.asked)
}

// hear gives the next message of a connection, and who sent it.
func hear(conn *net.UDPConn) (id uint32, command byte, payload []byte, from *net.UDPAddr, err error) {
	size := 0
	for {
		var r [reportSize]byte
		if _, from, err = conn.ReadFromUDP(r[:]); err != nil {
			return 0, 0, nil, nil, err
		}
		if r[4]&0x80 != 0 {
			id, command, size = binary.BigEndian.Uint32(r[:]), r[4], int(binary.BigEndian.Uint16(r[5:]))
			payload = append([]byte(nil), r[7:]...)
		} else {
			payload = append(payload, r[5:]...)
		}
		if len(payload) >= size {
			return id, command, payload[:size], from, nil
		}
	}
}

// to writes to a program.
type to struct {
	conn *net.UDPConn
	at   *net.UDPAddr
}

func (w to) read(context.Context) (report, error) { return report{}, nil }

func (w to) write(r report) error {
	_, err := w.conn.WriteToUDP(r[:], w.at)
	return err
}

func (w to) close() error { return nil }

func (k *softKey) serve(conn *net.UDPConn) {
	for next := uint32(1); ; {
		id, command, payload, from, err := hear(conn)
		if err != nil {
			return
		}
		reply := &channel{reports: to{conn, from}, id: id}
		switch command {
		case hidInit:
			next++
			_ = reply.send(hidInit, append(binary.BigEndian.AppendUint32(bytes.Clone(payload), next), 2, 1, 0, 0, capCBOR))
		case hidCBOR:
			for range k.slow {
				_ = reply.send(hidKeepalive, []byte{userNeeded})
			}
			k.mu.Lock()
			answer := k.handle(payload)
			k.mu.Unlock()
			if k.answer != nil {
				answer = k.answer(payload[0], answer)
			}
			_ = reply.send(hidCBOR, answer)
		}
	}
}

func (k *softKey) handle(request []byte) []byte {
	switch request[0] {
	case cmdGetInfo:
		extensions := []string{"hmac-secret"}
		if k.noHMAC {
			extensions = []string{"credProtect"}
		}
		return k.say(Info{
			Versions: []string{"U2F_V2", "FIDO_2_0", "FIDO_2_1"}, Extensions: extensions, AAGUID: bytes.Repeat([]byte{7}, 16), Protocols: k.versions,
			Options: map[string]bool{"rk": true, "uv": k.uv, "clientPin": k.pin != "", "pinUvAuthToken": true},
		})
	case cmdClientPIN:
		var r pinRequest
		if err := cbor.Unmarshal(request[1:], &r); err != nil {
			return []byte{0x12}
		}
		return k.clientPIN(r)
	case cmdGetAssertion:
		return k.getAssertion(request[1:])
	}
	return []byte{1}
}

func (k *softKey) say(v any) []byte {
	body, err := encoding.Marshal(v)
	if err != nil {
		k.Error(err)
	}
	return append([]byte{0}, body...)
}

func (k *softKey) clientPIN(r pinRequest) []byte {
	p := &pinProtocol{r.Protocol}
	switch r.Sub {
	case subPINRetries:
		return k.say(pinAnswer{Retries: k.left})
	case subKeyAgreement:
		point := k.private.PublicKey().Bytes()
		return k.say(pinAnswer{Key: &cose{Type: 2, Algorithm: -25, Curve: 1, X: point[1:33], Y: point[33:]}})
	}
	shared, _, err := p.agree(k.private, r.Key)
	if err != nil || r.RP != relyingParty || r.Permissions != permissionAssert {
		return []byte{2}
	}
	if r.Sub == subTokenByUV {
		if k.asked = append(k.asked, "uv"); !k.uv {
			return []byte{byte(StatusNotAllowed)}
		}
		return k.say(pinAnswer{Token: p.encrypt(shared, k.token)})
	}
	k.asked = append(k.asked, "pin")
	hash, err := p.decrypt(shared, r.PINHash)
	sum := sha256.Sum256([]byte(k.pin))
	if k.left--; err != nil || !bytes.Equal(hash, sum[:16]) {
		if k.left == 0 {
			return []byte{byte(StatusPINBlocked)}
		}
		return []byte{byte(StatusPINInvalid)}
	}
	k.left = 8
	return k.say(pinAnswer{Token: p.encrypt(shared, k.token)})
}

func (k *softKey) getAssertion(body []byte) []byte {
	var r struct {
		RP         string                     `cbor:"1,keyasint"`
		ClientData []byte                     `cbor:"2,keyasint"`
		Allow      []descriptor               `cbor:"3,keyasint"`
		Extensions map[string]cbor.RawMessage `cbor:"4,keyasint"`
		Auth       []byte                     `cbor:"6,keyasint"`
		Protocol   uint                       `cbor:"7,keyasint"`
	}
	var secret struct {
		Key      *cose  `cbor:"1,keyasint"`
		Sealed   []byte `cbor:"2,keyasint"`
		Auth     []byte `cbor:"3,keyasint"`
		Protocol uint   `cbor:"4,keyasint"`
	}
	if cbor.Unmarshal(body, &r) != nil || cbor.Unmarshal(r.Extensions["hmac-secret"], &secret) != nil || r.Allow != nil {
		return []byte{0x12}
	}
	if secret.Protocol == 0 {
		secret.Protocol = 1
	}
	p := &pinProtocol{secret.Protocol}
	shared, _, err := p.agree(k.private, secret.Key)
	switch {
	case err != nil, !hmac.Equal(secret.Auth, p.authenticate(p.macKey(shared), secret.Sealed)), !hmac.Equal(r.Auth, p.authenticate(k.token, r.ClientData)):
		return []byte{byte(StatusPINAuthWrong)}
	case len(k.accounts) == 0 || r.RP != relyingParty:
		return []byte{byte(StatusNoCredential)}
	}
	salt, err := p.decrypt(shared, secret.Sealed)
	if err != nil || len(salt) != 32 {
		return []byte{2}
	}
	a := k.accounts[len(k.accounts)-1]
	extensions, err := encoding.Marshal(map[string]any{"hmac-secret": p.encrypt(shared, mac(a.secret, salt))})
	if err != nil {
		return []byte{0x7F}
	}
	rp := sha256.Sum256([]byte(relyingParty))
	data := append(append(rp[:], k.flags|flagED, 0, 0, 0, 0), extensions...)
	digest := sha256.Sum256(append(bytes.Clone(data), r.ClientData...))
	signature, err := ecdsa.SignASN1(rand.Reader, a.key, digest[:])
	if err != nil {
		return []byte{0x7F}
	}
	return k.say(map[int]any{1: descriptor{a.id, "public-key"}, 2: data, 3: signature, 4: map[string]any{"id": a.handle}, 5: len(k.accounts)})
}
