package memory_test

import (
	"testing"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/authenticator/memory"
	"github.com/postern/postern/fido/authenticator/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, func(*testing.T) authenticator.Store { return memory.New(storetest.Capacity) }, nil)
}
