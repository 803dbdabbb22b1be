package authenticator

import (
	"fmt"

	"github.com/postern/postern/fido/ctap"
)

// createCredProtect is credProtect (CTAP 2.1 §12.1): it stores the level asked
// for and echoes it.
func createCredProtect(_ *Authenticator, in ctap.Raw, n *creation) (ctap.Raw, error) {
	level, err := ctap.DecodeUint(in)
	if err != nil {
		return nil, err
	}
	if level < uint64(ctap.UVOptional) || level > uint64(ctap.UVRequired) {
		return nil, fmt.Errorf("level %d: %w", level, ctap.ErrInvalidParameter)
	}
	n.credential.CredProtect = ctap.CredProtect(level)
	return ctap.Marshal(level)
}

// usable reports whether a credential's protection lets it be used or admitted
// to: with verification always, without it not at level 3, and at level 2 only
// where the platform named the credential.
func (c *Credential) usable(uv, named bool) bool {
	switch c.CredProtect {
	case ctap.UVRequired:
		return uv
	case ctap.UVOptionalWithCredentialIDList:
		return uv || named
	}
	return true
}
