package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/postern/postern/fido/ctap"
)

// maxBlobArray bounds the large-blob array an authenticator may be read for, in
// bytes, and with the smallest fragment the number of requests that takes.
const (
	maxBlobArray    = 256 << 10
	minBlobFragment = 64
)

// LargeBlob reads the blob of a credential (CTAP 2.1 §6.10.3) by its key, which
// [Client.Credentials] tells. Found is false where it has none.
func (c *Client) LargeBlob(ctx context.Context, key []byte) (blob []byte, found bool, err error) {
	s, err := c.beginBlobs(ctx, key)
	if err != nil {
		return nil, false, named(err)
	}
	defer s.end()
	blob, found, err = s.readBlob(ctx, key)
	return blob, found, named(err)
}

// SetLargeBlob writes the blob of a credential by its key, in place of the one
// it had; a nil blob deletes it. Blobs of others, and what cannot be read, stay
// as they are.
func (c *Client) SetLargeBlob(ctx context.Context, key, blob []byte) error {
	s, err := c.beginBlobs(ctx, key)
	if err != nil {
		return named(err)
	}
	defer s.end()
	if s.protected() {
		if err := s.verifyUser(ctx, Required, ctap.PermitLargeBlobWrite); err != nil {
			return named(err)
		}
	}
	return named(s.writeBlob(ctx, key, blob))
}

func (c *Client) beginBlobs(ctx context.Context, key []byte) (*session, error) {
	if _, err := blobCipher(key); err != nil {
		return nil, err
	}
	s, err := c.begin(ctx, "")
	if err != nil {
		return nil, err
	}
	if !s.info.Options[ctap.OptionLargeBlobs] {
		return nil, fail(NotSupportedError, "the authenticator keeps no large blobs")
	}
	return s, nil
}

// keepsLargeBlobs reports whether credentials can have a blob.
func (s *session) keepsLargeBlobs() bool {
	return s.info.Options[ctap.OptionLargeBlobs] && s.has(ctap.ExtLargeBlobKey)
}

// largeBlob does after an assertion what the extension asks for (WebAuthn
// §10.1.5). A page learns that nothing was read or written, not why.
func (s *session) largeBlob(ctx context.Context, in *ExtensionInputs, key []byte, r *ExtensionResults) error {
	if in.LargeBlob == nil {
		return nil
	}
	r.LargeBlob = &LargeBlobOutput{}
	usable := s.keepsLargeBlobs() && len(key) == ctap.LargeBlobKeySize
	switch {
	case in.LargeBlob.Read && usable:
		blob, found, err := s.readBlob(ctx, key)
		if err == nil && found {
			r.LargeBlob.Blob = append(Bytes{}, blob...)
		}
	case in.LargeBlob.Write != nil:
		written := usable && s.writeBlob(ctx, key, in.LargeBlob.Write) == nil
		r.LargeBlob.Written = &written
	}
	return ctx.Err()
}

func (s *session) readBlob(ctx context.Context, key []byte) ([]byte, bool, error) {
	stored, err := s.readArray(ctx)
	if err != nil || stored == nil {
		return nil, false, err
	}
	entries, err := ctap.SplitLargeBlobArray(stored)
	if err != nil {
		return nil, false, err
	}
	return openBlob(key, entries)
}

func (s *session) writeBlob(ctx context.Context, key, blob []byte) error {
	array, err := s.readArray(ctx)
	if err != nil {
		return err
	}
	var entries []ctap.Raw
	if array != nil {
		if entries, err = ctap.SplitLargeBlobArray(array); err != nil {
			return fmt.Errorf("the large blobs of other credentials cannot be told apart, so nothing was written: %w", err)
		}
	}
	entries = slices.DeleteFunc(entries, func(e ctap.Raw) bool { _, _, ok := decryptBlob(key, e); return ok })
	if blob != nil {
		e, err := sealBlob(s.Random, key, blob)
		if err != nil {
			return err
		}
		entries = append(entries, e)
	}
	next, err := ctap.JoinLargeBlobArray(entries)
	if err != nil {
		return err
	}
	if bytes.Equal(next, array) {
		return nil
	}
	return s.writeArray(ctx, ctap.SealLargeBlobArray(next))
}

// fragment gives the size of a fragment (CTAP 2.1 §6.10.2).
func (s *session) fragment() (int, error) {
	size := s.messageSize() - ctap.LargeBlobOverhead
	if size < minBlobFragment {
		return 0, errors.New("the authenticator's messages are too short for large blobs")
	}
	return size, nil
}

// readArray reads the large-blob array, nil where its hash is wrong: the
// standard has platforms take such a one for empty.
func (s *session) readArray(ctx context.Context) ([]byte, error) {
	size, err := s.fragment()
	if err != nil {
		return nil, err
	}
	var stored []byte
	for len(stored) <= maxBlobArray {
		request, err := (&ctap.LargeBlobsRequest{Get: new(uint64(size)), Offset: new(uint64(len(stored)))}).Encode() // #nosec G115 -- positive
		result, err := s.call(ctx, request, err)
		if err != nil {
			return nil, fmt.Errorf("read large blobs: %w", err)
		}
		resp, err := ctap.DecodeLargeBlobsResponse(result)
		if err != nil {
			return nil, fmt.Errorf("read large blobs: %w", err)
		}
		if len(resp.Config) > size {
			return nil, errors.New("the authenticator gave more of the large blobs than it was asked for")
		}
		stored = append(stored, resp.Config...)
		if len(resp.Config) == size {
			continue
		}
		if !ctap.LargeBlobArrayIntact(stored) {
			return nil, nil
		}
		return stored[:len(stored)-ctap.LargeBlobHashSize], nil
	}
	return nil, fmt.Errorf("the authenticator gave more than %d bytes of large blobs", maxBlobArray)
}

// writeArray writes the stored form of the large-blob array.
func (s *session) writeArray(ctx context.Context, stored []byte) error {
	size, err := s.fragment()
	if err != nil {
		return err
	}
	room := uint64(ctap.MinLargeBlobCapacity)
	if n := s.info.MaxSerializedLargeBlobArray; n != nil {
		room = min(*n, maxBlobArray)
	}
	if uint64(len(stored)) > room {
		return fmt.Errorf("%d bytes: %w", len(stored), ctap.ErrLargeBlobStorageFull)
	}
	for offset := 0; offset < len(stored); offset += size {
		part := stored[offset:min(offset+size, len(stored))]
		r := &ctap.LargeBlobsRequest{Set: part, Offset: new(uint64(offset))} // #nosec G115 -- positive
		if offset == 0 {
			r.Length = new(uint64(len(stored)))
		}
		r.AuthParam, r.Protocol = s.authParam(ctap.LargeBlobsAuthMessage(uint32(offset), part)) // #nosec G115 -- bounded by maxBlobArray
		request, err := r.Encode()
		if _, err := s.call(ctx, request, err); err != nil {
			return fmt.Errorf("write large blobs: %w", err)
		}
	}
	return nil
}
