package store

import (
	"context"
	"strings"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/lifecycle"
	"github.com/postern/postern/center/store/internal/query"
)

// User returns one user.
func (s *Store) User(ctx context.Context, id postern.UserID) (postern.User, error) {
	row, err := s.read(ctx).GetUser(ctx, string(id))
	if err != nil {
		return postern.User{}, failure(err, "user")
	}
	return userOf(row)
}

// UserByObjectID returns the user of an integration that Entra knows by objectID.
func (s *Store) UserByObjectID(ctx context.Context, integration postern.IntegrationID, objectID string) (postern.User, error) {
	row, err := s.read(ctx).GetUserByObjectID(ctx, query.GetUserByObjectIDParams{IntegrationID: string(integration), ObjectID: objectID})
	if err != nil {
		return postern.User{}, failure(err, "user")
	}
	return userOf(row)
}

// Users returns the users that q chooses, ordered by display name without regard to case, then id.
func (s *Store) Users(ctx context.Context, q lifecycle.UserQuery) ([]postern.User, error) {
	f := filter{}
	f.equal("integration_id", string(q.IntegrationID))
	if q.Phase == postern.PhaseNone {
		f.where("phase = ''")
	} else {
		f.equal("phase", string(q.Phase))
	}
	f.equal("account", string(q.Account))
	f.contains("search_text", strings.ToLower(q.Search))
	f.page("sort_key, id", q.Offset, q.Limit)
	rows, err := s.list(ctx, "SELECT "+userColumns+" FROM users", f)
	if err != nil {
		return nil, failure(err, "user")
	}
	defer rows.Close()
	users := []postern.User{}
	for rows.Next() {
		var u query.User
		if err := rows.Scan(&u.ID, &u.IntegrationID, &u.Version, &u.ObjectID, &u.Upn, &u.DisplayName, &u.Mail, &u.Phase,
			&u.GroupPhase, &u.Problem, &u.CreatedAt, &u.UpdatedAt, &u.Account, &u.Guest, &u.Privileged, &u.Roles, &u.Suspension, &u.AccountSince); err != nil {
			return nil, failure(err, "user")
		}
		user, err := userOf(u)
		if err != nil {
			return nil, err
		}
		users = append(users, user)
	}
	return users, failure(rows.Err(), "user")
}

const userColumns = "id, integration_id, version, object_id, upn, display_name, mail, phase, group_phase, problem, created_at, updated_at, " +
	"account, guest, privileged, roles, suspension, account_since"

// CountUsers counts the users of an integration by phase, those without one as PhaseNone. A phase without users
// is not in the map.
func (s *Store) CountUsers(ctx context.Context, integration postern.IntegrationID) (map[postern.Phase]int, error) {
	rows, err := s.read(ctx).CountUsersByPhase(ctx, string(integration))
	if err != nil {
		return nil, failure(err, "user")
	}
	counts := make(map[postern.Phase]int, len(rows))
	for _, row := range rows {
		phase := postern.Phase(row.Phase)
		if phase == "" {
			phase = postern.PhaseNone
		}
		counts[phase] = int(row.Users)
	}
	return counts, nil
}

// CreateUser stores a new user. CodeConflict says that the integration knows the object id, or that the id exists.
func (s *Store) CreateUser(ctx context.Context, u postern.User) error {
	row, err := userRow(u)
	if err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		rows, err := t.q.InsertUser(ctx, query.InsertUserParams(row))
		return inserted(rows, err, "user")
	})
}

// UpdateUser stores u if u.Version is still the stored one, and increments it. The integration of a user never changes,
// and into whose group a user was put is stored by [Store.NoteGroupPhase] alone.
func (s *Store) UpdateUser(ctx context.Context, u *postern.User) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		row, err := userRow(*u)
		if err != nil {
			return err
		}
		taken, err := t.q.ObjectIDTaken(ctx, query.ObjectIDTakenParams{IntegrationID: row.IntegrationID, ObjectID: row.ObjectID, ID: row.ID})
		if err != nil {
			return failure(err, "user")
		}
		if taken {
			return conflict("user")
		}
		rows, err := t.q.UpdateUser(ctx, query.UpdateUserParams{
			ID: row.ID, Version: row.Version, ObjectID: row.ObjectID, Upn: row.Upn, DisplayName: row.DisplayName, Mail: row.Mail,
			Phase: row.Phase, Problem: row.Problem, SortKey: row.SortKey, SearchText: row.SearchText,
			CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt, Account: row.Account, Guest: row.Guest, Privileged: row.Privileged,
			Roles: row.Roles, Suspension: row.Suspension, AccountSince: row.AccountSince,
		})
		if err := versioned(rows, err, "user", func() error { _, err := t.q.GetUser(ctx, row.ID); return err }); err != nil {
			return err
		}
		t.bump(&u.Version)
		return nil
	})
}

// UsersOutOfGroup lists users whose phase is not the one whose group they were last put into, or whose last move was cut
// off, in the order of their last change, beginning behind after. Deleted accounts are left out: Entra took them out of their groups.
func (s *Store) UsersOutOfGroup(ctx context.Context, integration postern.IntegrationID, after lifecycle.Mover, limit int) ([]lifecycle.Mover, error) {
	from := int64(-1)
	if after.User.ID != "" {
		from = millis(after.User.UpdatedAt)
	}
	rows, err := s.read(ctx).ListUsersOutOfGroup(ctx, query.ListUsersOutOfGroupParams{
		IntegrationID: string(integration), AfterTime: from, SameTime: from, AfterID: string(after.User.ID), Most: bounded(limit),
	})
	return convert(rows, err, "user", func(row query.User) (lifecycle.Mover, error) {
		u, err := userOf(row)
		return lifecycle.Mover{User: u, Toward: postern.Phase(row.GroupToward)}, err
	})
}

// NoteGroupToward stores into whose group a user is about to be put. It leaves the version alone.
func (s *Store) NoteGroupToward(ctx context.Context, id postern.UserID, phase postern.Phase) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		rows, err := t.q.SetGroupToward(ctx, query.SetGroupTowardParams{ID: string(id), GroupToward: string(phase)})
		return found(rows, err, "user")
	})
}

// NoteGroupPhase stores into which phase's group a user was put. It leaves the version alone.
func (s *Store) NoteGroupPhase(ctx context.Context, id postern.UserID, phase postern.Phase) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		rows, err := t.q.SetGroupPhase(ctx, query.SetGroupPhaseParams{ID: string(id), GroupPhase: string(phase)})
		return found(rows, err, "user")
	})
}

// ForgetGroup forgets of everybody that they are in the group of a phase, or were about to be put into it, and returns how
// many they were. What is known of their other groups stays known.
func (s *Store) ForgetGroup(ctx context.Context, integration postern.IntegrationID, phase postern.Phase) (int, error) {
	var rows int64
	err := s.write(ctx, func(ctx context.Context, t *transaction) error {
		var err error
		rows, err = t.q.ResetGroupPhase(ctx, query.ResetGroupPhaseParams{IntegrationID: string(integration), GroupPhase: string(phase)})
		return failure(err, "user")
	})
	return int(rows), err
}

// UserIDs lists users of an integration by id, beginning behind after.
func (s *Store) UserIDs(ctx context.Context, integration postern.IntegrationID, after postern.UserID, limit int) ([]postern.UserID, error) {
	rows, err := s.read(ctx).ListUserIDs(ctx, query.ListUserIDsParams{IntegrationID: string(integration), ID: string(after), Limit: bounded(limit)})
	return convert(rows, err, "user", func(id string) (postern.UserID, error) { return postern.UserID(id), nil })
}

// UserFacts counts what decides the phase of a user. Within a transaction it locks the user first, so that of two
// transactions that change facts of one user the second to ask sees what the first did. Read the user after it, not
// before, or the version read may be outdated.
func (s *Store) UserFacts(ctx context.Context, id postern.UserID, now time.Time) (lifecycle.Facts, error) {
	if t := s.transaction(ctx); t != nil {
		if rows, err := t.q.LockUser(ctx, string(id)); err != nil || rows == 0 {
			return lifecycle.Facts{}, found(rows, err, "user")
		}
	} else if _, err := s.readers.GetUser(ctx, string(id)); err != nil {
		return lifecycle.Facts{}, failure(err, "user")
	}
	q := s.read(ctx)
	invitations, err := q.CountOpenInvitations(ctx, query.CountOpenInvitationsParams{UserID: string(id), ExpiresAt: millis(now)})
	if err != nil {
		return lifecycle.Facts{}, failure(err, "user")
	}
	phones, err := q.CountActivePhones(ctx, string(id))
	if err != nil {
		return lifecycle.Facts{}, failure(err, "user")
	}
	passkeys, err := q.CountActivePhonePasskeys(ctx, string(id))
	if err != nil {
		return lifecycle.Facts{}, failure(err, "user")
	}
	return lifecycle.Facts{OpenInvitations: int(invitations), Phones: int(phones), Passkeys: int(passkeys)}, nil
}

func userRow(u postern.User) (query.User, error) {
	folded := strings.ToLower(u.DisplayName)
	roles, err := toJSON("roles of a user", u.Roles)
	if err != nil {
		return query.User{}, err
	}
	suspension, err := toJSON("suspension of a user", u.Suspension)
	return query.User{
		ID: string(u.ID), IntegrationID: string(u.IntegrationID), Version: u.Version, ObjectID: u.ObjectID, Upn: u.UPN,
		DisplayName: u.DisplayName, Mail: u.Mail, Phase: string(u.Phase), GroupPhase: string(u.GroupPhase),
		Problem: u.Problem, SortKey: []byte(folded),
		// A line break between the two, which nobody searches for, so that no match spans both.
		SearchText: folded + "\n" + strings.ToLower(u.UPN),
		CreatedAt:  millis(u.CreatedAt), UpdatedAt: millis(u.UpdatedAt),
		Account: string(u.Account), Guest: u.Guest, Privileged: u.Privileged, Roles: roles, Suspension: suspension,
		AccountSince: optionalMillis(u.AccountSince),
	}, err
}

func userOf(row query.User) (postern.User, error) {
	u := postern.User{
		ID: postern.UserID(row.ID), IntegrationID: postern.IntegrationID(row.IntegrationID), Version: row.Version,
		ObjectID: row.ObjectID, UPN: row.Upn, DisplayName: row.DisplayName, Mail: row.Mail,
		Phase: postern.Phase(row.Phase), GroupPhase: postern.Phase(row.GroupPhase), Problem: row.Problem,
		Account: postern.AccountState(row.Account), Guest: row.Guest, Privileged: row.Privileged,
		AccountSince: fromOptionalMillis(row.AccountSince), CreatedAt: fromMillis(row.CreatedAt), UpdatedAt: fromMillis(row.UpdatedAt),
	}
	if err := fromJSON("roles of a user", row.Roles, &u.Roles); err != nil {
		return u, err
	}
	return u, fromJSON("suspension of a user", row.Suspension, &u.Suspension)
}
