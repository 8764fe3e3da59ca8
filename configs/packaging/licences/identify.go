package main

import (
	"regexp"
	"slices"
	"strings"
)

// sign is what a licence's text says and no other's does.
type sign struct {
	licence string
	all     []string // words that are there, in small letters with single spaces
	none    []string // words that are not
}

var signs = []sign{
	{"MIT", []string{"permission is hereby granted, free of charge, to any person", "the above copyright notice and this permission notice shall be included"}, nil},
	{"Apache-2.0", []string{"apache license", "version 2.0"}, nil},
	{"BSD-4-Clause", []string{bsd, "all advertising materials mentioning"}, nil},
	{"BSD-3-Clause", []string{bsd, "endorse or promote"}, []string{"all advertising materials mentioning"}},
	{"BSD-2-Clause", []string{bsd}, []string{"endorse or promote"}},
	{"ISC", []string{"permission to use, copy, modify, and/or distribute", "above copyright notice and this permission notice appear in all copies"}, nil},
	{"ISC", []string{"permission to use, copy, modify, and distribute", "above copyright notice and this permission notice appear in all copies"}, nil},
	{"Unlicense", []string{"this is free and unencumbered software released into the public domain"}, nil},
	{publicDomain, []string{"sqlite is public domain"}, nil},
	// Of these the words that name them are enough: they are not allowed, and to ask
	// once too often does no harm.
	{"GPL", []string{"gnu general public license"}, nil},
	{"LGPL", []string{"gnu lesser general public license"}, nil},
	{"AGPL", []string{"gnu affero general public license"}, nil},
	{"MPL", []string{"mozilla public license"}, nil},
	{"EPL", []string{"eclipse public license"}, nil},
	{"CC", []string{"creative commons"}, nil},
	{"SSPL", []string{"server side public license"}, nil},
	{"BUSL", []string{"business source license"}, nil},
}

// publicDomain is how SPDX wants names that it has none for.
const publicDomain = "LicenseRef-public-domain"

const bsd = "redistribution and use in source and binary forms"

// linkedHeading begins, in a list of third parties that is ordered by what becomes of
// them, those that get into the program: modernc.org/sqlite has one. The others'
// licences, such as those of its tests, are in the file and bind nobody here.
const linkedHeading = "components linked into your program\n"

// linked returns what the table under linkedHeading says; ok is false for a text
// without one.
func linked(text string) (licences []string, ok bool) {
	at := strings.Index(strings.ToLower(text), linkedHeading)
	if at < 0 {
		return nil, false
	}
	section, _, _ := strings.Cut(text[at:], "\n## ")
	column := -1
	for line := range strings.Lines(section) {
		cells := strings.Split(line, "|")
		switch {
		case column < 0:
			column = slices.IndexFunc(cells, func(c string) bool { return strings.TrimSpace(c) == "License" })
		case column < len(cells) && !strings.Contains(cells[column], "---"):
			for name := range strings.SplitSeq(cells[column], ",") {
				switch name = strings.TrimSpace(name); name {
				case "public domain":
					name = publicDomain
				case "attribution reference": // a mention of where an idea is from
					continue
				}
				licences = append(licences, name)
			}
		}
	}
	return licences, len(licences) > 0
}

// filler is what layouts and comment marks put between the words of a text.
var filler = regexp.MustCompile(`[\s*#/>]+`)

// identify returns the licences that a text holds, by their SPDX identifiers; none if
// it holds none that is known, as with notices of authorship.
func identify(text string) (licences []string) {
	if licences, ok := linked(text); ok {
		return licences
	}
	words := filler.ReplaceAllString(strings.ToLower(text), " ")
next:
	for _, s := range signs {
		for _, w := range s.all {
			if !strings.Contains(words, w) {
				continue next
			}
		}
		for _, w := range s.none {
			if strings.Contains(words, w) {
				continue next
			}
		}
		licences = append(licences, s.licence)
	}
	return licences
}
