package relay_test

import (
	"testing"

	"github.com/postern/postern/link/relay"
	"github.com/postern/postern/link/relay/fabrictest"
)

func TestInProcessFabric(t *testing.T) {
	fabrictest.Run(t, func(*testing.T) (here, there relay.Fabric) {
		f := new(relay.InProcess)
		return f, f
	})
}
