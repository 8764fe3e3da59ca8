// Package site shows the report as a live page to browsers on the same machine,
// and hands out what is shown as JSON, CSV and traces. It only reads.
//
//	request ─> guard ─────────> routes ──┬─ desk ── gate ─> analyze ─> report, page
//	           host, origin,             │  the same question once,
//	           method, token             │  one at a time, remembered briefly
//	                                     ├─ downloads: slice by slice, never a long read
//	                                     └─ events: "there is news", as server-sent events
//
// Whoever asks must not slow the daemons that record: a window has a longest
// length, an answer a time it may take, and whatever waits is bounded. What is
// beyond is refused with a word on when to come back.
package site
