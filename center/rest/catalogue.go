package rest

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/postern/postern"
)

const tagCatalogue = "Errors"

// catalogueRoutes let a client look a code up; the member type of every problem leads here.
func (a *API) catalogueRoutes() {
	all := make([]postern.ErrorInfo, 0, 64)
	for code, entry := range postern.Catalogue() {
		all = append(all, postern.ErrorInfo{Code: code, Status: entry.Status, Message: entry.Message, Next: entry.Next})
	}
	slices.SortFunc(all, func(a, b postern.ErrorInfo) int { return strings.Compare(string(a.Code), string(b.Code)) })
	add(a, route{
		method: http.MethodGet, path: postern.ErrorsPath, id: "list-error-codes", tag: tagCatalogue, access: open,
		summary: "List every error code",
	}, func(context.Context, *struct{}) (*list[postern.ErrorInfo], error) {
		return answerList(all, nil)
	})
	add(a, route{
		method: http.MethodGet, path: postern.ErrorsPath + "/{code}", id: "get-error-code", tag: tagCatalogue, access: open,
		summary: "Look an error code up",
	}, func(_ context.Context, in *struct {
		Code postern.Code `path:"code" example:"not_found"`
	},
	) (*object[postern.ErrorInfo], error) {
		at := slices.IndexFunc(all, func(e postern.ErrorInfo) bool { return e.Code == in.Code })
		if at < 0 {
			return nil, postern.Errorf(postern.CodeNotFound, "There is no such error code.").WithNext("See " + postern.ErrorsPath + ".")
		}
		return answer(all[at], nil)
	})
}
