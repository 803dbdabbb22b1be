package job

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// envelopeKind is the one kind that River knows. The kinds of this package travel inside, so that handlers can be
// registered without a Go type of River's for each.
const envelopeKind = "postern"

// envelope is what River stores as the arguments of a job:
//
//	kind  the kind of this package
//	key   lower-case hex of SHA-256 over kind, a zero byte and args: equal jobs have equal keys
//	args  the arguments as JSON
type envelope struct {
	Name string          `json:"kind"`
	Key  string          `json:"key"`
	Args json.RawMessage `json:"args"`
}

// Kind implements river.JobArgs.
func (envelope) Kind() string { return envelopeKind }

// maxArgs bounds the arguments of a job, in bytes. They hold identifiers.
const maxArgs = 16 << 10

func enclose(args Args) (envelope, error) {
	raw, err := json.Marshal(args)
	if err != nil {
		return envelope{}, fmt.Errorf("job: arguments of %s: %w", args.Kind(), err)
	}
	if len(raw) > maxArgs {
		return envelope{}, fmt.Errorf("job: arguments of %s have %d bytes; %d is the most", args.Kind(), len(raw), maxArgs)
	}
	return envelope{Name: args.Kind(), Key: Key(args.Kind(), raw), Args: raw}, nil
}

// Key is equal for two jobs of one kind with the same arguments.
func Key(kind string, args json.RawMessage) string {
	hash := sha256.New()
	hash.Write([]byte(kind))
	hash.Write([]byte{0})
	hash.Write(args)
	return hex.EncodeToString(hash.Sum(nil))
}

// lockNumber maps a key to PostgreSQL's space of advisory locks. Two keys that meet there merely wait for each other.
func lockNumber(key string) int64 {
	hash := sha256.Sum256([]byte("postern job " + key))
	return int64(binary.BigEndian.Uint64(hash[:8])) //nolint:gosec // any 64 bits will do
}
