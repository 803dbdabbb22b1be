package entrasim

import (
	"strings"
	"time"
)

// How a device belongs to the tenant, in the words of trustType.
const (
	trustJoined     = "AzureAd"
	trustHybrid     = "ServerAd"
	trustRegistered = "Workplace"
)

// Computer is a device object of the directory: joined, registered, or synchronised from Active Directory.
type Computer struct {
	ID          string // object id
	DeviceID    string // the name in its certificate
	DisplayName string
	OSVersion   string `json:",omitempty"`
	Trust       string
	Disabled    bool   `json:",omitempty"`
	Compliant   bool   `json:",omitempty"`
	Owner       string `json:",omitempty"` // user id; nobody owns a hybrid joined one
	Created     time.Time
	Registered  time.Time `json:",omitzero"` // zero: synchronised and not registered yet
	LastSignIn  time.Time `json:",omitzero"`

	// TransportKey is the public key that session keys are encrypted to, as a PKCS#1 RSAPublicKey; Thumbprint is of the only
	// certificate that is good.
	TransportKey []byte `json:",omitempty"`
	Thumbprint   string `json:",omitempty"`

	// SecurityIdentifier and SelfSigned came from Active Directory: the computer proves with the key of that certificate that
	// it is the one that was synchronised.
	SecurityIdentifier string `json:",omitempty"`
	SelfSigned         []byte `json:",omitempty"` // DER
}

func (c *Computer) key() string { return c.DeviceID }

// clone may leave the lock; the byte slices are replaced, never written to.
func (c *Computer) clone() *Computer {
	copied := *c
	return &copied
}

// event is the device as the sign-in log shows it.
func (c *Computer) event() SignInDevice {
	return SignInDevice{ID: c.DeviceID, Name: c.DisplayName, Trust: c.Trust, Compliant: c.Compliant}
}

// maxDevicesOfUser is the default of Entra's setting "Maximum number of devices per user".
const maxDevicesOfUser = 50

// maxComputers bounds the devices of a tenant.
const maxComputers = 100_000

// computer finds a device by device id. The caller holds the lock.
func (t *Tenant) computer(deviceID string) *Computer {
	return t.Computers.get(strings.ToLower(deviceID))
}

// computerByObject finds a device by object id. The caller holds the lock.
func (t *Tenant) computerByObject(id string) (found *Computer) {
	t.Computers.all(func(c *Computer) bool {
		if strings.EqualFold(c.ID, id) {
			found = c
		}
		return found == nil
	})
	return found
}

// devicesOf counts the devices a user owns. The caller holds the lock.
func (t *Tenant) devicesOf(userID string) (n int) {
	t.Computers.all(func(c *Computer) bool {
		if c.Owner == userID {
			n++
		}
		return true
	})
	return n
}

// deviceProblem is why a device is good for nothing now: it was deleted, or disabled. The caller holds the lock.
func (t *Tenant) deviceProblem(deviceID string) *oauthError {
	switch c := t.computer(deviceID); {
	case c == nil:
		return &oauthError{status: 400, kind: "invalid_grant", number: codeDeviceMissing, text: "Device object was not found in the tenant '" + t.Name + "' directory."}
	case c.Disabled:
		return &oauthError{status: 400, kind: "invalid_grant", number: codeDeviceDisabled, text: "Device used during the authentication is disabled."}
	}
	return nil
}
