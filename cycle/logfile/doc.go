// Package logfile turns the logs of the Python program, and of cake-autorate,
// into cycles.
//
//	2026-01-09 15:12:25,003 [wan1] [DEBUG] autorate_rtt_measurement: 1003.1ms   a span
//	2026-01-09 15:12:25,087 [wan1] [DEBUG] autorate_cycle_total: 1087.6ms       ends the cycle
//
//	{"timestamp":"2026-01-10T12:00:00.123Z","logger":"...","message":"..."}     the same as JSON
//
//	DATA; 2023-03-01-12:00:00; 1677672000.123456; ...                          one answered echo
//
// A cycle ends with its total; the spans before it belong to it, and so do the
// probes and the decision that other lines of the same daemon tell. Lines that
// tell none of these are passed over.
//
// Each file's cycles form runs of their own, known by the file's first line: the
// file may be renamed, compressed or grown, and importing it again finds the
// cycles that are on record already.
package logfile
