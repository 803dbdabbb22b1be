// Package testpg gives tests a real PostgreSQL of their own.
//
// The first call of [URL] in a test process starts a server in a temporary folder, reachable by a Unix socket only and
// with durability off; each call makes a fresh database in it. The server and its folder go away with the test process,
// however that ends: a shell that holds the server waits for the end of a pipe whose other end only the test holds.
//
// The server's default collation is a linguistic one (ICU, en-US), so that an order which was meant to be of bytes but is
// of words shows.
package testpg
