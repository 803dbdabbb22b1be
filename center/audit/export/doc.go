// Package export writes entries of the audit trail in the forms that other systems read: CSV for spreadsheets, JSON
// Lines, events of the Open Cybersecurity Schema Framework (OCSF), and the Common Event Format (CEF).
//
// It owns the forms and the walk over the trail, which never holds more than a page. It does not own where the result
// goes: package rest hands it out as a file, package stream sends it entry by entry.
package export
