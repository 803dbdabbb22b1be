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
	Status  string      `json:"status,omitempty" doc:"In the FIDO Metadata Service, as it spells it: a warning such as REVOKED if there is one, otherwise the best certification."`
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
	Version   int64             `json:"version" doc:"Send it with an update; 0 as long as nobody updated the list."`
	Date      string            `json:"date" doc:"Of the newest source, as YYYY-MM-DD."`
	Bundled   bool              `json:"bundled" doc:"It is the list that came with this release."`
	Sources   []ModelListSource `json:"sources" doc:"Where the list is from."`
	Models    []Model           `json:"models"`
	Bundles   []ModelBundle     `json:"bundles"`
	UpdatedAt *time.Time        `json:"updated_at,omitempty"`
	UpdatedBy string            `json:"updated_by,omitempty"`
	Check     *ModelListCheck   `json:"check,omitempty" doc:"What the last scheduled look for a newer list found."`
}

// ModelListSource is one source of a list of models.
type ModelListSource struct {
	Source  ModelSource `json:"source" enum:"fido,microsoft,community,postern,file"`
	Date    string      `json:"date" doc:"As of when, as YYYY-MM-DD."`
	Models  int         `json:"models"`
	Origin  string      `json:"origin" doc:"Address, name of the file, or the release of Postern."`
	Number  int64       `json:"number,omitempty" doc:"Of FIDO's metadata, which counts its issues."`
	Next    string      `json:"next,omitempty" doc:"When FIDO meant to issue the one after it, as YYYY-MM-DD."`
	Signer  string      `json:"signer,omitempty" doc:"Whose signature was checked; absent if there was none to check."`
	Bundled bool        `json:"bundled" doc:"It came with this release."`
	At      *time.Time  `json:"at,omitempty"`
	By      string      `json:"by,omitempty"`
}

// ModelListCheck is what a look for a newer list found.
type ModelListCheck struct {
	At      time.Time `json:"at"`
	Address string    `json:"address"`
	Newer   bool      `json:"newer" doc:"There is one that says something else than the list in use. It was not applied."`
	Number  int64     `json:"number,omitempty"`
	Changes int       `json:"changes" doc:"Models that it adds, removes or changes."`
	Code    Code      `json:"code,omitempty"`
	Message string    `json:"message,omitempty"`
	Next    string    `json:"next,omitempty"`
}

// ModelListInput is an update of the list of models: FIDO's metadata BLOB, or a list in the form of the community's list
// of passkey providers, from an address or as it stands in a file.
type ModelListInput struct {
	Version int64  `json:"version" doc:"The version you saw."`
	Address string `json:"address,omitempty" maxLength:"2000" doc:"https://…; what is there must be signed."`
	Content string `json:"content,omitempty" doc:"The file. A list that is not FIDO's may come without a signature this way."`
	File    string `json:"file,omitempty" maxLength:"200" doc:"Its name, for the trail."`
	// Signature is a note as of golang.org/x/mod/sumdb/note.
	Signature string      `json:"signature,omitempty" maxLength:"8192" doc:"A signed note about the file, by a signer that the configuration names."`
	Source    ModelSource `json:"source,omitempty" enum:"community,file" doc:"Of a list that is not FIDO's: whether it takes the place of the community's list, or of the organisation's own, whose names go before all others."`
	DryRun    bool        `json:"dry_run,omitempty" doc:"Only say what would change."`
}

// ModelListDiff is what an update of the list changes.
type ModelListDiff struct {
	From    ModelListSource   `json:"from" doc:"The source as it is."`
	To      ModelListSource   `json:"to" doc:"The source as it becomes."`
	Added   []Model           `json:"added"`
	Removed []Model           `json:"removed"`
	Renamed []ModelRename     `json:"renamed"`
	Changed []ModelChange     `json:"changed" doc:"What else is said of models."`
	Bundles []ModelBundleDiff `json:"bundles" doc:"Bundles that hold other models than before."`
	Version int64             `json:"version" doc:"Of the list: the one compared with, or the one after it if the update was applied."`
	Applied bool              `json:"applied"`
}

// Size is how many models the update adds, removes or changes.
func (d ModelListDiff) Size() int {
	return len(d.Added) + len(d.Removed) + len(d.Renamed) + len(d.Changed)
}

// ModelRename is a model that has another name.
type ModelRename struct {
	AAGUID string `json:"aaguid"`
	Old    string `json:"old"`
	New    string `json:"new"`
}

// ModelChange is something else that is said of a model.
type ModelChange struct {
	AAGUID string `json:"aaguid"`
	Name   string `json:"name"`
	Field  string `json:"field" enum:"vendor,kind,fips,listed,status"`
	Old    string `json:"old"`
	New    string `json:"new"`
}

// ModelBundleDiff is how a bundle changes.
type ModelBundleDiff struct {
	Name    string  `json:"name"`
	Added   []Model `json:"added"`
	Removed []Model `json:"removed"`
}
