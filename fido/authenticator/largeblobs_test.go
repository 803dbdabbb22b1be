package authenticator_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/authenticator/authtest"
	"github.com/postern/postern/fido/authenticator/memory"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/fido/ctap/pinuvauth"
)

const blobCapacity = 2000

func largeBlobs(c *authenticator.Config) { c.MaxLargeBlobs = blobCapacity }

// initialBlobs is the empty array in its stored form (CTAP 2.1 §6.10.2).
var initialBlobs = func() []byte {
	b, err := hex.DecodeString("8076be8b528d0075f7aae98d6fa57a6d3c")
	if err != nil {
		panic(err)
	}
	return b
}()

// sealed16 is an array of n bytes in its stored form, made without the code
// under test.
func sealed16(n int, fill byte) []byte {
	array := bytes.Repeat([]byte{fill}, n)
	sum := sha256.Sum256(array)
	return append(array, sum[:16]...)
}

// blobWriter is a token with which large blobs are written.
type blobWriter struct {
	*platform
	a     *agreement
	token []byte
}

func (p *platform) blobs(protocol uint64) *blobWriter {
	p.Helper()
	a := p.agree(protocol)
	return &blobWriter{platform: p, a: a, token: p.token(a, ctap.PermitLargeBlobWrite, "")}
}

// fragment is a request to write; length 0 sends none.
func (w *blobWriter) fragment(offset uint64, set []byte, length uint64) *ctap.LargeBlobsRequest {
	message := slices.Concat(bytes.Repeat([]byte{0xFF}, 32), []byte{0x0C, 0x00, byte(offset), byte(offset >> 8), byte(offset >> 16), byte(offset >> 24)})
	sum := sha256.Sum256(set)
	r := &ctap.LargeBlobsRequest{
		Set: set, Offset: &offset, Protocol: &w.a.protocol,
		AuthParam: pinuvauth.Authenticate(w.a.protocol, w.token, append(message, sum[:]...)),
	}
	if length > 0 {
		r.Length = &length
	}
	return r
}

// readBlobs reads everything in pieces of size.
func (p *platform) readBlobs(size uint64) []byte {
	p.Helper()
	var all []byte
	for {
		status, result := p.send(&ctap.LargeBlobsRequest{Get: &size, Offset: new(uint64(len(all)))})
		if status != ctap.OK {
			p.Fatalf("get at %d: %v", len(all), status)
		}
		resp, err := ctap.DecodeLargeBlobsResponse(result)
		if err != nil || resp.Config == nil || uint64(len(resp.Config)) > size {
			p.Fatalf("get at %d: %+v, %v", len(all), resp, err)
		}
		all = append(all, resp.Config...)
		if uint64(len(resp.Config)) < size {
			return all
		}
	}
}

func TestLargeBlobsInitially(t *testing.T) {
	p := newPlatform(t, largeBlobs)
	for _, size := range []uint64{1, 5, 17, 18, 1000} {
		if got := p.readBlobs(size); !bytes.Equal(got, initialBlobs) {
			t.Errorf("in pieces of %d: %x", size, got)
		}
	}
	info := p.info()
	if !info.Options["largeBlobs"] || *info.MaxSerializedLargeBlobArray != blobCapacity {
		t.Errorf("getInfo: %v, %d", info.Options, *info.MaxSerializedLargeBlobArray)
	}
}

func TestLargeBlobsOff(t *testing.T) {
	p := newPlatform(t)
	p.wantStatus(&ctap.LargeBlobsRequest{Get: new(uint64(17)), Offset: new(uint64(0))}, ctap.ErrInvalidCommand)
	if info := p.info(); info.MaxSerializedLargeBlobArray != nil || slices.Contains(info.Extensions, "largeBlobKey") {
		t.Errorf("getInfo offers them: %+v", info)
	} else if _, ok := info.Options["largeBlobs"]; ok {
		t.Error("the option largeBlobs is there")
	}
	p.wantStatus(p.agree(2).tokenRequest(ctap.PermitLargeBlobWrite, ""), ctap.ErrUnauthorizedPermission)
	for _, capacity := range []int{-1, 1, 1023} {
		_, err := authenticator.New(authenticator.Config{
			Store: memory.New(0), User: &authtest.User{}, Random: bytes.NewReader(nil), Now: authtest.NewClock().Now, MaxLargeBlobs: capacity,
		})
		if err == nil {
			t.Errorf("a capacity of %d is taken", capacity)
		}
	}
}

// TestLargeBlobsWrite: an array written in any fragments is there as a whole
// when the last one is taken and not before; what is damaged or cut off leaves
// the array before it.
func TestLargeBlobsWrite(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p := newPlatform(t, largeBlobs)
		have := initialBlobs
		for range rapid.IntRange(1, 3).Draw(rt, "arrays") {
			w := p.blobs(rapid.SampledFrom([]uint64{1, 2}).Draw(rt, "protocol"))
			array := rapid.SliceOfN(rapid.Byte(), 1, 200).Draw(rt, "array")
			array = bytes.Repeat(array, rapid.IntRange(1, (blobCapacity-16)/len(array)).Draw(rt, "times"))
			sum := sha256.Sum256(array)
			whole := slices.Concat(array, sum[:16])
			damaged := rapid.IntRange(0, 3).Draw(rt, "damaged") == 0
			if damaged {
				whole[rapid.IntRange(0, len(whole)-1).Draw(rt, "where")] ^= 1
			}
			stop := len(whole)
			if rapid.IntRange(0, 3).Draw(rt, "cut off") == 0 {
				stop = rapid.IntRange(0, len(whole)-1).Draw(rt, "at")
			}
			length := uint64(len(whole))
			for at := 0; at < stop; {
				n := min(rapid.IntRange(1, 1500).Draw(rt, "fragment"), stop-at)
				status, _ := p.send(w.fragment(uint64(at), whole[at:at+n], length))
				length, at = 0, at+n
				want := ctap.OK
				if damaged && at == len(whole) {
					want = ctap.ErrIntegrityFailure
				}
				if status != want {
					rt.Fatalf("up to %d of %d: %v, want %v", at, len(whole), status, want)
				}
				if !damaged && at == len(whole) {
					have = whole
				}
				if got := p.readBlobs(700); !bytes.Equal(got, have) {
					rt.Fatalf("after %d of %d bytes %x is stored, want %x", at, len(whole), got, have)
				}
			}
		}
		p.PowerCycle()
		if got := p.readBlobs(1984); !bytes.Equal(got, have) {
			rt.Fatal("a power cycle changed the array")
		}
	})
}

func TestLargeBlobsStatus(t *testing.T) {
	n := func(v uint64) *uint64 { return &v }
	whole := sealed16(100, 7)
	for name, tc := range map[string]struct {
		request func(*blobWriter) *ctap.LargeBlobsRequest
		want    ctap.Status
	}{
		"nothing":            {func(*blobWriter) *ctap.LargeBlobsRequest { return &ctap.LargeBlobsRequest{} }, ctap.ErrInvalidParameter},
		"neither":            {func(*blobWriter) *ctap.LargeBlobsRequest { return &ctap.LargeBlobsRequest{Offset: n(0)} }, ctap.ErrInvalidParameter},
		"get without offset": {func(*blobWriter) *ctap.LargeBlobsRequest { return &ctap.LargeBlobsRequest{Get: n(1)} }, ctap.ErrInvalidParameter},
		"both":               {func(w *blobWriter) *ctap.LargeBlobsRequest { r := w.fragment(0, whole, 116); r.Get = n(1); return r }, ctap.ErrInvalidParameter},
		"get with length": {func(*blobWriter) *ctap.LargeBlobsRequest {
			return &ctap.LargeBlobsRequest{Get: n(1), Offset: n(0), Length: n(17)}
		}, ctap.ErrInvalidParameter},
		"get with protocol": {func(*blobWriter) *ctap.LargeBlobsRequest {
			return &ctap.LargeBlobsRequest{Get: n(1), Offset: n(0), Protocol: n(2)}
		}, ctap.ErrInvalidParameter},
		"get with param": {func(*blobWriter) *ctap.LargeBlobsRequest {
			return &ctap.LargeBlobsRequest{Get: n(1), Offset: n(0), AuthParam: []byte{1}}
		}, ctap.ErrInvalidParameter},
		"get the largest": {func(*blobWriter) *ctap.LargeBlobsRequest {
			return &ctap.LargeBlobsRequest{Get: n(2048 - 64), Offset: n(0)}
		}, ctap.OK},
		"get too much": {func(*blobWriter) *ctap.LargeBlobsRequest {
			return &ctap.LargeBlobsRequest{Get: n(2048 - 63), Offset: n(0)}
		}, ctap.ErrInvalidLength},
		"get everything": {func(*blobWriter) *ctap.LargeBlobsRequest {
			return &ctap.LargeBlobsRequest{Get: n(1<<64 - 1), Offset: n(0)}
		}, ctap.ErrInvalidLength},
		"get nothing":      {func(*blobWriter) *ctap.LargeBlobsRequest { return &ctap.LargeBlobsRequest{Get: n(0), Offset: n(0)} }, ctap.OK},
		"get at the end":   {func(*blobWriter) *ctap.LargeBlobsRequest { return &ctap.LargeBlobsRequest{Get: n(1), Offset: n(17)} }, ctap.OK},
		"get past the end": {func(*blobWriter) *ctap.LargeBlobsRequest { return &ctap.LargeBlobsRequest{Get: n(1), Offset: n(18)} }, ctap.ErrInvalidParameter},
		"get far past": {func(*blobWriter) *ctap.LargeBlobsRequest {
			return &ctap.LargeBlobsRequest{Get: n(1), Offset: n(1<<64 - 1)}
		}, ctap.ErrInvalidParameter},
		"set":                    {func(w *blobWriter) *ctap.LargeBlobsRequest { return w.fragment(0, whole, 116) }, ctap.OK},
		"set without offset":     {func(w *blobWriter) *ctap.LargeBlobsRequest { r := w.fragment(0, whole, 116); r.Offset = nil; return r }, ctap.ErrInvalidParameter},
		"set without length":     {func(w *blobWriter) *ctap.LargeBlobsRequest { return w.fragment(0, whole, 0) }, ctap.ErrInvalidParameter},
		"set too much":           {func(w *blobWriter) *ctap.LargeBlobsRequest { return w.fragment(0, make([]byte, 2048-63), 2000) }, ctap.ErrInvalidLength},
		"length above capacity":  {func(w *blobWriter) *ctap.LargeBlobsRequest { return w.fragment(0, whole, blobCapacity+1) }, ctap.ErrLargeBlobStorageFull},
		"length of all there is": {func(w *blobWriter) *ctap.LargeBlobsRequest { return w.fragment(0, whole, blobCapacity) }, ctap.OK},
		"length absurd":          {func(w *blobWriter) *ctap.LargeBlobsRequest { return w.fragment(0, whole, 1<<64-1) }, ctap.ErrLargeBlobStorageFull},
		"length 16":              {func(w *blobWriter) *ctap.LargeBlobsRequest { return w.fragment(0, whole[:16], 16) }, ctap.ErrInvalidParameter},
		"more than announced":    {func(w *blobWriter) *ctap.LargeBlobsRequest { return w.fragment(0, whole, 115) }, ctap.ErrInvalidParameter},
		"offset without a start": {func(w *blobWriter) *ctap.LargeBlobsRequest { return w.fragment(20, whole, 0) }, ctap.ErrInvalidSeq},
		"length later":           {func(w *blobWriter) *ctap.LargeBlobsRequest { return w.fragment(20, whole, 116) }, ctap.ErrInvalidParameter},
		"wrong hash":             {func(w *blobWriter) *ctap.LargeBlobsRequest { return w.fragment(0, make([]byte, 17), 17) }, ctap.ErrIntegrityFailure},
		"no param": {func(w *blobWriter) *ctap.LargeBlobsRequest {
			r := w.fragment(0, whole, 116)
			r.AuthParam = nil
			return r
		}, ctap.ErrPUATRequired},
		"no protocol": {func(w *blobWriter) *ctap.LargeBlobsRequest {
			r := w.fragment(0, whole, 116)
			r.Protocol = nil
			return r
		}, ctap.ErrMissingParameter},
		"protocol 3": {func(w *blobWriter) *ctap.LargeBlobsRequest {
			r := w.fragment(0, whole, 116)
			r.Protocol = n(3)
			return r
		}, ctap.ErrInvalidParameter},
		"wrong param": {func(w *blobWriter) *ctap.LargeBlobsRequest {
			r := w.fragment(0, whole, 116)
			r.AuthParam[0] ^= 1
			return r
		}, ctap.ErrPINAuthInvalid},
		"param of other bytes": {func(w *blobWriter) *ctap.LargeBlobsRequest {
			r := w.fragment(0, whole, 116)
			r.Set = sealed16(100, 8)
			return r
		}, ctap.ErrPINAuthInvalid},
		"param of other offset": {func(w *blobWriter) *ctap.LargeBlobsRequest {
			r := w.fragment(0, whole, 116)
			r.AuthParam = w.fragment(1, whole, 116).AuthParam
			return r
		}, ctap.ErrPINAuthInvalid},
		"another permission": {func(w *blobWriter) *ctap.LargeBlobsRequest {
			w.token = w.platform.token(w.a, ctap.PermitCredentialManagement, "")
			return w.fragment(0, whole, 116)
		}, ctap.ErrPINAuthInvalid},
	} {
		for _, protocol := range []uint64{pinuvauth.One, pinuvauth.Two} {
			p := newPlatform(t, largeBlobs)
			r := tc.request(p.blobs(protocol))
			if status, _ := p.send(r); status != tc.want {
				t.Errorf("%s, protocol %d: %v, want %v", name, protocol, status, tc.want)
			}
			want := initialBlobs
			if name == "set" {
				want = whole
			}
			if got := p.readBlobs(1000); !bytes.Equal(got, want) {
				t.Errorf("%s: %x is stored", name, got)
			}
		}
	}
}

// TestLargeBlobsSequence: what interrupts a write, and what does not.
func TestLargeBlobsSequence(t *testing.T) {
	whole := sealed16(100, 7)
	for name, tc := range map[string]struct {
		between func(*blobWriter)
		want    ctap.Status
	}{
		"nothing":                {func(*blobWriter) {}, ctap.OK},
		"a get":                  {func(w *blobWriter) { w.readBlobs(17) }, ctap.OK},
		"a wrong offset":         {func(w *blobWriter) { w.wantStatus(w.fragment(51, whole[51:], 0), ctap.ErrInvalidSeq) }, ctap.OK},
		"the offset before":      {func(w *blobWriter) { w.wantStatus(w.fragment(49, whole[49:], 0), ctap.ErrInvalidSeq) }, ctap.OK},
		"a length beside offset": {func(w *blobWriter) { w.wantStatus(w.fragment(50, whole[50:], 116), ctap.ErrInvalidParameter) }, ctap.OK},
		"too much":               {func(w *blobWriter) { w.wantStatus(w.fragment(50, make([]byte, 67), 0), ctap.ErrInvalidParameter) }, ctap.OK},
		"a wrong param": {func(w *blobWriter) {
			r := w.fragment(50, whole[50:], 0)
			r.AuthParam[0] ^= 1
			w.wantStatus(r, ctap.ErrPINAuthInvalid)
		}, ctap.OK},
		"getInfo":     {func(w *blobWriter) { w.info() }, ctap.ErrInvalidSeq},
		"selection":   {func(w *blobWriter) { w.raw([]byte{byte(ctap.Selection)}) }, ctap.ErrInvalidSeq},
		"a new start": {func(w *blobWriter) { w.wantStatus(w.fragment(0, whole[:10], 116), ctap.OK) }, ctap.ErrInvalidSeq},
		"a start refused": {func(w *blobWriter) {
			w.wantStatus(w.fragment(0, whole[:10], 16), ctap.ErrInvalidParameter)
		}, ctap.ErrInvalidSeq},
		"a start without right": {func(w *blobWriter) {
			r := w.fragment(0, whole[:50], 116)
			r.AuthParam[0] ^= 1
			w.wantStatus(r, ctap.ErrPINAuthInvalid)
		}, ctap.ErrInvalidSeq},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlatform(t, largeBlobs)
			w := p.blobs(2)
			p.wantStatus(w.fragment(0, whole[:50], 116), ctap.OK)
			tc.between(w)
			p.wantStatus(w.fragment(50, whole[50:], 0), tc.want)
			want := initialBlobs
			if tc.want == ctap.OK {
				want = whole
			}
			if got := p.readBlobs(1000); !bytes.Equal(got, want) {
				t.Errorf("%x is stored", got)
			}
		})
	}
	t.Run("power cycle", func(t *testing.T) {
		p := newPlatform(t, largeBlobs)
		p.wantStatus(p.blobs(2).fragment(0, whole[:50], 116), ctap.OK)
		p.PowerCycle()
		p.wantStatus(&ctap.LargeBlobsRequest{Set: whole[50:], Offset: new(uint64(50))}, ctap.ErrInvalidSeq)
	})
}

// TestLargeBlobsAfterSignIn: one token signs in and then writes, which is how
// platforms fill a blob.
func TestLargeBlobsAfterSignIn(t *testing.T) {
	p := newPlatform(t, largeBlobs)
	c := p.make(mcRequest())
	a := p.agree(2)
	w := &blobWriter{platform: p, a: a, token: p.token(a, ctap.PermitGetAssertion|ctap.PermitLargeBlobWrite, rpID)}
	_, ga := withToken(a, w.token)
	p.get(ga, c)
	whole := sealed16(300, 1)
	p.wantStatus(w.fragment(0, whole, uint64(len(whole))), ctap.OK)
	p.wantStatus(ga, ctap.ErrPINAuthInvalid)
	if !bytes.Equal(p.readBlobs(500), whole) {
		t.Error("the array was not written")
	}
}

// TestLargeBlobsUnprotected: nobody can be verified, so nobody has to be.
func TestLargeBlobsUnprotected(t *testing.T) {
	p := newPlatform(t, largeBlobs, noVerification)
	whole := sealed16(30, 1)
	p.wantStatus(&ctap.LargeBlobsRequest{Set: whole, Offset: new(uint64(0)), Length: new(uint64(len(whole)))}, ctap.OK)
	if !bytes.Equal(p.readBlobs(500), whole) {
		t.Error("the array was not written")
	}
}

// TestLargeBlobsFragmentFollowsMessage: the fragment is bounded by the message.
func TestLargeBlobsFragmentFollowsMessage(t *testing.T) {
	for _, size := range []int{1024, 1200, ctap.MaxMessageSize} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			p := newPlatform(t, func(c *authenticator.Config) { c.MaxMsgSize, c.MaxLargeBlobs = size, 8192 })
			whole := sealed16(size-64-16, 3)
			p.wantStatus(p.blobs(1).fragment(0, whole, uint64(len(whole))), ctap.OK)
			if got := p.readBlobs(uint64(size - 64)); !bytes.Equal(got, whole) {
				t.Errorf("%d bytes, want %d", len(got), len(whole))
			}
			p.wantStatus(&ctap.LargeBlobsRequest{Get: new(uint64(size - 63)), Offset: new(uint64(0))}, ctap.ErrInvalidLength)
		})
	}
}
