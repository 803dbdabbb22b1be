package channel

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"testing"

	"github.com/flynn/noise"
	"github.com/google/go-cmp/cmp"
)

// vectors are the messages of both handshakes, and some sealed ones, for the inputs below.
type vectors struct {
	Session []string `json:"session"` // handshake 1 and 2, workstation's sealed 1 and 2, phone's sealed 1
	Pairing []string `json:"pairing"` // handshake 1 and 2, phone's confirmation, workstation's sealed 1
	Digits  []string `json:"digits"`
}

func sequence(first byte) []byte {
	b := make([]byte, KeySize)
	for i := range b {
		b[i] = first + byte(i)
	}
	return b
}

var fixed = struct{ phone, workstation, ePhone, eWorkstation, nonce, secret []byte }{
	sequence(0x00), sequence(0x20), sequence(0x40), sequence(0x60), sequence(0x80), sequence(0xA0),
}

// speak runs both handshakes on the fixed inputs.
func speak(t *testing.T) vectors {
	t.Helper()
	var v vectors
	p, err := StaticFromBytes(fixed.phone)
	if err != nil {
		t.Fatal(err)
	}
	w, err := StaticFromBytes(fixed.workstation)
	if err != nil {
		t.Fatal(err)
	}
	keep := func(to *[]string, b []byte, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		*to = append(*to, hex.EncodeToString(b))
		return b
	}
	read := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	seal := func(to *[]string, s *Session, m Message) {
		t.Helper()
		content, err := m.Encode()
		read(err)
		sealed, err := s.Seal(t0, content)
		keep(to, sealed, err)
	}
	cancel := Message{Kind: KindCancel, Number: 1}

	phone := begin(t, NewPhoneSession, Config{Random: bytes.NewReader(fixed.ePhone), Time: t0, Static: p, Peer: w.Public(), Prologue: prologue})
	workstation := begin(t, NewWorkstationSession, Config{Random: bytes.NewReader(fixed.eWorkstation), Time: t0, Static: w, Peer: p.Public(), Prologue: prologue})
	message, err := workstation.Write()
	read(phone.Read(keep(&v.Session, message, err)))
	message, err = phone.Write()
	read(workstation.Read(keep(&v.Session, message, err)))
	seal(&v.Session, done(t, workstation), cancel)
	seal(&v.Session, done(t, workstation), cancel)
	seal(&v.Session, done(t, phone), Message{Kind: KindGoodbye})

	pc, wc := pairingConfigs(t)
	pc.Static, pc.Peer, pc.Secret = p, w.Public(), Secret(fixed.secret)
	pc.Random = bytes.NewReader(append(bytes.Clone(fixed.nonce), fixed.ePhone...))
	wc.Static, wc.Secret, wc.Random = w, Secret(fixed.secret), bytes.NewReader(fixed.eWorkstation)
	phone, workstation = begin(t, NewPhonePairing, pc), begin(t, NewWorkstationPairing, wc)
	message, err = phone.Write()
	read(workstation.Read(keep(&v.Pairing, message, err)))
	message, err = workstation.Write()
	read(phone.Read(keep(&v.Pairing, message, err)))
	message, err = phone.Write()
	read(workstation.Read(keep(&v.Pairing, message, err)))
	seal(&v.Pairing, done(t, workstation), cancel)
	v.Digits = []string{done(t, workstation).Digits()}
	return v
}

// TestVectors holds every byte of the wire to what was written down when the protocol was.
func TestVectors(t *testing.T) {
	data, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var want vectors
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, speak(t)); diff != "" {
		t.Errorf("other bytes (-written down +sent):\n%s", diff)
	}
}

// TestPythonNoise lets a second implementation, on other primitives, compute the same. It needs Debian's packages
// python3 and python3-cryptography.
func TestPythonNoise(t *testing.T) {
	const python = "/usr/bin/python3"
	if out, err := exec.CommandContext(t.Context(), python, "-c", "import cryptography").CombinedOutput(); err != nil {
		t.Fatalf("python's cryptography is missing (%v): install the Debian package python3-cryptography\n%s", err, out)
	}
	given := map[string]any{"parts": []string{prologue.Origin, prologue.Integration, prologue.Workstation}}
	for name, b := range map[string][]byte{
		"phone": fixed.phone, "workstation": fixed.workstation, "e_phone": fixed.ePhone, "e_workstation": fixed.eWorkstation,
		"nonce": fixed.nonce, "secret": fixed.secret, "pairing": prologue.PairingID[:],
	} {
		given[name] = hex.EncodeToString(b)
	}
	in, err := json.Marshal(given)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), python, "-B", "testdata/noise.py")
	cmd.Stdin = bytes.NewReader(in)
	var told bytes.Buffer
	cmd.Stderr = &told
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, told.String())
	}
	var want vectors
	if err := json.Unmarshal(out, &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, speak(t)); diff != "" {
		t.Errorf("the implementations differ (-python +go):\n%s", diff)
	}
}

// TestPublishedVector is Noise_KK_25519_ChaChaPoly_SHA256 of the test vectors that Noise libraries share: it holds the
// library to what others compute.
func TestPublishedVector(t *testing.T) {
	decode := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	key := func(first byte) noise.DHKey {
		s, err := StaticFromBytes(sequence(first))
		if err != nil {
			t.Fatal(err)
		}
		private, public := s.Private(), s.Public()
		return noise.DHKey{Private: private[:], Public: public[:]}
	}
	state := func(own, peer, ephemeral byte, initiator bool) *noise.HandshakeState {
		h, err := noise.NewHandshakeState(noise.Config{
			CipherSuite: suite, Random: bytes.NewReader(sequence(ephemeral)), Pattern: noise.HandshakeKK, Initiator: initiator,
			Prologue: decode("6e6f74736563726574"), StaticKeypair: key(own), PeerStatic: key(peer).Public,
		})
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	i, r := state(0x00, 0x01, 0x20, true), state(0x01, 0x00, 0x41, false)
	first, _, _, err := i.WriteMessage(nil, []byte("test_msg_0"))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := r.ReadMessage(nil, first); err != nil {
		t.Fatal(err)
	}
	second, send, _, err := r.WriteMessage(nil, []byte("test_msg_1"))
	if err != nil {
		t.Fatal(err)
	}
	third, err := send.Encrypt(nil, nil, decode("79656c6c6f777375626d6172696e65"))
	if err != nil {
		t.Fatal(err)
	}
	for n, c := range []struct{ want, got []byte }{
		{decode("358072d6365880d1aeea329adf9121383851ed21a28e3b75e965d0d2cd166254558809aaeff03abdf354ad47d26523f1b98b5ce386c3b066ff53"), first},
		{decode("64b101b1d0be5a8704bd078f9895001fc03e8e9f9522f188dd128d9846d48466f7c3b2f7cef28a2f212487967f4b709e22ff452dcb68821a10aa"), second},
		{decode("ab44bf778165ad086eaebbb994df826628b3fe26ad310642480a1b2af8fc23"), third},
	} {
		if !bytes.Equal(c.want, c.got) {
			t.Errorf("message %d: %x, want %x", n, c.got, c.want)
		}
	}
}
