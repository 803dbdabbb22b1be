package web

import (
	"github.com/a-h/templ"

	"github.com/postern/postern"
)

// fixtureModelList is a list after an update of FIDO's part.
func fixtureModelList() postern.ModelList {
	all := append([]postern.Model{
		{AAGUID: "c1f9a0bc-1dd2-404a-b27f-8e29047a43fd", Name: "YubiKey 5 FIPS Series with NFC", Vendor: "Yubico", Kind: postern.ModelSecurityKey, Listed: true, FIPS: true, Status: "FIDO_CERTIFIED_L2"},
		{AAGUID: fixtureStranger, Name: "Contoso door card with a name that is rather long for a card", Vendor: "Contoso Facility Management and Physical Security", Kind: postern.ModelSecurityKey, Listed: true, Status: "USER_KEY_PHYSICAL_COMPROMISE"},
	}, fixtureModels...)
	return postern.ModelList{
		Version: 3, Date: "2026-06-01", Models: all, UpdatedAt: pointer(ago(0)), UpdatedBy: "Ada Winter",
		Sources: []postern.ModelListSource{
			{Source: postern.ModelFromFIDO, Date: "2026-06-01", Models: 318, Origin: fidoAddress, Number: 141, Next: "2026-07-01", Signer: "mds.fidoalliance.org", By: "Ada Winter"},
			{Source: postern.ModelFromCommunity, Date: "2026-05-15", Models: 37, Bundled: true},
			{Source: postern.ModelFromPostern, Date: "2026-05-15", Models: 7, Bundled: true},
			{Source: postern.ModelFromFile, Date: "2026-04-20", Models: 1, Origin: "file cards.json", By: "Ada Winter"},
		},
		Bundles: []postern.ModelBundle{
			{Name: postern.BundlePostern, Description: "Phones of Postern.", AAGUIDs: []string{"8a208249-8aef-41b3-907f-776d51e6526f"}},
			{Name: postern.BundleMicrosoftAuthenticator, Description: "Microsoft's app on Android and iOS. Entra wants both models or none.", AAGUIDs: []string{fixtureModels[0].AAGUID, fixtureModels[1].AAGUID}},
			{Name: "YubiKey 5 FIPS", Description: "YubiKeys of the 5 FIPS series in every shape.", AAGUIDs: []string{all[0].AAGUID}},
		},
	}
}

func addModelStories(add, part func(string, templ.Component)) {
	page := modelsPage{frame: fixtureFrame(sectionModels, "Models"), List: fixtureModelList()}
	page.search()
	add("models/list", models(page))
	auditor := page
	auditor.frame = as(fixtureAuditor, auditor.frame)
	auditor.List.Check = &postern.ModelListCheck{At: ago(0), Address: fidoAddress, Newer: true, Number: 142, Changes: 5}
	add("models/newer-auditor", models(auditor))
	failed := page
	failed.List.Check = &postern.ModelListCheck{
		At: ago(0), Address: fidoAddress, Code: postern.CodeUnavailable, Message: "The list cannot be fetched from mds.fidoalliance.org: dial tcp: i/o timeout.",
		Next: "Check the address and whether this machine may reach it; or fetch the file elsewhere and give that.",
	}
	failed.Bundle, failed.Query = "YubiKey 5 FIPS", "nfc"
	failed.search()
	add("models/bundle", models(failed))
	nothing := page
	nothing.Query = "toaster"
	nothing.search()
	part("models/nothing", modelsFoundPart(nothing))
	many := page
	for len(many.List.Models) < 200 {
		many.List.Models = append(many.List.Models, fixtureModels...)
	}
	many.search()
	part("models/many", modelsFoundPart(many))

	update := updateModelsPage{frame: fixtureFrame(sectionModels, "Update the list of models"), Address: fidoAddress}
	update.Trail = []crumb{{"Models", modelsPath}}
	add("models/update", updateModels(update))
	update.Problems = problems{postern.Errorf(postern.CodeModelListSignature, "The signature of FIDO's metadata does not hold: its signer is not mds.fidoalliance.org.").OnField("content").WithNext("Fetch it again from its publisher, and check that nothing on the way changes it.")}
	update.Own = true
	add("models/update-refused", updateModels(update))

	list := fixtureModelList()
	diff := stagedModelsPage{frame: update.frame, ID: "x", Diff: postern.ModelListDiff{
		From: postern.ModelListSource{Source: postern.ModelFromFIDO, Date: "2026-05-15", Models: 317, Bundled: true}, To: list.Sources[0], Version: 3,
		Added: list.Models[:1], Removed: fixtureModels[3:4], Renamed: []postern.ModelRename{{AAGUID: fixtureModels[2].AAGUID, Old: "YubiKey 5", New: "YubiKey 5 Series with NFC"}},
		Changed: []postern.ModelChange{
			{AAGUID: fixtureStranger, Name: list.Models[1].Name, Field: "status", New: "USER_KEY_PHYSICAL_COMPROMISE"},
			{AAGUID: fixtureModels[4].AAGUID, Name: fixtureModels[4].Name, Field: "listed", Old: "false", New: "true"},
			{AAGUID: fixtureModels[5].AAGUID, Name: fixtureModels[5].Name, Field: "kind", Old: "platform", New: "password_manager"},
			{AAGUID: fixtureModels[5].AAGUID, Name: fixtureModels[5].Name, Field: "vendor", New: "Google"},
			{AAGUID: fixtureModels[2].AAGUID, Name: fixtureModels[2].Name, Field: "fips", Old: "true", New: "false"},
		},
		Bundles: []postern.ModelBundleDiff{{Name: "YubiKey 5 FIPS", Added: list.Models[:1]}, {Name: "Windows Hello", Added: fixtureModels[:2], Removed: fixtureModels[3:4]}},
	}}
	add("models/diff", stagedModels(diff))
	same := diff
	same.Diff = postern.ModelListDiff{From: list.Sources[3], To: list.Sources[3], Version: 3}
	same.Problems = problems{postern.Errorf(postern.CodeStale, "")}
	add("models/diff-nothing", stagedModels(same))
}
