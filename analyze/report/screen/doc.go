// Package screen is the live view of the loops: what is known at one moment comes
// in as a Snapshot, text goes out, as a screen of any size or as one plain line a
// loop. Program runs the screen in a terminal.
//
//	Watcher ── Snapshot ──> Screen ──> text ──> terminal
//	                          ^
//	                        keys, size
package screen
