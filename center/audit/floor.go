package audit

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/postern/postern"
)

// The note of a floor is signed with the key of the checkpoints, over four lines:
//
//	origin + "/floor"   so that it can never pass for a checkpoint
//	sequence            of the last entry that was removed, decimal
//	hash                of that entry, base64
//	floor before        sequence of the removal before this one, 0 for the first
const floorSuffix = "/floor"

func floorText(origin string, f Floor, before int64) (string, error) {
	hash, err := hex.DecodeString(f.Hash)
	if err != nil || len(hash) != 32 {
		return "", postern.Errorf(postern.CodeAuditBroken, "The hash of entry %d is none.", f.Sequence)
	}
	return fmt.Sprintf("%s%s\n%d\n%s\n%d\n", origin, floorSuffix, f.Sequence, base64.StdEncoding.EncodeToString(hash), before), nil
}

// signFloor makes the note of a removal.
func (l *Log) signFloor(ctx context.Context, f Floor, before int64) (string, error) {
	signer, err := l.signer(ctx)
	if err != nil {
		return "", err
	}
	text, err := floorText(signer.Name(), f, before)
	if err != nil {
		return "", err
	}
	signed, err := note.Sign(&note.Note{Text: text}, signer)
	if err != nil {
		return "", fmt.Errorf("audit: sign a floor: %w", err)
	}
	return string(signed), nil
}

// genuine reports whether the floor is one that this Postern signed.
func (l *Log) genuine(ctx context.Context, f Floor) (bool, error) {
	keys, err := l.keys(ctx)
	if err != nil {
		return false, err
	}
	verifier, err := note.NewVerifier(keys.Verifier)
	if err != nil {
		return false, errors.New("audit: the stored verifier key cannot be read")
	}
	if len(f.Note) > maxCheckpoint {
		return false, nil
	}
	opened, err := note.Open([]byte(f.Note), note.VerifierList(verifier))
	if err != nil {
		return false, nil //nolint:nilerr // somebody else's note, or none: not genuine, and no fault
	}
	var before int64
	if lines := strings.Split(opened.Text, "\n"); len(lines) == 5 {
		if before, err = strconv.ParseInt(lines[3], 10, 64); err != nil {
			return false, nil //nolint:nilerr // not what was signed here
		}
	}
	want, err := floorText(verifier.Name(), f, before)
	return err == nil && opened.Text == want, nil
}
