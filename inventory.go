package postern

import "time"

// InventoryPasskey is one passkey that Entra lists, whoever made it.
type InventoryPasskey struct {
	IntegrationID IntegrationID `json:"integration_id"`
	ObjectID      string        `json:"object_id" doc:"Of the user."`
	UPN           string        `json:"upn"`
	DisplayName   string        `json:"display_name" doc:"Of the user."`
	Enabled       bool          `json:"enabled" doc:"Whether the account may sign in."`
	Privileged    bool          `json:"privileged,omitempty"`
	MethodID      string        `json:"method_id"`
	Name          string        `json:"name" doc:"Of the passkey."`
	Model         string        `json:"model" doc:"As Entra names it; may be empty."`
	AAGUID        string        `json:"aaguid"`
	ModelName     string        `json:"model_name" doc:"As Postern's list of models names it, or else as Entra does."`
	Attested      bool          `json:"attested"`
	Synced        bool          `json:"synced" doc:"Its provider may copy it between devices; otherwise it is bound to one."`
	CreatedAt     time.Time     `json:"created_at"`
	// LastUsedAt is Entra's, UsedWithPosternAt the phone's own word.
	LastUsedAt        *time.Time `json:"last_used_at,omitempty" doc:"As Entra tells it; absent if it does not."`
	LastUsedReadAt    *time.Time `json:"last_used_read_at,omitempty" doc:"When Entra was asked: the answer may be hours behind."`
	UsedWithPosternAt *time.Time `json:"used_with_postern_at,omitempty" doc:"When the phone last signed in with it, as the phone says, rounded down to the hour; absent if the phone told of no use."`
	PasskeyID         PasskeyID  `json:"passkey_id,omitempty" doc:"Of a managed one."`
	PhoneID           PhoneID    `json:"phone_id,omitempty"`
	PhoneName         string     `json:"phone_name,omitempty" doc:"Of the phone that has it, or on which its user agreed to the one of a workstation."`
	// Workstation is empty for a passkey that a phone or a hardware security key has.
	WorkstationID   WorkstationID `json:"workstation_id,omitempty" doc:"Of the workstation that has it, for signing in without a network."`
	WorkstationName string        `json:"workstation_name,omitempty"`
	SeenAt          time.Time     `json:"seen_at" doc:"When Entra last listed it."`
}

// Place says in words where a managed passkey lies; empty where nobody knows.
func (p InventoryPasskey) Place() string {
	switch {
	case p.WorkstationName != "":
		return "offline passkey of " + p.WorkstationName
	case p.WorkstationID != "":
		return "offline passkey of a workstation"
	}
	return p.PhoneName
}

// Managed reports whether the passkey was made through Postern.
func (p InventoryPasskey) Managed() bool { return p.PasskeyID != "" }

// InventoryUser is a user with what is known of their methods.
type InventoryUser struct {
	ObjectID     string             `json:"object_id"`
	UPN          string             `json:"upn"`
	DisplayName  string             `json:"display_name"`
	Enabled      bool               `json:"enabled"`
	Guest        bool               `json:"guest,omitempty"`
	Privileged   bool               `json:"privileged,omitempty"`
	Roles        []string           `json:"roles,omitempty"`
	Passkeys     []InventoryPasskey `json:"passkeys"`
	Methods      []string           `json:"methods,omitempty" doc:"Registered methods other than passkeys, as the registration report names them."`
	MethodsKnown bool               `json:"methods_known"`
	LookedAt     *time.Time         `json:"looked_at,omitempty" doc:"When the user's passkeys were last read, or known by the registration report and the audit log to be none; absent if never."`
}

// InventoryState is how the inventory of an integration stands.
type InventoryState string

// The states.
const (
	InventoryNever   InventoryState = "never"
	InventoryReading InventoryState = "reading"
	InventoryCurrent InventoryState = "current"
	InventoryFailed  InventoryState = "failed" // the last reading failed; what was known before stands
)

// InventoryStatus says how current and how complete the inventory of an integration is.
type InventoryStatus struct {
	IntegrationID IntegrationID  `json:"integration_id"`
	State         InventoryState `json:"state" enum:"never,reading,current,failed"`
	Full          bool           `json:"full" doc:"Whether the reading under way, or the last one, looks at everybody."`
	Source        string         `json:"source,omitempty" enum:"report,everybody,known" doc:"Who is looked at: those the registration report names, everybody in the directory, or, without the right to read users, those whom Postern knows."`
	Step          string         `json:"step,omitempty" enum:"directory,report,events,passkeys" doc:"What a reading is at."`
	Users         int            `json:"users" doc:"Users looked at so far."`
	UsersPlanned  int            `json:"users_planned"`
	Changed       int            `json:"changed" doc:"Passkeys that appeared, changed or went in that reading."`
	Failures      int            `json:"failures" doc:"Users whose passkeys could not be read."`
	Complete      bool           `json:"complete" doc:"Whether everybody was looked at or is known to have no passkey."`
	StartedAt     *time.Time     `json:"started_at,omitempty"`
	FinishedAt    *time.Time     `json:"finished_at,omitempty" doc:"When a reading last went well."`
	FullAt        *time.Time     `json:"full_at,omitempty"`
	MethodsKnown  bool           `json:"methods_known" doc:"Whether the registration report could be read: AuditLog.Read.All and Entra ID P1."`
	LastUseKnown  bool           `json:"last_use_known" doc:"Whether Entra tells when passkeys were last used."`
	Requests      int            `json:"requests" doc:"Graph requests of the last reading."`
	Throttled     int            `json:"throttled" doc:"How many of them Graph asked to repeat later."`
	Code          Code           `json:"code,omitempty"`
	Message       string         `json:"message,omitempty"`
	Next          string         `json:"next,omitempty"`
}

// InventoryInput asks for a reading.
type InventoryInput struct {
	Full bool `json:"full,omitempty" doc:"Look at everybody instead of what changed."`
}

// InventorySummary counts what the inventory holds.
type InventorySummary struct {
	IntegrationID IntegrationID    `json:"integration_id"`
	Users         int              `json:"users" doc:"Users of the tenant, as far as is known."`
	WithPasskey   int              `json:"with_passkey"`
	WithOne       int              `json:"with_one" doc:"Users with exactly one passkey."`
	Passkeys      int              `json:"passkeys"`
	Managed       int              `json:"managed"`
	Attested      int              `json:"attested"`
	Synced        int              `json:"synced"`
	Stale         int              `json:"stale" doc:"Passkeys that were not used for 90 days, as far as is known."`
	NeverUsed     int              `json:"never_used"`
	PrivilegedAll int              `json:"privileged" doc:"Privileged users."`
	PrivilegedNo  int              `json:"privileged_without" doc:"Privileged users without a passkey."`
	Models        []InventoryModel `json:"models" doc:"Most passkeys first."`
}

// InventoryModel counts the passkeys of one model.
type InventoryModel struct {
	AAGUID   string    `json:"aaguid"`
	Name     string    `json:"name"`
	Names    []string  `json:"names,omitempty" doc:"Names Entra gives it, where they differ."`
	Passkeys int       `json:"passkeys"`
	Users    int       `json:"users"`
	Managed  int       `json:"managed"`
	Attested int       `json:"attested"`
	Synced   int       `json:"synced"`
	First    time.Time `json:"first" doc:"When the oldest of them was registered."`
	Last     time.Time `json:"last"`
	Allowed  Known     `json:"allowed" enum:"yes,no,unknown" doc:"Whether the tenant's policy lets it sign in, for somebody at least."`
}

// InventoryView is a question the inventory answers.
type InventoryView string

// The views of passkeys and, the last three, of users.
const (
	InventoryAll               InventoryView = "all"
	InventoryManaged           InventoryView = "managed"
	InventoryUnmanaged         InventoryView = "unmanaged"
	InventoryUnattested        InventoryView = "unattested"
	InventorySynced            InventoryView = "synced"
	InventoryStale             InventoryView = "stale"
	InventoryDisabledAccount   InventoryView = "disabled_account"
	InventoryPrivilegedWithout InventoryView = "privileged_without"
	InventoryOnlyOne           InventoryView = "only_one"
	InventoryWithout           InventoryView = "without"
)

// OfPasskeys reports whether the view is one of passkeys.
func (v InventoryView) OfPasskeys() bool {
	switch v {
	case "", InventoryAll, InventoryManaged, InventoryUnmanaged, InventoryUnattested, InventorySynced, InventoryStale, InventoryDisabledAccount:
		return true
	}
	return false
}

// OfUsers reports whether the view is one of users; all is both.
func (v InventoryView) OfUsers() bool {
	switch v {
	case "", InventoryAll, InventoryPrivilegedWithout, InventoryOnlyOne, InventoryWithout:
		return true
	}
	return false
}

// InventoryQuery chooses passkeys, or users where the view is one of users.
type InventoryQuery struct {
	IntegrationID IntegrationID
	View          InventoryView // "" means all
	AAGUID        string
	ObjectID      string // of one user
	Text          string // in the user's or the passkey's name
	Offset, Limit int    // Limit at most 1000; 0 means 100
}

// InventoryPage is one page of the passkeys or users that a question chooses.
type InventoryPage[T any] struct {
	Items []T    `json:"items" nullable:"false"`
	Total int    `json:"total" doc:"How many there are on all pages."`
	Next  string `json:"next,omitempty" doc:"Send it as page to get what follows; absent on the last page."`
}

// InventoryFormat is a format of the export of an inventory.
type InventoryFormat = string

// The formats. The lines are those that administrators know from scripts that list AAGUIDs.
const (
	InventoryCSV   InventoryFormat = "csv"
	InventoryJSON  InventoryFormat = "json" // an array of [InventoryUser]
	InventoryLines InventoryFormat = "lines"
)
