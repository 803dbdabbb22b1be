package pinuvauth

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"github.com/postern/postern/fido/ctap"
	"pgregory.net/rapid"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func wantHex(t *testing.T, what string, got []byte, want string) {
	t.Helper()
	if hex.EncodeToString(got) != want {
		t.Errorf("%s = %x, want %s", what, got, want)
	}
}

// TestCheckValues holds both protocols to values computed by independent
// implementations for Z = 00 01 … 1f and the PIN "1234".
func TestCheckValues(t *testing.T) {
	z := make([]byte, 32)
	for i := range z {
		z[i] = byte(i)
	}
	one, err := derive(One, z)
	if err != nil {
		t.Fatal(err)
	}
	two, err := derive(Two, z)
	if err != nil {
		t.Fatal(err)
	}
	wantHex(t, "protocol 1 secret", one.aesKey, "630dcd2966c4336691125448bbb25b4ff412a49c732db2c8abc1b8581bd710dd")
	wantHex(t, "protocol 2 HMAC key", two.hmacKey, "a689b3b92a6ebab91192408da9c4f05c674a2bc5f938d613077716c719a8df39")
	wantHex(t, "protocol 2 AES key", two.aesKey, "0f6ff2ef211829c11638ef2893ea02edf195658c0572393e7680d93bc2b58d44")

	pinHash := sha256.Sum256([]byte("1234"))
	wantHex(t, "PIN hash", pinHash[:16], "03ac674216f3e15c761ee1a5e255f067")
	iv := unhex(t, "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf")
	enc1, err := one.Encrypt(nil, pinHash[:16])
	if err != nil {
		t.Fatal(err)
	}
	wantHex(t, "protocol 1 pinHashEnc", enc1, "fe1c3681856425d10cb890b845e05b06")
	enc2, err := two.Encrypt(bytes.NewReader(iv), pinHash[:16])
	if err != nil {
		t.Fatal(err)
	}
	wantHex(t, "protocol 2 pinHashEnc", enc2, hex.EncodeToString(iv)+"86e504ffd25638212ff9979d5b541255")

	padded := make([]byte, 64)
	copy(padded, "1234")
	new1, err := one.Encrypt(nil, padded)
	if err != nil {
		t.Fatal(err)
	}
	wantHex(t, "protocol 1 setPIN pinUvAuthParam", one.Authenticate(new1), "498ccd5054036100674d9d355bce94db")
	new2, err := two.Encrypt(bytes.NewReader(iv), padded)
	if err != nil {
		t.Fatal(err)
	}
	wantHex(t, "protocol 2 setPIN pinUvAuthParam", two.Authenticate(new2), "89e891bedfc5a8e6250b2dacfc6374e98a1affc3d4f6219714303f06d838a528")
}

func TestBothEndsAgree(t *testing.T) {
	for _, protocol := range []uint64{One, Two} {
		rapid.Check(t, func(t *rapid.T) {
			platform, err := GenerateKey(rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			authenticator, err := GenerateKey(rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			encoded, err := ctap.EncodeKeyAgreement(authenticator.PublicKey())
			if err != nil {
				t.Fatal(err)
			}
			peer, err := ctap.DecodeKeyAgreement(encoded)
			if err != nil {
				t.Fatal(err)
			}
			a, err := Agree(protocol, platform, peer)
			if err != nil {
				t.Fatal(err)
			}
			b, err := Agree(protocol, authenticator, platform.PublicKey())
			if err != nil {
				t.Fatal(err)
			}
			blocks := rapid.IntRange(0, 5).Draw(t, "blocks")
			plain := rapid.SliceOfN(rapid.Byte(), 16*blocks, 16*blocks).Draw(t, "plaintext")
			sealed, err := a.Encrypt(rand.Reader, plain)
			if err != nil {
				t.Fatal(err)
			}
			opened, err := b.Decrypt(sealed)
			if err != nil || !bytes.Equal(opened, plain) {
				t.Fatalf("decrypt = %x, %v; want %x", opened, err, plain)
			}
			mac := a.Authenticate(sealed)
			if !b.Verify(sealed, mac) {
				t.Fatal("right MAC refused")
			}
			if b.Verify(sealed, mac[:len(mac)-1]) || b.Verify(append(sealed, 0), mac) {
				t.Fatal("wrong MAC accepted")
			}
		})
	}
}

func TestDecryptRefusesImpossibleLengths(t *testing.T) {
	for _, tc := range []struct {
		protocol uint64
		size     int
	}{{One, 15}, {One, 17}, {Two, 0}, {Two, 15}, {Two, 17}} {
		s, err := derive(tc.protocol, make([]byte, 32))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Decrypt(make([]byte, tc.size)); ctap.StatusOf(err) != ctap.ErrInvalidParameter {
			t.Errorf("protocol %d, %d bytes: %v", tc.protocol, tc.size, err)
		}
	}
}

func TestUnknownProtocol(t *testing.T) {
	if _, err := derive(3, make([]byte, 32)); ctap.StatusOf(err) != ctap.ErrInvalidParameter {
		t.Errorf("derive(3) = %v", err)
	}
}
