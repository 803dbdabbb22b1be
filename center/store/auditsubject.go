package store

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"github.com/postern/postern"
	"github.com/postern/postern/center/store/internal/query"
)

// fieldUser is the field in which entries name the user they are about, when the target is something else.
const fieldUser = "user"

// subjectOf finds the user whom an entry is about: the target, the field "user", the owner of the phone, passkey,
// provisioning or invitation that is the target, or the owner of the phone that acted. It is found when the entry is
// written, so that it stays known when the phone is forgotten.
func subjectOf(ctx context.Context, q *query.Queries, e postern.AuditEvent) (string, error) {
	if strings.HasPrefix(e.Target, postern.PrefixUser+"_") {
		return e.Target, nil
	}
	if user := e.Fields[fieldUser]; strings.HasPrefix(user, postern.PrefixUser+"_") {
		return user, nil
	}
	kind, _, _ := strings.Cut(e.Target, "_")
	find := map[string]func(context.Context, string) (string, error){
		postern.PrefixPhone: q.UserOfPhone, postern.PrefixProvisioning: q.UserOfProvisioning,
		postern.PrefixPasskey: q.UserOfPasskey, postern.PrefixInvitation: q.UserOfInvitation,
	}[kind]
	phone := e.Fields["phone"]
	if phone == "" && e.Actor.Kind == postern.ActorPhone {
		phone = e.Actor.ID
	}
	for _, way := range []struct {
		find func(context.Context, string) (string, error)
		id   string
	}{{find, e.Target}, {q.UserOfPhone, phone}} {
		if way.find == nil || way.id == "" {
			continue
		}
		user, err := way.find(ctx, way.id)
		if err == nil {
			return user, nil
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return "", failure(err, "audit event")
		}
	}
	return "", nil
}

// eventCondition restricts to a code, a name or, with a dot at its end, a family.
func eventCondition(f *filter, name string) string {
	if strings.HasSuffix(name, ".") {
		return "substr(name, 1, " + f.bind(int64(len(name))) + ") = " + f.bind(name)
	}
	return "(name = " + f.bind(name) + " OR code = " + f.bind(name) + ")"
}

// searched are the columns in which words are looked for.
var searched = []string{"message", "target_name", "target", "actor_name", "actor_id", "actor_addr", "code", "name", "error_code", "fields"}

func containsAnywhere(f *filter, word string) {
	escaped := strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(strings.ToLower(word))
	place := f.bind("%" + escaped + "%")
	conditions := make([]string, len(searched))
	for n, column := range searched {
		conditions[n] = "lower(" + column + ") LIKE " + place + ` ESCAPE '\'`
	}
	f.where("(" + strings.Join(conditions, " OR ") + ")")
}
