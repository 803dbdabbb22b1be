package web

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"github.com/postern/postern"
	"github.com/postern/postern/center/directory"
)

// Inventory is what the console needs of package inventory.
type Inventory interface {
	Read(ctx context.Context, id postern.IntegrationID, full bool) (postern.InventoryStatus, error)
	Status(ctx context.Context, id postern.IntegrationID) (postern.InventoryStatus, error)
	Summary(ctx context.Context, id postern.IntegrationID) (postern.InventorySummary, error)
	Passkeys(ctx context.Context, q postern.InventoryQuery) ([]postern.InventoryPasskey, int, error)
	Users(ctx context.Context, q postern.InventoryQuery) ([]postern.InventoryUser, int, error)
	Export(ctx context.Context, id postern.IntegrationID, format string, to io.Writer) error
}

// passkeysPerPage is how many passkeys or users a page of the inventory lists.
const passkeysPerPage = 50

// inventoryPage is the Inventory tab.
type inventoryPage struct {
	integrationFrame
	Status  postern.InventoryStatus
	Summary postern.InventorySummary
	Query   postern.InventoryQuery
	List    []postern.InventoryPasskey
	Users   []postern.InventoryUser
	Total   int
	Still   bool // do not ask again: the storybook has nobody to ask
}

func inventoryPath(id postern.IntegrationID) string { return integrationPath(id) + "/inventory" }

func inventoryUserPath(id postern.IntegrationID, object string) string {
	return inventoryPath(id) + "/users/" + url.PathEscape(object)
}

// inventoryViews are the views in the order in which they are offered.
var inventoryViews = []struct {
	View        postern.InventoryView
	Name, Empty string
}{
	{postern.InventoryAll, "All passkeys", "Nobody has a passkey."},
	{postern.InventoryManaged, "Managed by Postern", "No passkey was made through Postern."},
	{postern.InventoryUnmanaged, "Not managed", "Every passkey was made through Postern."},
	{postern.InventoryUnattested, "Not attested", "Every passkey is attested."},
	{postern.InventorySynced, "Synced", "Every passkey is bound to a device."},
	{postern.InventoryStale, "Not used for 90 days", "Every passkey was used within the last 90 days, as far as is known."},
	{postern.InventoryDisabledAccount, "Of disabled accounts", "No disabled account has a passkey."},
	{postern.InventoryPrivilegedWithout, "Privileged without a passkey", "Everybody with a privileged role has a passkey."},
	{postern.InventoryOnlyOne, "Users with only one passkey", "Nobody relies on a single passkey."},
	{postern.InventoryWithout, "Users without a passkey", "Everybody has a passkey."},
}

// ofUsers reports whether the view lists users instead of passkeys.
func (p inventoryPage) ofUsers() bool { return !p.Query.View.OfPasskeys() }

// path is the address of this list with another beginning.
func (p inventoryPage) path(offset int) string {
	v := url.Values{}
	if p.Query.View != postern.InventoryAll {
		v.Set("view", string(p.Query.View))
	}
	if p.Query.AAGUID != "" {
		v.Set("aaguid", p.Query.AAGUID)
	}
	if p.Query.Text != "" {
		v.Set("q", p.Query.Text)
	}
	if offset > 0 {
		v.Set("from", strconv.Itoa(offset))
	}
	if len(v) == 0 {
		return inventoryPath(p.Integration.ID)
	}
	return inventoryPath(p.Integration.ID) + "?" + v.Encode()
}

func (p inventoryPage) reading() bool { return p.Status.State == postern.InventoryReading }

// share is how far a reading has come, in percent.
func (p inventoryPage) share() int {
	if p.Status.UsersPlanned == 0 {
		return 2
	}
	return min(100, 100*p.Status.Users/p.Status.UsersPlanned)
}

// stamp changes whenever the state does.
func (p inventoryPage) stamp() string {
	h := sha256.New()
	_ = json.NewEncoder(h).Encode(p.Status)
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// poll has the page ask for itself while a reading is under way.
func (p inventoryPage) poll() templ.Attributes {
	if p.Still || !p.reading() {
		return nil
	}
	address := p.path(p.Query.Offset)
	if strings.Contains(address, "?") {
		address += "&"
	} else {
		address += "?"
	}
	return templ.Attributes{"hx-get": address + "seen=" + p.stamp(), "hx-trigger": "every 1s", "hx-swap": "outerMorph", "hx-target": "this"}
}

func (c *console) inventoryPage(r *http.Request) (inventoryPage, error) {
	i, err := c.integration(r)
	if err != nil {
		return inventoryPage{}, err
	}
	q := r.URL.Query()
	p := inventoryPage{
		integrationFrame: c.integrationFrame(r, i, tabInventory),
		Query: postern.InventoryQuery{
			IntegrationID: i.ID, View: postern.InventoryAll, AAGUID: strings.ToLower(strings.TrimSpace(q.Get("aaguid"))),
			Text: strings.TrimSpace(q.Get("q")), Limit: passkeysPerPage,
		},
	}
	for _, v := range inventoryViews {
		if string(v.View) == q.Get("view") {
			p.Query.View = v.View
		}
	}
	if from, err := strconv.Atoi(q.Get("from")); err == nil && from > 0 {
		p.Query.Offset = from
	}
	if p.Status, err = c.Inventory.Status(r.Context(), i.ID); err != nil {
		return p, err
	}
	if p.Summary, err = c.Inventory.Summary(r.Context(), i.ID); err != nil {
		return p, err
	}
	if p.ofUsers() {
		p.Users, p.Total, err = c.Inventory.Users(r.Context(), p.Query)
	} else {
		p.List, p.Total, err = c.Inventory.Passkeys(r.Context(), p.Query)
	}
	return p, err
}

func (c *console) inventory(w http.ResponseWriter, r *http.Request) error {
	p, err := c.inventoryPage(r)
	if err != nil {
		return err
	}
	switch r.Header.Get("HX-Target") {
	case "div#inventory":
		if r.URL.Query().Get("seen") == p.stamp() {
			w.WriteHeader(http.StatusNoContent)
			return nil
		}
		return c.show(w, r, http.StatusOK, inventoryBody(p))
	case "div#passkeys":
		return c.show(w, r, http.StatusOK, inventoryList(p))
	}
	return c.show(w, r, http.StatusOK, inventoryView(p))
}

// readInventory asks for a reading.
func (c *console) readInventory(w http.ResponseWriter, r *http.Request) error {
	i, err := c.integration(r)
	if err != nil {
		return err
	}
	if _, err := c.Inventory.Read(r.Context(), i.ID, r.PostFormValue("full") != ""); err != nil {
		return err
	}
	return c.away(w, r, inventoryPath(i.ID))
}

// inventoryFormats are the formats of a download with their types and endings.
var inventoryFormats = map[string][2]string{
	"csv":   {"text/csv; charset=utf-8", "csv"},
	"json":  {"application/json", "json"},
	"lines": {"text/plain; charset=utf-8", "txt"},
}

func (c *console) exportInventory(w http.ResponseWriter, r *http.Request) error {
	i, err := c.integration(r)
	if err != nil {
		return err
	}
	format := r.URL.Query().Get("format")
	kind, ok := inventoryFormats[format]
	if !ok {
		return postern.FieldErrorf("format", "The inventory can be downloaded as csv, json or lines.")
	}
	h := w.Header()
	h.Set("Content-Type", kind[0])
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Disposition", `attachment; filename="passkeys.`+kind[1]+`"`)
	if err := c.Inventory.Export(r.Context(), i.ID, format, w); err != nil {
		// A page cannot follow half a file; the browser has to see that it is not whole.
		c.Log.ErrorContext(r.Context(), "an inventory was not written in full", "integration", i.ID, "error", err)
		panic(http.ErrAbortHandler)
	}
	return nil
}

// inventoryUserPage is what Entra lists of one user, whether or not Postern knows them.
type inventoryUserPage struct {
	frame
	Integration postern.Integration
	Entry       postern.InventoryUser
	Known       postern.UserID // of somebody whom Postern knows
}

func (c *console) inventoryUser(w http.ResponseWriter, r *http.Request) error {
	i, err := c.integration(r)
	if err != nil {
		return err
	}
	object := r.PathValue("object")
	found, _, err := c.Inventory.Users(r.Context(), postern.InventoryQuery{IntegrationID: i.ID, View: postern.InventoryAll, ObjectID: object, Limit: 1})
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return postern.Errorf(postern.CodeNotFound, "The inventory has nobody of that object ID.").WithNext("Search for the user in the inventory, or read everybody there.")
	}
	p := inventoryUserPage{frame: c.sheetFrame(r, i, found[0].DisplayName), Integration: i, Entry: found[0]}
	p.frame.Trail = append(p.frame.Trail, crumb{"Inventory", inventoryPath(i.ID)})
	entries, err := c.Directory.List(r.Context(), directory.Query{IntegrationID: i.ID, ObjectID: object, Limit: 1})
	if err != nil {
		return err
	}
	if len(entries) > 0 {
		p.Known = entries[0].UserID
	}
	return c.show(w, r, http.StatusOK, inventoryUserView(p))
}
