// Package cycle holds the core words of wanctl: what a control loop does over
// and over, and what is known about each time it did.
//
//	scheduled  start                                                      end
//	    |--late--|-------------------------- total ------------------------|
//	             |- rtt ----------------|
//	             |  |- probe 1.1.1.1 -|                  (measured side by side)
//	             |  |- probe 9.9.9.9 ---|
//	             |- cake ----------|
//	             |- rule ------|
//	                                    |- adjust -|
//	                                               |- update --------------|
//
// A [Loop] ticks on a fixed schedule. Each turn it hands its daemon a [Timer];
// the daemon measures, decides and writes, and every timed part becomes a
// [Span]. The finished [Cycle] is handed once to a [Recorder], which never
// blocks.
//
// The package imports the standard library alone and knows no other room of
// the house: routers, reflectors, files and reports all meet through the
// values declared here.
package cycle
