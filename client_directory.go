//go:build !js

package postern

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"strconv"
)

// DirectoryFilter chooses users of the mirror of a directory. Zero members do not restrict.
type DirectoryFilter struct {
	Search     string       // part of the display name, user principal name or mail
	Account    AccountState // AccountEnabled or AccountDisabled
	Guest      *bool
	Privileged *bool
	Phase      Phase  // PhaseNone for those who were never invited
	Group      string // object id
}

// Directory walks the users of a tenant as the mirror has them, page by page.
func (c *Client) Directory(ctx context.Context, id IntegrationID, f DirectoryFilter) iter.Seq2[DirectoryEntry, error] {
	q := url.Values{}
	set(q, "search", f.Search)
	set(q, "account", string(f.Account))
	if f.Guest != nil {
		q.Set("guest", strconv.FormatBool(*f.Guest))
	}
	if f.Privileged != nil {
		q.Set("privileged", strconv.FormatBool(*f.Privileged))
	}
	set(q, "phase", string(f.Phase))
	set(q, "group", f.Group)
	return pages[DirectoryEntry](ctx, c, under("integrations", string(id), "directory", "users"), q)
}

// DirectoryStatus says how current the mirror of a directory is.
func (c *Client) DirectoryStatus(ctx context.Context, id IntegrationID) (DirectoryStatus, error) {
	return get[DirectoryStatus](ctx, c, http.MethodGet, under("integrations", string(id), "directory", "sync"), nil)
}

// SyncDirectory has the directory read again, and returns the status from before.
func (c *Client) SyncDirectory(ctx context.Context, id IntegrationID, in DirectorySyncInput) (DirectoryStatus, error) {
	return get[DirectoryStatus](ctx, c, http.MethodPost, under("integrations", string(id), "directory", "sync"), in)
}

// ConfirmDirectoryRemovals has users whom the last reading of the whole directory missed taken for gone.
func (c *Client) ConfirmDirectoryRemovals(ctx context.Context, id IntegrationID) (DirectoryStatus, error) {
	return get[DirectoryStatus](ctx, c, http.MethodPost, under("integrations", string(id), "directory", "removals"), nil)
}
