package postern

// Flag names one feature flag of an integration. All five are mandatory for the full experience; each that is off
// takes exactly its own part away.
type Flag string

// The five flags.
const (
	// FlagAzureIDP offers the Microsoft Entra ID tile under Add New Integrations. Off: no new integration.
	FlagAzureIDP Flag = "AZURE_IDP_INTEGRATION"
	// FlagAzureNativeLogin offers the native login experience. Off: an integration cannot choose it.
	FlagAzureNativeLogin Flag = "AZURE_NATIVE_LOGIN"
	// FlagFIDO2MobileAuthenticator lets the phone act as a security key. Off: no pairing and no sign-in by phone.
	FlagFIDO2MobileAuthenticator Flag = "FIDO2_MOBILE_AUTHENTICATOR"
	// FlagWorkstation lets workstations pair. Off: no workstation pairing.
	FlagWorkstation Flag = "RP_APP_WORKSTATION_ENABLED"
	// FlagProvisionAPI lets Postern register passkeys on behalf of users. Off: users register at Security info.
	FlagProvisionAPI Flag = "AZURE_PROVISION_API"
)

// FlagInfo is what pages say of a flag.
type FlagInfo struct {
	Flag Flag   `json:"flag"`
	On   string `json:"on"`  // what the flag allows
	Off  string `json:"off"` // what is missing without it
}

// Flags lists the five flags in the order in which pages show them.
var Flags = []FlagInfo{
	{FlagAzureIDP, "Microsoft Entra ID is offered as an integration.", "Microsoft Entra ID is not offered under Add New Integrations."},
	{FlagAzureNativeLogin, "The native Microsoft Entra login experience is offered.", "The native login experience is not offered."},
	{FlagFIDO2MobileAuthenticator, "Phones act as FIDO2 security keys.", "Phones cannot enrol or act as security keys."},
	{FlagWorkstation, "Workstations can be paired with phones.", "No workstation can be paired."},
	{FlagProvisionAPI, "Postern registers passkeys on behalf of users.", "Users have to register the passkey themselves at Security info."},
}

// FlagSet says which flags are on. A flag that is absent is off.
type FlagSet map[Flag]bool

// AllFlags returns a set with every flag on, the state of a new integration.
func AllFlags() FlagSet {
	set := make(FlagSet, len(Flags))
	for _, info := range Flags {
		set[info.Flag] = true
	}
	return set
}

// Missing lists the flags that are off, in the order of [Flags].
func (s FlagSet) Missing() []Flag {
	var missing []Flag
	for _, info := range Flags {
		if !s[info.Flag] {
			missing = append(missing, info.Flag)
		}
	}
	return missing
}

// Check refuses flags that do not exist.
func (s FlagSet) Check() error {
	for flag := range s {
		known := false
		for _, info := range Flags {
			known = known || info.Flag == flag
		}
		if !known {
			return FieldErrorf("flags", "There is no feature flag %q.", flag)
		}
	}
	return nil
}
