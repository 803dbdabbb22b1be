package center

import "time"

// SetupConfig says how tenants are set up.
type SetupConfig struct {
	// ClientID is the public client through which administrators sign in for a set-up. Default Microsoft Graph Command Line
	// Tools.
	ClientID string `koanf:"client_id"`
	// ReadBack is for how long Entra may take to show what a set-up wrote before a person is asked. Default 2 minutes.
	ReadBack time.Duration `koanf:"read_back"`
}
