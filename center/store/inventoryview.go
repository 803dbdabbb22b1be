package store

import (
	"context"
	"database/sql"
	"strings"

	"github.com/postern/postern"
	"github.com/postern/postern/center/policy/inventory"
)

// passkeys is the FROM of everything that is asked of the passkeys of people.
func (c crowd) passkeys() string {
	return ` FROM inventory_passkeys p
		JOIN ` + c.table + ` d ON d.integration_id = p.integration_id AND d.object_id = p.object_id AND ` + c.real + `
		JOIN inventory_users i ON i.integration_id = p.integration_id AND i.object_id = p.object_id
		LEFT JOIN passkeys k ON k.integration_id = p.integration_id AND k.method_id = p.method_id AND k.managed AND k.state IN ('active', 'revocation_pending')
		LEFT JOIN passkey_uses w ON w.passkey_id = k.id`
}

// users is the FROM of everything that is asked of people.
func (c crowd) users() string {
	return " FROM " + c.table + " d LEFT JOIN inventory_users i ON i.integration_id = d.integration_id AND i.object_id = d.object_id"
}

// unused is true of passkeys p of users i that were not used since the time that is bound, neither by Entra's word nor by
// that of their phone w.
func unused(bound string) string {
	return "coalesce(p.last_used_at, w.used_at, CASE WHEN i.last_use_at > 0 THEN p.created_at END) < " + bound + " AND coalesce(w.used_at, 0) < " + bound
}

// counted counts rows of which condition is true.
func counted(condition string) string { return "count(CASE WHEN " + condition + " THEN 1 END)" }

// InventorySummary counts what people hold, with models by AAGUID without names and verdicts.
func (s *Store) InventorySummary(ctx context.Context, people inventory.People) (postern.InventorySummary, error) {
	c := crowdOf(people)
	sum := postern.InventorySummary{IntegrationID: people.Integration, Models: []postern.InventoryModel{}}
	none := "coalesce(i.passkeys, 0) = 0"
	if err := s.queryRow(ctx, "SELECT count(*), "+counted("i.passkeys > 0")+", "+counted("i.passkeys = 1")+", "+counted("d.privileged")+", "+counted("d.privileged AND "+none)+
		c.users()+" WHERE d.integration_id = $1 AND "+c.real, string(people.Integration)).
		Scan(&sum.Users, &sum.WithPasskey, &sum.WithOne, &sum.PrivilegedAll, &sum.PrivilegedNo); err != nil {
		return sum, failure(err, "inventory")
	}
	if err := s.queryRow(ctx, "SELECT "+counted(unused("$2"))+", "+counted("i.last_use_at > 0 AND p.last_used_at IS NULL AND w.used_at IS NULL")+
		c.passkeys()+" WHERE p.integration_id = $1", string(people.Integration), millis(people.StaleBefore)).Scan(&sum.Stale, &sum.NeverUsed); err != nil {
		return sum, failure(err, "inventory")
	}
	names, err := s.inventoryNames(ctx, c, people)
	if err != nil {
		return sum, err
	}
	rows, err := s.list(ctx, "SELECT p.aaguid, count(*), count(DISTINCT p.object_id), count(k.id), "+counted("p.attested")+", "+counted("p.synced")+
		", min(p.created_at), max(p.created_at)"+c.passkeys()+" WHERE p.integration_id = $1 GROUP BY p.aaguid ORDER BY count(*) DESC, p.aaguid",
		filter{args: []any{string(people.Integration)}})
	if err != nil {
		return sum, failure(err, "inventory")
	}
	defer rows.Close()
	for rows.Next() {
		var m postern.InventoryModel
		var first, last int64
		if err := rows.Scan(&m.AAGUID, &m.Passkeys, &m.Users, &m.Managed, &m.Attested, &m.Synced, &first, &last); err != nil {
			return sum, failure(err, "inventory")
		}
		m.Names, m.First, m.Last = names[m.AAGUID], fromMillis(first), fromMillis(last)
		sum.Passkeys += m.Passkeys
		sum.Managed += m.Managed
		sum.Attested += m.Attested
		sum.Synced += m.Synced
		sum.Models = append(sum.Models, m)
	}
	return sum, failure(rows.Err(), "inventory")
}

// inventoryNames lists the names that Entra gives each model, the most frequent first.
func (s *Store) inventoryNames(ctx context.Context, c crowd, people inventory.People) (map[string][]string, error) {
	rows, err := s.list(ctx, "SELECT p.aaguid, p.model"+c.passkeys()+" WHERE p.integration_id = $1 AND p.model <> '' GROUP BY p.aaguid, p.model ORDER BY count(*) DESC, p.model",
		filter{args: []any{string(people.Integration)}})
	if err != nil {
		return nil, failure(err, "inventory")
	}
	defer rows.Close()
	names := make(map[string][]string)
	for rows.Next() {
		var aaguid, model string
		if err := rows.Scan(&aaguid, &model); err != nil {
			return nil, failure(err, "inventory")
		}
		names[aaguid] = append(names[aaguid], model)
	}
	return names, failure(rows.Err(), "inventory")
}

// InventoryPasskeys lists what q chooses, ordered by the user's display name, with the number of all that it chooses.
func (s *Store) InventoryPasskeys(ctx context.Context, people inventory.People, q postern.InventoryQuery) ([]postern.InventoryPasskey, int, error) {
	c := crowdOf(people)
	var f filter
	f.where("p.integration_id = " + f.bind(string(people.Integration)))
	f.equal("p.aaguid", strings.ToLower(q.AAGUID))
	f.equal("p.object_id", q.ObjectID)
	f.either(q.Text, "d.search_text", "p.search_text")
	switch q.View {
	case postern.InventoryManaged:
		f.where("k.id IS NOT NULL")
	case postern.InventoryUnmanaged:
		f.where("k.id IS NULL")
	case postern.InventoryUnattested:
		f.where("NOT p.attested")
	case postern.InventorySynced:
		f.where("p.synced")
	case postern.InventoryStale:
		f.where(unused(f.bind(millis(people.StaleBefore))))
	case postern.InventoryDisabledAccount:
		f.where("NOT (" + c.enabled + ")")
	}
	total, err := s.countOf(ctx, c.passkeys(), f)
	if err != nil {
		return nil, 0, err
	}
	f.page("d.sort_key, d.object_id, p.method_id", q.Offset, q.Limit)
	found, err := s.inventoryPasskeys(ctx, people, c, f)
	return found, total, err
}

func (s *Store) countOf(ctx context.Context, from string, f filter) (n int, err error) {
	err = s.queryRow(ctx, "SELECT count(*)"+from+" WHERE "+strings.Join(f.conditions, " AND "), f.args...).Scan(&n)
	return n, failure(err, "inventory")
}

// either restricts to rows of which one of the columns has part in it, in any case, unless part is empty.
func (f *filter) either(part string, columns ...string) {
	part = strings.ToLower(strings.TrimSpace(part))
	if part == "" {
		return
	}
	var any filter
	any.args = f.args
	for _, column := range columns {
		any.contains(column, part)
	}
	f.args = any.args
	f.where("(" + strings.Join(any.conditions, " OR ") + ")")
}

func (s *Store) inventoryPasskeys(ctx context.Context, people inventory.People, c crowd, f filter) ([]postern.InventoryPasskey, error) {
	rows, err := s.list(ctx, `SELECT p.object_id, d.upn, d.display_name, `+c.enabled+`, d.privileged, p.method_id, p.name, p.model, p.aaguid, p.attested, p.synced,
		p.created_at, p.last_used_at, w.used_at, i.last_use_at, i.looked_at, coalesce(k.id, ''), coalesce(k.phone_id, ''), coalesce(h.name, ''), coalesce(k.workstation_id, ''), coalesce(m.name, '')`+
		c.passkeys()+" LEFT JOIN phones h ON h.id = k.phone_id LEFT JOIN workstations m ON m.id = k.workstation_id", f)
	if err != nil {
		return nil, failure(err, "inventory")
	}
	defer rows.Close()
	found := []postern.InventoryPasskey{}
	for rows.Next() {
		k := postern.InventoryPasskey{IntegrationID: people.Integration}
		var created, asked, seen int64
		var used, own sql.NullInt64
		if err := rows.Scan(&k.ObjectID, &k.UPN, &k.DisplayName, &k.Enabled, &k.Privileged, &k.MethodID, &k.Name, &k.Model, &k.AAGUID, &k.Attested, &k.Synced,
			&created, &used, &own, &asked, &seen, &k.PasskeyID, &k.PhoneID, &k.PhoneName, &k.WorkstationID, &k.WorkstationName); err != nil {
			return nil, failure(err, "inventory")
		}
		k.CreatedAt, k.SeenAt, k.LastUsedAt, k.UsedWithPosternAt = fromMillis(created), fromMillis(seen), fromOptionalMillis(used), fromOptionalMillis(own)
		if asked > 0 {
			at := fromMillis(asked)
			k.LastUsedReadAt = &at
		}
		found = append(found, k)
	}
	return found, failure(rows.Err(), "inventory")
}

// InventoryUsers lists the users that q chooses, ordered by display name, with the number of all that it chooses.
func (s *Store) InventoryUsers(ctx context.Context, people inventory.People, q postern.InventoryQuery) ([]postern.InventoryUser, int, error) {
	c := crowdOf(people)
	const has = "EXISTS (SELECT 1 FROM inventory_passkeys p WHERE p.integration_id = d.integration_id AND p.object_id = d.object_id AND p.aaguid = "
	var f filter
	f.where("d.integration_id = " + f.bind(string(people.Integration)))
	f.where(c.real)
	f.equal("d.object_id", q.ObjectID)
	f.either(q.Text, "d.search_text")
	if q.AAGUID != "" {
		f.where(has + f.bind(strings.ToLower(q.AAGUID)) + ")")
	}
	switch q.View {
	case postern.InventoryPrivilegedWithout:
		f.where("d.privileged AND coalesce(i.passkeys, 0) = 0")
	case postern.InventoryOnlyOne:
		f.where("i.passkeys = 1")
	case postern.InventoryWithout:
		f.where("coalesce(i.passkeys, 0) = 0")
	}
	total, err := s.countOf(ctx, c.users(), f)
	if err != nil {
		return nil, 0, err
	}
	f.page("d.sort_key, d.object_id", q.Offset, q.Limit)
	found, err := s.inventoryUsers(ctx, people, c, f)
	return found, total, err
}

// InventoryUsersAfter lists users after one, ordered by object id, at most limit.
func (s *Store) InventoryUsersAfter(ctx context.Context, people inventory.People, after string, limit int) ([]postern.InventoryUser, error) {
	c := crowdOf(people)
	var f filter
	f.where("d.integration_id = " + f.bind(string(people.Integration)))
	f.where(c.real)
	f.where("d.object_id > " + f.bind(after))
	f.page("d.object_id", 0, limit)
	return s.inventoryUsers(ctx, people, c, f)
}

func (s *Store) inventoryUsers(ctx context.Context, people inventory.People, c crowd, f filter) ([]postern.InventoryUser, error) {
	rows, err := s.list(ctx, "SELECT d.object_id, d.upn, d.display_name, "+c.enabled+", d.guest, d.privileged, d.roles, coalesce(i.looked_at, 0), coalesce(i.methods, 'null')"+c.users(), f)
	if err != nil {
		return nil, failure(err, "inventory")
	}
	defer rows.Close()
	found := []postern.InventoryUser{}
	at := make(map[string]int)
	for rows.Next() {
		u := postern.InventoryUser{Passkeys: []postern.InventoryPasskey{}}
		var roles, methods string
		var looked int64
		if err := rows.Scan(&u.ObjectID, &u.UPN, &u.DisplayName, &u.Enabled, &u.Guest, &u.Privileged, &roles, &looked, &methods); err != nil {
			return nil, failure(err, "inventory")
		}
		if err := fromJSON("roles of a user", roles, &u.Roles); err != nil {
			return nil, err
		}
		if err := fromJSON("methods of a user", methods, &u.Methods); err != nil {
			return nil, err
		}
		u.MethodsKnown = u.Methods != nil
		if looked > 0 {
			t := fromMillis(looked)
			u.LookedAt = &t
		}
		at[u.ObjectID] = len(found)
		found = append(found, u)
	}
	if err := rows.Err(); err != nil || len(found) == 0 {
		return found, failure(err, "inventory")
	}
	ids := make([]string, len(found))
	for n, u := range found {
		ids[n] = u.ObjectID
	}
	var keys filter
	keys.where("p.integration_id = " + keys.bind(string(people.Integration)))
	if err := s.among(&keys, "p.object_id", ids); err != nil {
		return nil, err
	}
	keys.tail = " ORDER BY p.object_id, p.created_at, p.method_id"
	passkeys, err := s.inventoryPasskeys(ctx, people, c, keys)
	for _, k := range passkeys {
		u := &found[at[k.ObjectID]]
		u.Passkeys = append(u.Passkeys, k)
	}
	return found, err
}
