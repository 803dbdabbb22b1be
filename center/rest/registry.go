package rest

import (
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"github.com/postern/postern"
)

// newRegistry is a registry of schemas that knows how our own types look on the wire.
func newRegistry() huma.Registry {
	r := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	r.RegisterTypeAlias(reflect.TypeFor[postern.Bytes](), reflect.TypeFor[base64URL]())
	return r
}

// base64URL is the schema of [postern.Bytes]. huma would take it for ordinary base64.
type base64URL string

// Schema implements [huma.SchemaProvider].
func (base64URL) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{
		Type: huma.TypeString, ContentEncoding: "base64url", Pattern: "^[A-Za-z0-9_-]*$",
		Description: "base64url without padding (RFC 4648 §5)",
	}
}
