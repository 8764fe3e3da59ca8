// Package analyze turns recorded cycles into answers. Values go in and values
// come out; it draws nothing and opens no file.
//
//	Source ──┬─ rows of the ragged edges ──┐
//	Source ──┴─ minutes and hours ─────────┴─> tally per series ──> Loop, Span, Summary
//	                                               (one per core, merged at the end)
//
// A minute's durations are counted straight from their bytes into pages of one
// counter per microsecond, so that a week's quantiles are exact in memory that
// does not grow with the week. Hours carry a sketch, whose quantiles are within
// half a percent; an answer that used one says so.
//
// Over tells from the same single reading how it went in equal steps. What was
// measured and decided (Courses) and which cycles were the slowest (Slowest) only
// rows tell; both read few of them.
package analyze
