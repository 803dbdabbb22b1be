package hid

// Identity is how a virtual authenticator looks on the bus. Windows and Linux
// show the names to people; programs tell devices apart by the serial number.
type Identity struct {
	Vendor, Product uint16 // USB ids
	Version         uint16 // binary coded decimal, 0x0100 is 1.0
	Manufacturer    string
	Name            string // without the manufacturer, which hosts put in front
	Serial          string
}

// DefaultIdentity is Postern's: 1209 is the vendor id that pid.codes shares
// among open projects.
func DefaultIdentity() Identity {
	return Identity{
		Vendor: 0x1209, Product: 0x5057, Version: 0x0100,
		Manufacturer: "Postern", Name: "Security Key", Serial: "0",
	}
}
