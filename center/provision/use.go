package provision

import (
	"context"
	"time"

	"github.com/postern/postern"
)

// usePrecision is how precisely uses are kept: nobody's working day is to be read off them.
const usePrecision = time.Hour

// NoteUse keeps when a phone last signed in with an active passkey of its own, which is CodeNotFound otherwise. Uses only
// ever move forward, so the same again, and word of an earlier one that comes late, changes nothing.
func (s *Service) NoteUse(ctx context.Context, phone postern.PhoneID, id postern.PasskeyID, in postern.PasskeyUse) error {
	now, used := s.Now().UTC(), in.UsedAt.UTC()
	switch {
	case used.After(now.Add(postern.PhoneProofWindow)):
		return postern.FieldErrorf("used_at", "The passkey was used in the future.").WithNext("Set the phone's clock.")
	case used.After(now):
		used = now
	case used.Unix() <= 0:
		return postern.FieldErrorf("used_at", "It is not said when the passkey was used.")
	}
	return s.Store.NotePasskeyUse(ctx, id, phone, used.Truncate(usePrecision))
}
