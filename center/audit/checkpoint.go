package audit

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/postern/postern"
)

// Checkpoint is what a checkpoint says. Its text is a signed note (golang.org/x/mod/sumdb/note, C2SP signed-note) over three lines:
//
//	origin       Log.Origin, which is also the name of the key
//	size         how many entries it covers, decimal
//	head         hash of the last of them, base64; 32 zero bytes for an empty trail
//
// It has the form of a transparency log's checkpoint (C2SP tlog-checkpoint), but head is the head of a hash chain, not
// the root of a Merkle tree. The key is Ed25519, made at the first use.
type Checkpoint struct {
	Size int64
	Head string // lower-case hex, empty for an empty trail
}

// The settings of the trail.
const (
	settingKey        = "audit/key"        // sealed
	settingCheckpoint = "audit/checkpoint" // the last one made
	sealPurpose       = "audit/checkpoint-key"
	defaultOrigin     = "postern/audit"
)

// maxCheckpoint bounds the text of a checkpoint, in bytes.
const maxCheckpoint = 4096

// Checkpoint signs the head of the trail as it is now and remembers the note as the last one. Keep it outside Postern:
// it proves later that nothing it covers was changed or cut off.
func (l *Log) Checkpoint(ctx context.Context) (string, error) {
	var text string
	err := l.Store.Atomically(ctx, func(ctx context.Context) error {
		sequence, head, err := l.Store.AuditHead(ctx)
		if err != nil {
			return err
		}
		if text, err = l.sign(ctx, Checkpoint{Size: sequence, Head: head}); err != nil {
			return err
		}
		return l.Store.SetSetting(ctx, settingCheckpoint, []byte(text))
	})
	return text, err
}

// VerifierKey returns the public key of the checkpoints in the form that note.NewVerifier takes, so that they can be
// verified without Postern.
func (l *Log) VerifierKey(ctx context.Context) (string, error) {
	keys, err := l.keys(ctx)
	return keys.Verifier, err
}

// ParseCheckpoint opens a checkpoint with the public key that [Log.VerifierKey] gave.
func ParseCheckpoint(verifierKey, text string) (Checkpoint, error) {
	refuse := func(err error) (Checkpoint, error) {
		return Checkpoint{}, postern.Errorf(postern.CodeInvalid, "That is not a checkpoint of this audit trail.").
			WithNext("Give the whole note, with its signature line, as this Postern printed it.").Because(err)
	}
	verifier, err := note.NewVerifier(verifierKey)
	if err != nil {
		return refuse(err)
	}
	if len(text) > maxCheckpoint {
		return refuse(errors.New("it is too long"))
	}
	opened, err := note.Open([]byte(text), note.VerifierList(verifier))
	if err != nil {
		return refuse(err)
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() || lines[3] != "" {
		return refuse(errors.New("it does not have the three lines of a checkpoint"))
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != lines[1] {
		return refuse(fmt.Errorf("its size is %q", lines[1]))
	}
	head, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(head) != 32 {
		return refuse(fmt.Errorf("its head is %q", lines[2]))
	}
	c := Checkpoint{Size: size, Head: hex.EncodeToString(head)}
	if size == 0 {
		c.Head = ""
	}
	return c, nil
}

func (l *Log) openCheckpoint(ctx context.Context, text string) (Checkpoint, error) {
	keys, err := l.keys(ctx)
	if err != nil {
		return Checkpoint{}, err
	}
	return ParseCheckpoint(keys.Verifier, text)
}

func (l *Log) sign(ctx context.Context, c Checkpoint) (string, error) {
	signer, err := l.signer(ctx)
	if err != nil {
		return "", err
	}
	head := make([]byte, 32)
	if c.Head != "" {
		if head, err = hex.DecodeString(c.Head); err != nil || len(head) != 32 {
			return "", postern.Errorf(postern.CodeAuditBroken, "The head of the audit trail is not a hash.")
		}
	}
	text := fmt.Sprintf("%s\n%d\n%s\n", signer.Name(), c.Size, base64.StdEncoding.EncodeToString(head))
	signed, err := note.Sign(&note.Note{Text: text}, signer)
	if err != nil {
		return "", fmt.Errorf("audit: sign a checkpoint: %w", err)
	}
	return string(signed), nil
}

func (l *Log) signer(ctx context.Context) (note.Signer, error) {
	keys, err := l.keys(ctx)
	if err != nil {
		return nil, err
	}
	signer, err := note.NewSigner(keys.Signer)
	if err != nil {
		return nil, errors.New("audit: the stored signing key cannot be read") // the error would hold the key
	}
	return signer, nil
}

// keyPair is a signing key and its verifier in the text forms of package note.
type keyPair struct {
	Signer   string `json:"signer"`
	Verifier string `json:"verifier"`
}

// keys opens the stored key pair, and makes one if there is none.
func (l *Log) keys(ctx context.Context) (keyPair, error) {
	var keys keyPair
	sealed, err := l.Store.Setting(ctx, settingKey)
	if err != nil {
		return keys, err
	}
	if sealed == nil {
		return l.makeKeys(ctx)
	}
	return l.unseal(ctx, sealed)
}

func (l *Log) unseal(ctx context.Context, sealed []byte) (keyPair, error) {
	var keys keyPair
	plain, err := l.Sealer.Open(ctx, sealPurpose, sealed)
	if err != nil {
		return keys, fmt.Errorf("audit: key of the checkpoints: %w", err)
	}
	if err := json.Unmarshal(plain, &keys); err != nil {
		return keys, errors.New("audit: the stored signing key cannot be read") // the error would hold a part of the key
	}
	return keys, nil
}

// makeKeys makes the key pair under the lock of the head, so that of two that start at once one makes it and the other
// reads it.
func (l *Log) makeKeys(ctx context.Context) (keyPair, error) {
	origin := l.Origin
	if origin == "" {
		origin = defaultOrigin
	}
	var keys keyPair
	err := l.Store.Atomically(ctx, func(ctx context.Context) error {
		if _, _, err := l.Store.AuditHead(ctx); err != nil {
			return err
		}
		sealed, err := l.Store.Setting(ctx, settingKey)
		if err != nil {
			return err
		}
		if sealed != nil {
			keys, err = l.unseal(ctx, sealed)
			return err
		}
		if keys.Signer, keys.Verifier, err = note.GenerateKey(rand.Reader, origin); err != nil {
			return fmt.Errorf("audit: make the signing key: %w", err)
		}
		if _, err := note.NewVerifier(keys.Verifier); err != nil {
			return fmt.Errorf("audit: the origin %q cannot name a key: it must hold neither white space nor a plus sign", origin)
		}
		plain, err := json.Marshal(keys)
		if err != nil {
			return fmt.Errorf("audit: %w", err)
		}
		if sealed, err = l.Sealer.Seal(ctx, sealPurpose, plain); err != nil {
			return fmt.Errorf("audit: seal the signing key: %w", err)
		}
		return l.Store.SetSetting(ctx, settingKey, sealed)
	})
	return keys, err
}

// Coverage is how far the last checkpoint reaches.
type Coverage struct {
	Entries int64 // of the trail
	Covered int64 // of them, by the last checkpoint; 0 if none was made
	// Forged: the checkpoint in the database was not signed by this Postern.
	Forged bool
	// Since is when the first entry was made that it does not cover; zero if it covers all.
	Since time.Time
}

// Coverage looks at the last checkpoint. It verifies its signature, and nothing of the trail.
func (l *Log) Coverage(ctx context.Context) (Coverage, error) {
	var c Coverage
	text, err := l.Store.Setting(ctx, settingCheckpoint)
	if err != nil {
		return c, err
	}
	if text != nil {
		last, err := l.openCheckpoint(ctx, string(text))
		if c.Forged = postern.IsCode(err, postern.CodeInvalid); err != nil && !c.Forged {
			return c, err
		}
		c.Covered = last.Size
	}
	if c.Entries, _, err = l.Store.AuditHead(ctx); err != nil || c.Entries <= c.Covered {
		return c, err
	}
	next, err := l.Store.AuditEvents(ctx, Query{AfterSequence: c.Covered, Limit: 1})
	if err == nil && len(next) > 0 {
		c.Since = next[0].At
	}
	return c, err
}
