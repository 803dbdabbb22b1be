package doctor

import (
	"time"

	"github.com/postern/postern/agent"
	"github.com/postern/postern/agent/doctor/printed"
	"github.com/postern/postern/agent/join"
)

// Facts are what was seen.
type Facts struct {
	Now       time.Time
	GOOS      string
	Running   bool       // a service runs here
	Inside    bool       // it is the service that looked
	View      agent.View // of it, or of what is kept
	Net       Net
	Tunnels   []Reach // the services that cross-device passkeys go through
	Door      Door
	Keys      []Key // security keys that are plugged in, ours among them
	Browsers  []Browser
	Bluetooth Bluetooth
	TPM       *bool // there is one; nil is not told
	Windows   *Windows
}

// Net is the way to the control center. An error is a text; "" is none.
type Net struct {
	Host     string
	Proxy    string // by which the system wants to go, without its password
	DNS, TCP string
	TLS      string
	HTTP     string // reached, but what answered is no control center
	Relay    string // the WebSocket was not taken
	// Ahead is how far the control center's clock is ahead of ours.
	Ahead   time.Duration
	Version string // of the control center
}

// Reach is the way to another address, as far as TLS.
type Reach struct {
	Host, Proxy, DNS, TCP, TLS string
}

// Door is how virtual keys are made on this machine.
type Door struct {
	Looked  bool
	Missing bool // there is none: no module, no driver
	Denied  bool // this account may not use it
	Rule    bool // Linux: a rule of udev gives it to a group
	Path    string
}

// Key is a security key in this machine.
type Key struct {
	Path, Name, Serial string
	Virtual            bool // Postern's
	Readable           bool // by this account
	Reader             bool // a reader for smart cards, with contacts or NFC, which may hold a security key
}

// Browser is one that is installed.
type Browser struct {
	Name     string // chrome, edge, chromium, firefox, brave
	Version  string // "" is not told
	Confined bool   // packaged so that it reaches no security key
	Policy   ExtensionPolicy
}

// ExtensionPolicy is what policies say of the Postern extension in a browser.
type ExtensionPolicy string

// What policies may say.
const (
	ExtensionFree    ExtensionPolicy = ""        // nothing, or it is allowed
	ExtensionBlocked ExtensionPolicy = "blocked" // nobody may install it
	ExtensionForced  ExtensionPolicy = "forced"  // it is installed for everybody
)

// Bluetooth is what there is of it. Nil is not told.
type Bluetooth struct {
	Present, On, Service *bool
}

// Windows is what Windows tells of itself.
type Windows struct {
	Build, Revision uint64 // 26200, 7462
	Display         string // 25H2
	Edition         string // EditionID: Core, Professional, Enterprise, EnterpriseS…
	Server          bool
	SMode, ARM      bool
	LastUpdate      time.Time // when the newest update was installed; zero is not told

	GPO, MDM         *uint64 // security keys at the sign-in screen, by Group Policy and by MDM or a provisioning package
	Provider         *bool   // the credential provider for security keys is registered; nil is not told
	ProviderDisabled bool
	Excluded         bool   // by the policy Exclude credential providers
	DefaultProvider  string // by policy: the identifier of another one
	HelloPolicy      *uint64
	NoRedirection    bool // WebAuthn may not be redirected into remote sessions
	Desktop          string

	Driver     Driver
	Join       join.Report
	JoinError  string // why Join is not known
	User       bool   // Join was asked as a user, so that it tells of that user
	Controller printed.Controller
	// ControllerAsked: a domain controller was looked for, and there was an answer.
	ControllerAsked bool
	// Untold is why PowerShell did not tell of devices and services; "" where it did.
	Untold string
}

// Driver is usbip-win2.
type Driver struct {
	Service     bool   // its service is registered
	Running     bool   // its driver is loaded
	Device      bool   // its host controller is there
	Version     string // 0.9.7.7
	Problem     uint32 // of its host controller, as Windows counts problems
	Signed      bool
	TestSigning bool // Windows takes drivers that are signed for tests
}
