package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	_ "modernc.org/sqlite"
)

// sqlBlock is a query of docs/schema.md.
var sqlBlock = regexp.MustCompile("(?s)```sql\n(.*?)```")

// schemaPage returns docs/schema.md.
func schemaPage(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "schema.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

// openSQL opens a recording as any program would.
func openSQL(t *testing.T, build func(context.Context, string) error) *sql.DB {
	t.Helper()
	path := filepath.Join(t.TempDir(), "profile.db")
	if err := build(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// TestTheQueriesOfThePageAnswer runs every query of docs/schema.md against a recording
// that has something to say to it.
func TestTheQueriesOfThePageAnswer(t *testing.T) {
	t.Parallel()
	house, old := openSQL(t, recordHouse), openSQL(t, recordOld)
	if _, err := house.Exec(`INSERT INTO "drop" VALUES (1767967200000000, 1, 3, 'the disk is full'); INSERT OR REPLACE INTO written VALUES (20462, 1048576)`); err != nil {
		t.Fatal(err)
	}
	queries := sqlBlock.FindAllStringSubmatch(schemaPage(t), -1)
	if len(queries) != 20 {
		t.Errorf("%d queries, want 20", len(queries))
	}
	for _, q := range queries {
		rows, err := countRows(t.Context(), house, q[1])
		if err == nil && rows == 0 {
			rows, err = countRows(t.Context(), old, q[1])
		}
		if err != nil || rows == 0 {
			t.Errorf("%d rows, %v, from\n%s", rows, err, q[1])
		}
	}
}

// countRows counts a query's rows.
func countRows(ctx context.Context, db *sql.DB, query string) (n int, err error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for rows.Next() {
		n++
	}
	return n, rows.Err()
}

// TestTheExactQuantileOfThePage holds the page's own p99 against analyze's.
func TestTheExactQuantileOfThePage(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "profile.db")
	if err := recordHouse(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var query string
	for _, q := range sqlBlock.FindAllStringSubmatch(schemaPage(t), -1) {
		if strings.Contains(q[1], "p99_ms FROM recent") {
			query = q[1]
		}
	}
	var p99 float64
	if err := db.QueryRow(query).Scan(&p99); err != nil {
		t.Fatal(err)
	}
	var all struct {
		Loops []struct {
			Spans []struct {
				Label string
				P99   float64 `json:"p99_ms"`
			}
		}
	}
	said := run(t, "analyze", "--db", path, "--since", "2026-01-09T13:59:00Z", "--until", "2026-01-09T15:01:00Z", "--daemon", "autorate", "--format", "json")
	if err := json.Unmarshal([]byte(said), &all); err != nil || len(all.Loops) != 1 {
		t.Fatalf("%v\n%s", err, said)
	}
	for _, s := range all.Loops[0].Spans {
		if s.Label == "autorate_cycle_total" && s.P99 == p99 {
			return
		}
	}
	t.Errorf("the page's query gives %v ms, analyze says\n%s", p99, said)
}

// TestThePageNamesTheWholeSchema keeps docs/schema.md complete: every table, view and
// column is named in it.
func TestThePageNamesTheWholeSchema(t *testing.T) {
	t.Parallel()
	db, page := openSQL(t, recordHouse), schemaPage(t)
	rows, err := db.Query(`SELECT t.name, c.name FROM pragma_table_list AS t JOIN pragma_table_info(t.name) AS c
		WHERE t.schema = 'main' AND t.name NOT LIKE 'sqlite%'`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	named := 0
	for rows.Next() {
		var table, column string
		if err := rows.Scan(&table, &column); err != nil {
			t.Fatal(err)
		}
		named++
		for _, name := range []string{table, column} {
			if !strings.Contains(page, "`"+name+"`") {
				t.Errorf("docs/schema.md does not name %s (%s.%s)", name, table, column)
			}
		}
	}
	if err := rows.Err(); err != nil || named < 100 {
		t.Errorf("%d columns, %v", named, err)
	}
}
