package offline_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postern/postern/link/offline"
)

// The vectors were computed by a program of its own in Python: hmac and hashlib of its library, the argon2 of the reference
// implementation, and CBOR by hand.

func counting(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

var (
	first  = offline.Batch{ID: counting(16), Seed: counting(32), Count: 200, Expires: time.Unix(1798761600, 0).UTC()}
	second = offline.Batch{ID: bytes.Repeat([]byte{0xa5}, 16), Seed: bytes.Repeat([]byte{0xff}, 32), Count: 200, Expires: time.Unix(1798761600, 0).UTC()}
)

func TestCodes(t *testing.T) {
	for _, v := range []struct {
		batch  offline.Batch
		length int
		codes  map[int]string
	}{
		{first, 6, map[int]string{0: "625822", 1: "268398", 2: "560799", 19: "147070", 44: "014328", 199: "983455"}},
		{first, 8, map[int]string{0: "10625822", 1: "36268398", 2: "13560799", 7: "73975501", 19: "58147070", 199: "46983455"}},
		{first, 13, map[int]string{0: "4469310625822", 1: "5928536268398", 2: "2718013560799", 19: "1942658147070", 199: "1970546983455"}},
		{second, 6, map[int]string{0: "901799", 1: "010098", 2: "423469", 19: "555895", 199: "232844"}},
		{second, 8, map[int]string{0: "56901799", 1: "83010098", 2: "06423469", 19: "55555895", 199: "02232844"}},
		{second, 13, map[int]string{0: "5491656901799", 1: "4109683010098", 2: "4511706423469", 19: "0032855555895", 199: "0509002232844"}},
	} {
		v.batch.Length = v.length
		for i, want := range v.codes {
			if got := v.batch.Code(i); got != want {
				t.Errorf("code %d of %d digits is %s, want %s", i, v.length, got, want)
			}
		}
	}
}

func TestHashes(t *testing.T) {
	for _, v := range []struct {
		cost          offline.Cost
		index, length int
		want          string
	}{
		{offline.Cost{Time: 1, Memory: 64}, 0, 6, "0f3251af50c8551d378027006aac5d692455f5a51729411d08e38187ba10e6aa"},
		{offline.Cost{Time: 2, Memory: 64}, 7, 8, "6dbbf7ddbe451474f0b6af35303aef9d48a6022d654eb2d6e0ce9b65eb08e3dc"},
		{offline.DefaultCost, 1, 13, "fb49d9e16647b730c82ba9b527d4bcba0a1c9e6f491e1f59a23006d2a195bb29"},
	} {
		b := first
		b.Length, b.Count = v.length, v.index+1
		s := b.Sheet(v.cost)
		if got := fmt.Sprintf("%x", s.Hashes[v.index]); got != v.want {
			t.Errorf("code %d at the cost %+v hashes to %s, want %s", v.index, v.cost, got, v.want)
		}
		if i, ok := s.Match(offline.Hash(b.Code(v.index))); !ok || i != v.index {
			t.Errorf("its code is %d, %v", i, ok)
		}
	}
}

func TestMessages(t *testing.T) {
	issued := first
	issued.Length, issued.Count = 8, 20
	for _, v := range []struct {
		message offline.Message
		want    string
	}{
		{
			offline.Message{What: offline.Issue, Batch: issued, Display: 30 * time.Second, WarnAt: 5},
			"50a801010250000102030405060708090a0b0c0d0e0f035820000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f04080514061a6b36ec8007181e0805",
		},
		{offline.Message{What: offline.Forget, Batch: offline.Batch{ID: first.ID}}, "50a201030250000102030405060708090a0b0c0d0e0f"},
	} {
		got, err := v.message.Encode()
		if err != nil || hex.EncodeToString(got) != v.want {
			t.Errorf("%x, %v", got, err)
		}
		back, err := offline.Decode(got)
		if err != nil || !cmp.Equal(back, v.message) {
			t.Errorf("decoded as %+v, %v", back, err)
		}
	}
}
