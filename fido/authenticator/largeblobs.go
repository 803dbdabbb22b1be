package authenticator

import (
	"context"
	"fmt"
	"math"

	"github.com/postern/postern/fido/ctap"
)

// emptyLargeBlobs is the stored form of the empty large-blob array.
var emptyLargeBlobs = ctap.SealLargeBlobArray([]byte{0x80})

// blobWrite is a large-blob array that has come in part. It grows with what
// comes, never beyond expected.
type blobWrite struct {
	data     []byte
	expected uint64 // bytes of the whole; 0: none is being written
}

func (a *Authenticator) hasLargeBlobs() bool { return a.maxLargeBlobs > 0 }

// largeBlobs is authenticatorLargeBlobs (CTAP 2.1 §6.10.2).
func (a *Authenticator) largeBlobs(ctx context.Context, params []byte) ([]byte, error) {
	if !a.hasLargeBlobs() {
		return nil, ctap.ErrInvalidCommand
	}
	req, err := ctap.DecodeLargeBlobsRequest(params)
	if err != nil {
		return nil, err
	}
	if req.Offset == nil {
		return nil, fmt.Errorf("offset is missing: %w", ctap.ErrInvalidParameter)
	}
	if (req.Get == nil) == (req.Set == nil) {
		return nil, fmt.Errorf("either get or set: %w", ctap.ErrInvalidParameter)
	}
	resp := &ctap.LargeBlobsResponse{}
	if req.Get != nil {
		resp.Config, err = a.readLargeBlobs(req)
	} else {
		err = a.writeLargeBlobs(ctx, req)
	}
	if err != nil {
		return nil, err
	}
	return resp.Encode()
}

// maxFragment is the most bytes a request or an answer carries.
func (a *Authenticator) maxFragment() uint64 {
	return uint64(a.maxMsgSize) - ctap.LargeBlobOverhead // #nosec G115 -- above 1024 by New
}

// readLargeBlobs needs no authorisation: every blob is encrypted.
func (a *Authenticator) readLargeBlobs(req *ctap.LargeBlobsRequest) ([]byte, error) {
	if req.Length != nil || req.AuthParam != nil || req.Protocol != nil {
		return nil, fmt.Errorf("get stands with offset alone: %w", ctap.ErrInvalidParameter)
	}
	if *req.Get > a.maxFragment() {
		return nil, ctap.ErrInvalidLength
	}
	stored := a.state.LargeBlobs
	if stored == nil {
		stored = emptyLargeBlobs
	}
	size := uint64(len(stored))
	if *req.Offset > size {
		return nil, fmt.Errorf("offset is past the end: %w", ctap.ErrInvalidParameter)
	}
	return stored[*req.Offset:min(*req.Offset+*req.Get, size)], nil
}

// writeLargeBlobs takes a fragment, and the array over when it is complete and
// whole. A first fragment ends whatever was being written.
func (a *Authenticator) writeLargeBlobs(ctx context.Context, req *ctap.LargeBlobsRequest) error {
	if uint64(len(req.Set)) > a.maxFragment() {
		return ctap.ErrInvalidLength
	}
	if err := a.placeFragment(req); err != nil {
		return err
	}
	if a.protected() || a.state.AlwaysUV {
		message := ctap.LargeBlobsAuthMessage(uint32(*req.Offset), req.Set) // #nosec G115 -- placed below the capacity
		if err := a.authoriseCommand(req.Protocol, message, req.AuthParam, ctap.PermitLargeBlobWrite); err != nil {
			return err
		}
	}
	w := &a.blobWrite
	if uint64(len(w.data)+len(req.Set)) > w.expected {
		return fmt.Errorf("more than was announced: %w", ctap.ErrInvalidParameter)
	}
	w.data = append(w.data, req.Set...)
	if uint64(len(w.data)) < w.expected {
		return nil
	}
	whole := w.data
	a.blobWrite = blobWrite{}
	if !ctap.LargeBlobArrayIntact(whole) {
		return ctap.ErrIntegrityFailure
	}
	return a.changeState(ctx, func(s *State) { s.LargeBlobs = whole })
}

// placeFragment holds a fragment to its place: the first one announces the
// length of the whole, every other begins where the one before it ended.
func (a *Authenticator) placeFragment(req *ctap.LargeBlobsRequest) error {
	if *req.Offset != 0 {
		switch {
		case req.Length != nil:
			return fmt.Errorf("length belongs to the first fragment: %w", ctap.ErrInvalidParameter)
		case a.blobWrite.expected == 0 || *req.Offset != uint64(len(a.blobWrite.data)):
			return ctap.ErrInvalidSeq
		}
		return nil
	}
	a.blobWrite = blobWrite{}
	switch {
	case req.Length == nil:
		return fmt.Errorf("length is missing: %w", ctap.ErrInvalidParameter)
	case *req.Length > uint64(a.maxLargeBlobs): // #nosec G115 -- positive by New
		return ctap.ErrLargeBlobStorageFull
	case *req.Length < ctap.MinLargeBlobArray:
		return fmt.Errorf("shorter than the empty array: %w", ctap.ErrInvalidParameter)
	}
	a.blobWrite.expected = *req.Length
	return nil
}

// provideLargeBlobs holds a configured capacity to what getInfo may say and the
// offset of a fragment can.
func (a *Authenticator) provideLargeBlobs(capacity int) error {
	if capacity != 0 && (capacity < ctap.MinLargeBlobCapacity || capacity > math.MaxInt32) {
		return fmt.Errorf("authenticator: MaxLargeBlobs must be 0 or at least %d", ctap.MinLargeBlobCapacity)
	}
	a.maxLargeBlobs = capacity
	return nil
}

// describeLargeBlobs adds to getInfo what a platform has to know of them.
func (a *Authenticator) describeLargeBlobs(info *ctap.Info) {
	if !a.hasLargeBlobs() {
		return
	}
	info.Options[ctap.OptionLargeBlobs] = true
	info.MaxSerializedLargeBlobArray = new(uint64(a.maxLargeBlobs)) // #nosec G115 -- positive by New
}
