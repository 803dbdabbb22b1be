package postern

import "time"

// Model is what is known of a model of authenticators, by its AAGUID.
type Model struct {
	AAGUID  string      `json:"aaguid"`
	Name    string      `json:"name"`
	Vendor  string      `json:"vendor,omitempty"`
	Kind    ModelKind   `json:"kind" enum:"security_key,platform,phone,password_manager,unknown"`
	Source  ModelSource `json:"source" enum:"fido,microsoft,community,postern,file"`
	FIPS    bool        `json:"fips,omitempty"`
	Listed  bool        `json:"listed" doc:"Has an entry in the FIDO Metadata Service: only then can Entra verify its attestation."`
	Bundles []string    `json:"bundles,omitempty"`
}

// ModelKind is what sort of thing a model is.
type ModelKind string

// The kinds.
const (
	ModelSecurityKey     ModelKind = "security_key"
	ModelPlatform        ModelKind = "platform"
	ModelPhone           ModelKind = "phone"
	ModelPasswordManager ModelKind = "password_manager"
	ModelKindUnknown     ModelKind = "unknown"
)

// ModelSource is who says so.
type ModelSource string

// The sources.
const (
	ModelFromFIDO      ModelSource = "fido"      // FIDO Metadata Service
	ModelFromMicrosoft ModelSource = "microsoft" // Microsoft's documentation
	ModelFromCommunity ModelSource = "community" // the community list of passkey providers
	ModelFromPostern   ModelSource = "postern"
	ModelFromFile      ModelSource = "file" // somebody of the organisation
)

// ModelBundle is a named set of models, to be written into a policy instead of AAGUIDs.
type ModelBundle struct {
	Name        string   `json:"name"`
	Description string   `json:"description"`
	AAGUIDs     []string `json:"aaguids"`
	Tenant      bool     `json:"tenant,omitempty" doc:"Depends on the tenant: the models in use there."`
}

// BundleInUse is the bundle of the models of all passkeys in a tenant.
const BundleInUse = "in use in this tenant"

// BundlePostern is the bundle with the one model of Postern's phones.
const BundlePostern = "Postern"

// BundleMicrosoftAuthenticator is the bundle of Microsoft's app, of which both models are needed.
const BundleMicrosoftAuthenticator = "Microsoft Authenticator"

// ModelList is the list of models in use.
type ModelList struct {
	Date      string        `json:"date" doc:"Of the newest source, as YYYY-MM-DD."`
	Bundled   bool          `json:"bundled" doc:"It is the list that came with this release."`
	Models    []Model       `json:"models"`
	Bundles   []ModelBundle `json:"bundles"`
	UpdatedAt *time.Time    `json:"updated_at,omitempty"`
	UpdatedBy string        `json:"updated_by,omitempty"`
}

// ModelListDiff is what an update of the list changes.
type ModelListDiff struct {
	From    string            `json:"from"`
	To      string            `json:"to"`
	Added   []Model           `json:"added"`
	Removed []Model           `json:"removed"`
	Renamed []ModelRename     `json:"renamed"`
	Bundles []ModelBundleDiff `json:"bundles" doc:"Bundles that hold other models than before."`
	Applied bool              `json:"applied"`
}

// ModelRename is a model that has another name.
type ModelRename struct {
	AAGUID string `json:"aaguid"`
	Old    string `json:"old"`
	New    string `json:"new"`
}

// ModelBundleDiff is how a bundle changes.
type ModelBundleDiff struct {
	Name    string   `json:"name"`
	Added   []string `json:"added"`
	Removed []string `json:"removed"`
}
