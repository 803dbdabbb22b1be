package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/postern/postern"
	"github.com/postern/postern/center/store/internal/query"
)

// Document returns what is kept under name for an integration, or for all of them if integration is empty. Version 0
// says that there is nothing yet.
func (s *Store) Document(ctx context.Context, integration postern.IntegrationID, name string) (version int64, body []byte, err error) {
	row, err := s.read(ctx).GetDocument(ctx, query.GetDocumentParams{Scope: string(integration), Name: name})
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil, nil
	}
	if err != nil {
		return 0, nil, failure(err, "settings")
	}
	return row.Version, []byte(row.Body), nil
}

// SetDocument keeps body, which is JSON without secrets, under name if version is still the stored one, and returns the
// version after it; CodeStale otherwise. It goes with its integration.
func (s *Store) SetDocument(ctx context.Context, integration postern.IntegrationID, name string, version int64, body []byte) (int64, error) {
	err := s.write(ctx, func(ctx context.Context, t *transaction) error {
		var rows int64
		var err error
		if version == 0 {
			rows, err = t.q.InsertDocument(ctx, query.InsertDocumentParams{
				Scope: string(integration), Name: name, IntegrationID: optionalText(integration), Body: string(body),
			})
		} else {
			rows, err = t.q.UpdateDocument(ctx, query.UpdateDocumentParams{Scope: string(integration), Name: name, Version: version, Body: string(body)})
		}
		if err != nil {
			return failure(err, "settings")
		}
		if rows == 0 {
			return postern.Errorf(postern.CodeStale, "")
		}
		return nil
	})
	return version + 1, err
}
