package store

// UnarchivedTables lets a test compare them with the schema.
var UnarchivedTables = unarchivedTables
