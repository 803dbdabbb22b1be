package postern

import "time"

// AdministratorInput changes an administrator.
type AdministratorInput struct {
	Version  int64  `json:"version,omitempty" doc:"The version you saw; or send If-Match."`
	Name     string `json:"name" minLength:"1" maxLength:"80"`
	Role     Role   `json:"role" enum:"owner,administrator,helpdesk,auditor"`
	Disabled bool   `json:"disabled" doc:"Whether the administrator is kept from signing in."`
	// Mail is nil to keep the address that is stored, and empty to forget it.
	Mail *string `json:"mail,omitempty" maxLength:"254" doc:"Mail address, such as zoe@contoso.com. Absent keeps the stored one; empty forgets it."`
}

// AdministratorInvitationInput invites an administrator.
type AdministratorInvitationInput struct {
	Name string `json:"name" minLength:"1" maxLength:"80"`
	Role Role   `json:"role" enum:"owner,administrator,helpdesk,auditor"`
}

// AdministratorInvitation is a one-time link, which is shown only here.
type AdministratorInvitation struct {
	Link      string    `json:"link" doc:"Whoever opens it first becomes the administrator. It is not stored and cannot be shown again."`
	Name      string    `json:"name"`
	Role      Role      `json:"role" enum:"owner,administrator,helpdesk,auditor"`
	ExpiresAt time.Time `json:"expires_at"`
}

// AdministratorPasskey is a passkey with which an administrator signs in.
type AdministratorPasskey struct {
	ID        string     `json:"id" doc:"Credential id, base64url."`
	Name      string     `json:"name"`
	CreatedAt time.Time  `json:"created_at"`
	LastUsed  *time.Time `json:"last_used,omitempty"`
}

// Me is who is asking.
type Me struct {
	Actor         Actor          `json:"actor"`
	Permissions   []Permission   `json:"permissions" doc:"What this session or token may do."`
	Administrator *Administrator `json:"administrator,omitempty" doc:"The one who signed in, or whose token it is."`
}
