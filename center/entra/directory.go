package entra

import (
	"context"
	"iter"

	"github.com/postern/postern"
)

func (t *Tenant) Permissions(ctx context.Context) (postern.PermissionReport, error) {
	return postern.PermissionReport{}, errSkeleton
}

func (t *Tenant) Test(ctx context.Context) (postern.ConnectionTest, error) {
	return postern.ConnectionTest{}, errSkeleton
}

func (t *Tenant) User(ctx context.Context, idOrUPN string) (postern.DirectoryUser, error) {
	return postern.DirectoryUser{}, errSkeleton
}

func (t *Tenant) Users(ctx context.Context, search string, limit int) ([]postern.DirectoryUser, error) {
	return nil, errSkeleton
}

func (t *Tenant) AllUsers(ctx context.Context) iter.Seq2[postern.DirectoryUser, error] {
	return func(yield func(postern.DirectoryUser, error) bool) { yield(postern.DirectoryUser{}, errSkeleton) }
}

func (t *Tenant) PrivilegedUsers(ctx context.Context) (map[string][]string, error) {
	return nil, errSkeleton
}

func (t *Tenant) RevokeSessions(ctx context.Context, user string) error { return errSkeleton }

// Group is a group of the tenant.
type Group struct {
	ID          string
	DisplayName string
	Description string
	Security    bool
	Dynamic     bool // its members follow a rule; nobody else can change them
	Synced      bool // mastered on premises; Graph cannot change it
}

// NewGroup is a security group to make.
type NewGroup struct {
	DisplayName  string
	Description  string
	MailNickname string // made from DisplayName if empty
}

// Member is an object in a group. UPN and DisplayName are empty where the application may not read users.
type Member struct {
	ObjectID    string
	Type        string // "user", "group", "device", "servicePrincipal"
	UPN         string
	DisplayName string
}

func (t *Tenant) GroupByID(ctx context.Context, id string) (Group, error) {
	return Group{}, errSkeleton
}

func (t *Tenant) FindGroups(ctx context.Context, displayName string) ([]Group, error) {
	return nil, errSkeleton
}

func (t *Tenant) CreateGroup(ctx context.Context, g NewGroup) (Group, error) {
	return Group{}, errSkeleton
}

func (t *Tenant) AddMembers(ctx context.Context, groupID string, objectIDs []string) error {
	return errSkeleton
}

func (t *Tenant) RemoveMember(ctx context.Context, groupID, objectID string) error {
	return errSkeleton
}

func (t *Tenant) Members(ctx context.Context, groupID string) iter.Seq2[Member, error] {
	return func(yield func(Member, error) bool) { yield(Member{}, errSkeleton) }
}

func (t *Tenant) IsMember(ctx context.Context, groupID, objectID string) (bool, error) {
	return false, errSkeleton
}

// PasskeyPolicy is the passkey (FIDO2) configuration of the authentication methods policy.
type PasskeyPolicy struct {
	Enabled             bool
	SelfService         bool
	AttestationEnforced bool // deprecated by Microsoft in favour of profiles
	KeyRestrictions     KeyRestrictions
	DefaultProfile      string
	Profiles            []PasskeyProfile
	Include             []PolicyTarget
	Exclude             []PolicyTarget
}

// KeyRestrictions allow or block authenticator models.
type KeyRestrictions struct {
	Enforced bool
	Block    bool // block the listed models instead of allowing only them
	AAGUIDs  []string
}

// PasskeyProfile is one set of rules; a user passes who satisfies any single profile of theirs completely.
type PasskeyProfile struct {
	ID                  string
	Name                string
	DeviceBound         bool
	Synced              bool
	AttestationEnforced bool
	KeyRestrictions     KeyRestrictions
}

// PolicyTarget is a group, or all_users.
type PolicyTarget struct {
	ID       string
	Type     string
	Profiles []string
}

func (t *Tenant) PasskeyPolicy(ctx context.Context) (PasskeyPolicy, error) {
	return PasskeyPolicy{}, errSkeleton
}
