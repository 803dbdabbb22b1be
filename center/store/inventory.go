package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/policy/inventory"
)

// The statements of an inventory work on many users at once, so they are written here and not generated.

// InventoryProgress returns how far the inventory of an integration was read; a zero Version says never.
func (s *Store) InventoryProgress(ctx context.Context, integration postern.IntegrationID) (inventory.Progress, error) {
	p := inventory.Progress{Integration: integration}
	var body string
	err := s.queryRow(ctx, "SELECT version, body FROM inventory_progress WHERE integration_id = $1", string(integration)).Scan(&p.Version, &body)
	if errors.Is(err, sql.ErrNoRows) {
		return p, nil
	}
	if err != nil {
		return p, failure(err, "inventory")
	}
	return p, fromJSON("progress of an inventory", body, &p)
}

// SetInventoryProgress stores p if p.Version is still the stored one, and increments it; CodeStale otherwise.
func (s *Store) SetInventoryProgress(ctx context.Context, p *inventory.Progress) error {
	body, err := toJSON("progress of an inventory", p)
	if err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		text := "UPDATE inventory_progress SET version = version + 1, body = $3 WHERE integration_id = $1 AND version = $2"
		if p.Version == 0 {
			text = "INSERT INTO inventory_progress (integration_id, version, body) VALUES ($1, $2 + 1, $3) ON CONFLICT DO NOTHING"
		}
		result, err := t.tx.ExecContext(ctx, text, string(p.Integration), p.Version, body)
		if err != nil {
			return failure(err, "inventory")
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errors.Join(postern.Errorf(postern.CodeStale, ""), err)
		}
		t.bump(&p.Version)
		return nil
	})
}

// PutLooked keeps what was learned of users, each of them once, and takes them off the list of those to be asked. Who
// failed stays there until attempts are used up, and is counted in failures then.
func (s *Store) PutLooked(ctx context.Context, integration postern.IntegrationID, looked []inventory.Looked, at time.Time, attempts int) (changed, failures int, err error) {
	if len(looked) == 0 {
		return 0, 0, nil
	}
	err = s.write(ctx, func(ctx context.Context, t *transaction) error {
		changed, failures = 0, 0
		p := &put{s: s, t: t, integration: string(integration), at: millis(at)}
		var known, gone, failed []string
		for _, l := range looked {
			switch {
			case l.Failed != nil:
				failed = append(failed, l.ObjectID)
			case l.Gone:
				gone = append(gone, l.ObjectID)
			default:
				known = append(known, l.ObjectID)
			}
		}
		if err := p.remember(ctx, append(slices.Clone(known), gone...)); err != nil {
			return err
		}
		for _, l := range looked {
			if l.Failed != nil || l.Gone {
				continue
			}
			if err := p.user(ctx, l); err != nil {
				return err
			}
		}
		changed = p.changed + p.ofGone(gone)
		if err := p.users(ctx, looked); err != nil {
			return err
		}
		if err := p.drop(ctx, "inventory_passkeys", gone); err != nil {
			return err
		}
		if err := p.drop(ctx, "inventory_users", gone); err != nil {
			return err
		}
		if err := p.drop(ctx, "inventory_due", append(known, gone...)); err != nil {
			return err
		}
		failures, err = p.failed(ctx, failed, attempts)
		return err
	})
	return changed, failures, err
}

// put is one transaction that keeps what was learned of users.
type put struct {
	s           *Store
	t           *transaction
	integration string
	at          int64
	stored      map[string]map[string]inventoryRow // by user and method
	changed     int
}

// inventoryRow is what is compared of a passkey.
type inventoryRow struct {
	name, model, aaguid string
	attested, synced    bool
	created             int64
	used                sql.NullInt64
}

func (p *put) remember(ctx context.Context, users []string) error {
	p.stored = make(map[string]map[string]inventoryRow)
	if len(users) == 0 {
		return nil
	}
	f, err := p.of(users)
	if err != nil {
		return err
	}
	rows, err := p.t.tx.QueryContext(ctx, "SELECT object_id, method_id, name, model, aaguid, attested, synced, created_at, last_used_at FROM inventory_passkeys WHERE "+
		strings.Join(f.conditions, " AND "), f.args...)
	if err != nil {
		return failure(err, "inventory")
	}
	defer rows.Close()
	for rows.Next() {
		var user, method string
		var r inventoryRow
		if err := rows.Scan(&user, &method, &r.name, &r.model, &r.aaguid, &r.attested, &r.synced, &r.created, &r.used); err != nil {
			return failure(err, "inventory")
		}
		if p.stored[user] == nil {
			p.stored[user] = make(map[string]inventoryRow)
		}
		p.stored[user][method] = r
	}
	return failure(rows.Err(), "inventory")
}

// of restricts to users of the integration.
func (p *put) of(users []string) (filter, error) {
	var f filter
	f.equal("integration_id", p.integration)
	err := p.s.among(&f, "object_id", users)
	return f, err
}

func (p *put) drop(ctx context.Context, table string, users []string) error {
	if len(users) == 0 {
		return nil
	}
	f, err := p.of(users)
	if err != nil {
		return err
	}
	_, err = p.t.tx.ExecContext(ctx, "DELETE FROM "+table+" WHERE "+strings.Join(f.conditions, " AND "), f.args...)
	return failure(err, "inventory")
}

func (p *put) ofGone(users []string) (passkeys int) {
	for _, u := range users {
		passkeys += len(p.stored[u])
	}
	return passkeys
}

// user stores the passkeys of one user that are not stored like that. Few are: of most, nothing is written.
func (p *put) user(ctx context.Context, l inventory.Looked) error {
	stored := p.stored[l.ObjectID]
	for _, k := range l.Passkeys {
		was, have := stored[k.MethodID]
		delete(stored, k.MethodID)
		is := rowOf(k)
		if !l.LastUse {
			is.used = was.used
		}
		if have && was == is {
			continue
		}
		used := was
		if used.used = is.used; !have || used != is {
			p.changed++ // more than a use
		}
		if _, err := p.t.tx.ExecContext(ctx, `INSERT INTO inventory_passkeys
			(integration_id, object_id, method_id, name, search_text, model, aaguid, attested, synced, created_at, last_used_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
			ON CONFLICT (integration_id, object_id, method_id) DO UPDATE SET name = excluded.name, search_text = excluded.search_text,
			model = excluded.model, aaguid = excluded.aaguid, attested = excluded.attested, synced = excluded.synced,
			created_at = excluded.created_at, last_used_at = excluded.last_used_at`,
			p.integration, l.ObjectID, k.MethodID, is.name, strings.ToLower(is.name), is.model, is.aaguid, is.attested, is.synced, is.created, is.used); err != nil {
			return failure(err, "inventory")
		}
	}
	for method := range stored {
		p.changed++
		if _, err := p.t.tx.ExecContext(ctx, "DELETE FROM inventory_passkeys WHERE integration_id = $1 AND object_id = $2 AND method_id = $3",
			p.integration, l.ObjectID, method); err != nil {
			return failure(err, "inventory")
		}
	}
	return nil
}

func rowOf(k postern.InventoryPasskey) inventoryRow {
	return inventoryRow{
		name: k.Name, model: k.Model, aaguid: strings.ToLower(k.AAGUID), attested: k.Attested, synced: k.Synced,
		created: millis(k.CreatedAt), used: optionalMillis(k.LastUsedAt),
	}
}

// users notes when users were looked at.
func (p *put) users(ctx context.Context, looked []inventory.Looked) error {
	for some := range slices.Chunk(looked, putAtOnce) {
		var values filter // only for what it binds
		var rows []string
		in, at := values.bind(p.integration), values.bind(p.at)
		for _, l := range some {
			if l.Failed != nil || l.Gone {
				continue
			}
			use := "0"
			if l.LastUse {
				use = at
			}
			rows = append(rows, "("+in+", "+values.bind(l.ObjectID)+", "+at+", "+use+", "+values.bind(len(l.Passkeys))+", 0, 'null', 0)")
		}
		if len(rows) == 0 {
			continue
		}
		if _, err := p.t.tx.ExecContext(ctx, "INSERT INTO inventory_users (integration_id, object_id, looked_at, last_use_at, passkeys, failures, methods, methods_at) VALUES "+
			strings.Join(rows, ", ")+` ON CONFLICT (integration_id, object_id) DO UPDATE SET looked_at = excluded.looked_at, passkeys = excluded.passkeys, failures = 0,
			last_use_at = CASE WHEN excluded.last_use_at > 0 THEN excluded.last_use_at ELSE inventory_users.last_use_at END`, values.args...); err != nil {
			return failure(err, "inventory")
		}
	}
	return nil
}

// failed notes who could not be read, and takes those off the list who were asked often enough.
func (p *put) failed(ctx context.Context, users []string, attempts int) (failures int, err error) {
	for _, u := range users { // few, as a rule
		var asked int
		err := p.t.tx.QueryRowContext(ctx, "SELECT attempts FROM inventory_due WHERE integration_id = $1 AND object_id = $2", p.integration, u).Scan(&asked)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return 0, failure(err, "inventory")
		}
		text := "UPDATE inventory_due SET attempts = attempts + 1 WHERE integration_id = $1 AND object_id = $2"
		if asked+1 >= attempts {
			failures++
			text = "DELETE FROM inventory_due WHERE integration_id = $1 AND object_id = $2"
			if _, err := p.t.tx.ExecContext(ctx, `INSERT INTO inventory_users (integration_id, object_id, looked_at, last_use_at, passkeys, failures, methods, methods_at)
				VALUES ($1, $2, 0, 0, 0, 1, 'null', 0) ON CONFLICT (integration_id, object_id) DO UPDATE SET failures = inventory_users.failures + 1`, p.integration, u); err != nil {
				return 0, failure(err, "inventory")
			}
		}
		if _, err := p.t.tx.ExecContext(ctx, text, p.integration, u); err != nil {
			return 0, failure(err, "inventory")
		}
	}
	return failures, nil
}

// PutMethods keeps what the registration report says of users, each of them once.
func (s *Store) PutMethods(ctx context.Context, integration postern.IntegrationID, rows []inventory.Methods, at time.Time) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		for some := range slices.Chunk(rows, putAtOnce) {
			var values filter // only for what it binds
			var text []string
			in, when := values.bind(string(integration)), values.bind(millis(at))
			for _, m := range some {
				methods := m.Methods
				if methods == nil {
					methods = []string{}
				}
				body, err := json.Marshal(methods)
				if err != nil {
					return err
				}
				text = append(text, "("+in+", "+values.bind(m.ObjectID)+", 0, 0, 0, 0, "+values.bind(string(body))+", "+when+")")
			}
			if _, err := t.tx.ExecContext(ctx, "INSERT INTO inventory_users (integration_id, object_id, looked_at, last_use_at, passkeys, failures, methods, methods_at) VALUES "+
				strings.Join(text, ", ")+" ON CONFLICT (integration_id, object_id) DO UPDATE SET methods = excluded.methods, methods_at = excluded.methods_at", values.args...); err != nil {
				return failure(err, "inventory")
			}
		}
		return nil
	})
}
