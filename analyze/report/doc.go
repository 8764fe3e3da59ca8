// Package report lays answers out: as text for a terminal, as the JSON of the
// contract, as CSV and as Markdown. It works nothing out itself.
package report
