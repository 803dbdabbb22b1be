// Package query holds the statements of center/store/queries as Go functions. sqlc writes all of it but this file; the
// rules it must keep to so that both databases understand it are in sqlc.yaml.
package query
