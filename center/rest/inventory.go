package rest

import (
	"context"
	"io"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/postern/postern"
)

const tagInventory = "Inventory"

// Inventory is what the API needs of package inventory.
type Inventory interface {
	Read(ctx context.Context, id postern.IntegrationID, full bool) (postern.InventoryStatus, error)
	Status(ctx context.Context, id postern.IntegrationID) (postern.InventoryStatus, error)
	Summary(ctx context.Context, id postern.IntegrationID) (postern.InventorySummary, error)
	Passkeys(ctx context.Context, q postern.InventoryQuery) ([]postern.InventoryPasskey, int, error)
	Users(ctx context.Context, q postern.InventoryQuery) ([]postern.InventoryUser, int, error)
	Export(ctx context.Context, id postern.IntegrationID, format string, to io.Writer) error
}

// InventoryFilter chooses passkeys or users of an inventory, whichever is listed.
type InventoryFilter struct {
	AAGUID string `query:"aaguid" maxLength:"36" doc:"Only this model."`
	Text   string `query:"text" maxLength:"200" doc:"Part of the user's name or user principal name, or of the passkey's name."`
	Page   int    `query:"page" minimum:"0" maximum:"10000000" doc:"The member next of the page before."`
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"100"`
}

func (f InventoryFilter) query(id postern.IntegrationID, view string) postern.InventoryQuery {
	return postern.InventoryQuery{
		IntegrationID: id, View: postern.InventoryView(view), AAGUID: f.AAGUID, Text: f.Text, Offset: f.Page, Limit: f.Limit,
	}
}

// answerCounted answers a page of a list whose length is known.
func answerCounted[T any](f InventoryFilter, items []T, total int, err error) (*object[postern.InventoryPage[T]], error) {
	page := postern.InventoryPage[T]{Items: items, Total: total}
	if f.Page+len(items) < total && len(items) > 0 {
		page.Next = strconv.Itoa(f.Page + len(items))
	}
	return answer(page, err)
}

func (a *API) inventoryRoutes() {
	s := a.services.Inventory
	const path = postern.APIPath + "/integrations/{id}/inventory"
	add(a, route{
		method: http.MethodPost, path: path, id: "read-inventory", tag: tagInventory, status: http.StatusAccepted,
		summary: "Read the passkeys of the tenant", needs: postern.PermPolicyWrite,
		notes: "Reads what changed since the last reading, in the background; with full, and the first time, everybody. The answer is the status: watch it with get-inventory-status. Without being asked, what changed is read every 15 minutes and everybody once a week, while the integration is enabled.",
	}, func(ctx context.Context, in *struct {
		IntegrationPath
		Body postern.InventoryInput
	},
	) (*object[postern.InventoryStatus], error) {
		return answer(s.Read(ctx, in.ID, in.Body.Full))
	})
	add(a, route{
		method: http.MethodGet, path: path, id: "get-inventory-status", tag: tagInventory,
		summary: "See how current and how complete the inventory of passkeys is", needs: postern.PermUsersRead,
	}, func(ctx context.Context, in *IntegrationPath) (*object[postern.InventoryStatus], error) {
		return answer(s.Status(ctx, in.ID))
	})
	add(a, route{
		method: http.MethodGet, path: path + "/summary", id: "get-inventory-summary", tag: tagInventory,
		summary: "Count the passkeys of the tenant, by model", needs: postern.PermUsersRead,
	}, func(ctx context.Context, in *IntegrationPath) (*object[postern.InventorySummary], error) {
		return answer(s.Summary(ctx, in.ID))
	})
	add(a, route{
		method: http.MethodGet, path: path + "/passkeys", id: "list-inventory-passkeys", tag: tagInventory,
		summary: "List passkeys, whoever made them", needs: postern.PermUsersRead,
		notes: "Ordered by the user's display name. The view stale has passkeys that were not used for 90 days, as far as Entra tells: it may be hours behind, and a passkey whose last use is not told is left out.",
	}, func(ctx context.Context, in *struct {
		IntegrationPath
		InventoryFilter
		View string `query:"view" enum:"all,managed,unmanaged,unattested,synced,stale,disabled_account" default:"all"`
	},
	) (*object[postern.InventoryPage[postern.InventoryPasskey]], error) {
		found, total, err := s.Passkeys(ctx, in.query(in.ID, in.View))
		return answerCounted(in.InventoryFilter, found, total, err)
	})
	add(a, route{
		method: http.MethodGet, path: path + "/users", id: "list-inventory-users", tag: tagInventory,
		summary: "List the tenant's users with their passkeys", needs: postern.PermUsersRead,
		notes: "Ordered by display name.",
	}, func(ctx context.Context, in *struct {
		IntegrationPath
		InventoryFilter
		View string `query:"view" enum:"all,privileged_without,only_one,without" default:"all"`
	},
	) (*object[postern.InventoryPage[postern.InventoryUser]], error) {
		found, total, err := s.Users(ctx, in.query(in.ID, in.View))
		return answerCounted(in.InventoryFilter, found, total, err)
	})
	add(a, route{
		method: http.MethodGet, path: path + "/export", id: "export-inventory", tag: tagInventory, takes: longTime,
		produces: "text/csv, application/json, text/plain", summary: "Export everybody with their passkeys", needs: postern.PermUsersRead,
		notes: "Ordered by object id. CSV has a row for each passkey, and one for each user without; JSON is an array of users; lines are the text that administrators know from scripts that list AAGUIDs. An export that fails midway breaks the connection off. Exports are entries of the audit trail.",
	}, func(ctx context.Context, in *struct {
		IntegrationPath
		Format string `query:"format" enum:"csv,json,lines" default:"csv"`
	},
	) (*huma.StreamResponse, error) {
		if _, err := s.Status(ctx, in.ID); err != nil {
			return nil, err
		}
		return &huma.StreamResponse{Body: func(hc huma.Context) {
			kind, extension := "text/csv; charset=utf-8", "csv"
			switch in.Format {
			case postern.InventoryJSON:
				kind, extension = "application/json", "json"
			case postern.InventoryLines:
				kind, extension = "text/plain; charset=utf-8", "txt"
			}
			_, w := humago.Unwrap(hc)
			hc.SetHeader("Content-Type", kind)
			hc.SetHeader("Content-Disposition", `attachment; filename="postern-passkeys.`+extension+`"`)
			hc.SetStatus(http.StatusOK)
			if err := s.Export(hc.Context(), in.ID, in.Format, w); err != nil {
				logger(hc.Context()).ErrorContext(hc.Context(), "an export of an inventory broke off", "integration", in.ID, "error", err)
				panic(http.ErrAbortHandler)
			}
		}}, nil
	})
}
