package inventory_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/entra"
	"github.com/postern/postern/entrasim"
)

func TestExports(t *testing.T) {
	w := newWorld(t, 3, postern.PermissionsFull)
	w.populate(t, entrasim.Population{Users: []entrasim.UserSpec{
		{ID: object(1), UPN: name(1), DisplayName: "=HYPERLINK(1)", Passkeys: []entrasim.PasskeySpec{{AAGUID: yubikey, Name: "+key, \"red\""}, {AAGUID: apple, Synced: true}}},
	}})
	w.read(t, true)
	export := func(format string) string {
		t.Helper()
		var out strings.Builder
		must(t, w.Inventory.Export(t.Context(), w.integration.ID, format, &out))
		return out.String()
	}
	found, _, err := w.Inventory.Passkeys(t.Context(), postern.InventoryQuery{IntegrationID: w.integration.ID})
	must(t, err)
	models := make(map[string]string)
	for _, k := range found {
		models[k.AAGUID] = k.Model
	}
	of := func(n int, aaguid string) string {
		return fmt.Sprintf("- User object ID %s has a Passkey with AAGUID %s of Model type '%s'\n", object(n), aaguid, models[aaguid])
	}
	// What the known scripts write, to the letter; passkeys of one moment come in any order.
	none := "User object ID " + object(2) + " has no Passkey\n===\n"
	begin := "---\n" + of(0, yubikey) + "===\n"
	one, other := of(1, yubikey), of(1, apple)
	if got := export(postern.InventoryLines); got != begin+one+other+"===\n"+none && got != begin+other+one+"===\n"+none {
		t.Errorf("%s", got)
	}
	rows, err := csv.NewReader(strings.NewReader(export(postern.InventoryCSV))).ReadAll()
	must(t, err)
	if len(rows) != 5 || rows[2][2] != "'=HYPERLINK(1)" || rows[4][8] != "" {
		t.Errorf("%q", rows)
	}
	if rows[2][8] != "'+key, \"red\"" && rows[3][8] != "'+key, \"red\"" {
		t.Errorf("%q", rows)
	}
	var users []postern.InventoryUser
	must(t, json.Unmarshal([]byte(export(postern.InventoryJSON)), &users))
	if len(users) != 3 || len(users[1].Passkeys) != 2 || len(users[2].Passkeys) != 0 {
		t.Errorf("%+v", users)
	}
	if n := w.events(t, audit.InventoryTaken); n != 3 {
		t.Errorf("%d entries of the trail", n)
	}
	var out strings.Builder
	if err := w.Inventory.Export(t.Context(), w.integration.ID, "xml", &out); !postern.IsCode(err, postern.CodeInvalid) || out.Len() > 0 {
		t.Errorf("%v, %q", err, out.String())
	}
}

func TestWhatAComparisonReadsIsTakenOver(t *testing.T) {
	w := newWorld(t, 20, postern.PermissionsFull)
	keys := []entra.UserPasskeys{{User: object(3), Passkeys: []entra.Passkey{{ID: "m", AAGUID: apple, PasskeyType: "synced", CreatedAt: w.clock()}}}}
	must(t, w.Inventory.Listed(t.Context(), w.integration.ID, keys))
	if sum := w.summary(t); sum.Passkeys != 0 {
		t.Errorf("before the first reading: %+v", sum)
	}
	w.read(t, true)
	must(t, w.Inventory.Listed(t.Context(), w.integration.ID, keys), w.Inventory.Listed(t.Context(), w.integration.ID, nil))
	if sum := w.summary(t); sum.Passkeys != 3 || sum.Synced != 1 {
		t.Errorf("%+v", sum)
	}
}

func TestViewsOfTheOtherKindAreRefused(t *testing.T) {
	w := newWorld(t, 3, postern.PermissionsFull)
	if _, _, err := w.Inventory.Passkeys(t.Context(), postern.InventoryQuery{IntegrationID: w.integration.ID, View: postern.InventoryWithout}); !postern.IsCode(err, postern.CodeInvalid) {
		t.Error(err)
	}
	if _, _, err := w.Inventory.Users(t.Context(), postern.InventoryQuery{IntegrationID: w.integration.ID, View: postern.InventoryStale}); !postern.IsCode(err, postern.CodeInvalid) {
		t.Error(err)
	}
	if _, err := w.Inventory.Summary(t.Context(), "int_none"); !postern.IsCode(err, postern.CodeNotFound) {
		t.Error(err)
	}
}
