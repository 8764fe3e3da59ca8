// Package page lays an answer out as a page to look at: one HTML document that
// needs nothing from elsewhere, or its body alone for a live page.
//
//	analyze.Over ──┬─ Analysis ─┐
//	               └─ Timeline ─┤
//	analyze.Courses ────────────┼─> Content ──> template ──> <main> in <html>
//	analyze.Slowest ────────────┘                 │
//	                                  bands, heat map, strips, lines,
//	                                  distributions, waterfalls: SVG
//
// Each picture is a file here, and each has its numbers within reach. A picture's
// horizontal places are shares of its width, so that it is as wide as the screen
// while its text keeps its size: the data lie in an inner svg whose units are steps
// and thousandths of the height, and everything else is placed by percentages.
// Colours are classes, and what a class looks like is in style.css alone: light,
// dark and printed.
//
// Note: go-analyze/charts v0.6.4 and gonum/plot v0.17.0 draw into SVG too, and have
// lines, heat maps and histograms. Both write colours and fonts into style
// attributes, which a strict content security policy forbids and which cannot
// follow light and dark; what they draw has neither role nor title for those who do
// not see it, nor values for the pointer, and as wide as a phone its text is too
// small to read. Three lines of 300 points took 37 kB and 14 kB, where they take
// 6 kB here.
package page
