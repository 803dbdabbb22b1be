package rest_test

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/postern/postern"
)

// inventories is package inventory for the API's tests.
type inventories struct{ *domain }

func (d inventories) Read(_ context.Context, id postern.IntegrationID, full bool) (postern.InventoryStatus, error) {
	return postern.InventoryStatus{IntegrationID: id, State: postern.InventoryReading, Full: full}, d.call("Read", full)
}

func (d inventories) Status(_ context.Context, id postern.IntegrationID) (postern.InventoryStatus, error) {
	return postern.InventoryStatus{IntegrationID: id, State: postern.InventoryNever}, d.call("Status", id)
}

func (d inventories) Summary(_ context.Context, id postern.IntegrationID) (postern.InventorySummary, error) {
	return postern.InventorySummary{IntegrationID: id, Models: []postern.InventoryModel{}}, d.call("Summary", id)
}

func (d inventories) Passkeys(_ context.Context, q postern.InventoryQuery) ([]postern.InventoryPasskey, int, error) {
	return []postern.InventoryPasskey{{MethodID: "m"}}, 3, d.call("Passkeys", q)
}

func (d inventories) Users(_ context.Context, q postern.InventoryQuery) ([]postern.InventoryUser, int, error) {
	return []postern.InventoryUser{{ObjectID: "o", Passkeys: []postern.InventoryPasskey{}}}, 1, d.call("Users", q)
}

func (d inventories) Export(_ context.Context, _ postern.IntegrationID, format string, to io.Writer) error {
	if _, err := io.WriteString(to, "---\n"); err != nil {
		return err
	}
	return d.call("Export", format)
}

func TestInventoryPages(t *testing.T) {
	h := newHouse(t)
	c := h.client(postern.PermUsersRead)
	for offset, next := range map[int]string{0: "1", 1: "2", 2: ""} {
		page, err := c.InventoryPasskeys(t.Context(), postern.InventoryQuery{IntegrationID: "int_1", View: postern.InventoryStale, AAGUID: "a", Text: "b c", Offset: offset, Limit: 1})
		if err != nil || page.Total != 3 || page.Next != next || len(page.Items) != 1 {
			t.Errorf("from %d: %+v %v", offset, page, err)
		}
	}
	if _, err := c.InventoryUsers(t.Context(), postern.InventoryQuery{IntegrationID: "int_1", View: postern.InventoryStale}); !postern.IsCode(err, postern.CodeInvalid) {
		t.Errorf("a view of passkeys of users: %v", err)
	}
	if _, err := c.ReadInventory(t.Context(), "int_1", postern.InventoryInput{}); !postern.IsCode(err, postern.CodeForbidden) {
		t.Errorf("a reading by somebody who may only look: %v", err)
	}
}

func TestInventoryExport(t *testing.T) {
	h := newHouse(t)
	c := h.client(postern.PermUsersRead)
	var out strings.Builder
	if err := c.WriteInventory(t.Context(), "int_1", postern.InventoryLines, &out); err != nil || out.String() != "---\n" {
		t.Errorf("%q %v", out.String(), err)
	}
	h.domain.fail = postern.Errorf(postern.CodeNotFound, "")
	if err := c.WriteInventory(t.Context(), "int_1", postern.InventoryCSV, io.Discard); !postern.IsCode(err, postern.CodeNotFound) {
		t.Errorf("of nothing: %v", err)
	}
}
