package policy

import (
	"context"
	"strings"

	"github.com/postern/postern"
	"github.com/postern/postern/center/policy/document"
	"github.com/postern/postern/center/policy/plan"
)

// Kinds of [postern.DirectoryName].
const (
	kindGroup       = "group"
	kindUser        = "user"
	kindRole        = "role"
	kindApplication = "application"
)

// referencesAtMost bounds how many objects of the directory a document may name: each costs a request.
const referencesAtMost = 400

// resolve looks up what a document names. What Entra does not know, or does not let the application see, has no entry;
// package plan refuses what it needs.
func resolve(ctx context.Context, graph Graph, before postern.TenantPolicy, references []document.Reference) (plan.Names, error) {
	if len(references) > referencesAtMost {
		return nil, postern.Errorf(postern.CodePolicyDocument, "The document names %d groups, users, roles and applications; %d is the most.", len(references), referencesAtMost)
	}
	known := make(plan.Names, len(references))
	for _, r := range references {
		text := r.Text
		if id, ok := r.ID(); ok {
			text = strings.ToLower(id)
			if name, ok := before.Names[text]; ok && name.Kind == string(r.Kind) {
				known[r] = []plan.Entry{{ID: text, DirectoryName: name}}
				continue
			}
		}
		entries, err := lookUp(ctx, graph, r.Kind, text)
		if err != nil && !withheld(err) && !postern.IsCode(err, postern.CodeEntraUserNotFound) && !postern.IsCode(err, postern.CodeEntraNotFound) &&
			!postern.IsCode(err, postern.CodeInvalid) {
			return nil, err
		}
		if err == nil && len(entries) > 0 {
			known[r] = entries
		}
	}
	return known, nil
}

func lookUp(ctx context.Context, graph Graph, kind document.ReferenceKind, text string) ([]plan.Entry, error) {
	var out []plan.Entry
	add := func(id, kind, name, group string) {
		out = append(out, plan.Entry{ID: id, DirectoryName: postern.DirectoryName{Kind: kind, Name: name, Group: group}})
	}
	switch kind {
	case document.ReferenceGroup:
		found, err := graph.Groups(ctx, text)
		for _, g := range found {
			add(g.ID, kindGroup, g.Name, g.Kind)
		}
		return out, err
	case document.ReferenceApplication:
		found, err := graph.Applications(ctx, text)
		for _, a := range found {
			add(strings.ToLower(a.ID), kindApplication, a.Name, "")
		}
		return out, err
	case document.ReferenceRole:
		found, err := graph.Roles(ctx, text)
		for _, r := range found {
			add(r.TemplateID, kindRole, r.Name, "")
		}
		return out, err
	case document.ReferenceUser:
		u, err := graph.User(ctx, text)
		if err == nil && u.ObjectID != "" {
			add(strings.ToLower(u.ObjectID), kindUser, u.UPN, "")
		}
		return out, err
	}
	return nil, nil
}
