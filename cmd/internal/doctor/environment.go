package doctor

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// environment is a file of NAME=value lines, as systemd's EnvironmentFile reads it.
//
//	NAME = value with blanks   # from the first to the last that is no blank
//	NAME=pa\ss                 what follows a backslash stands for itself: pass
//	NAME=one \                 and a line break that follows one is none
//	NAME='all \ "as it is"'    over line breaks too
//	NAME="a \" and a \x"       only before " \ ` $ and a line break a backslash goes
//	NAME='a' "b"c              what comes after the quotes belongs to the value: abc
//
// A line that begins with # or ; is a comment. A carriage return ends a line too.
type environment struct {
	assignments []assignment
	// What systemd reads, and most likely nobody meant.
	unclosed int // the line of the value whose quotes are not closed; 0: none
	extended int // the line of a comment that takes a line of another kind with it; 0: none
}

// assignment is one of a name, in the order of the file.
type assignment struct {
	name, value string
	line        int
	from, to    int // its bytes, with the line break that ends it
}

// envState is what the next byte is taken for.
type envState uint8

const (
	beforeName envState = iota
	inName
	beforeValue // also after closing quotes
	inValue
	escaped
	inSingle
	inDouble
	escapedInDouble
	inComment
	escapedInComment
)

// envReader reads an environment, a byte at a time.
type envReader struct {
	environment
	state       envState
	line        int
	name, value []byte
	kept        int // how much of the value stays when blanks are cut off its end
	at          assignment
}

// Note: systemd before 254 takes the line after a comment that ends in a backslash as
// a part of it, later ones do not. It counts as one here, so that nothing is taken as
// set that may not be, and is told of.

// parseEnvironment reads an environment. The error begins with the line's number.
func parseEnvironment(text []byte) (*environment, error) {
	if bytes.IndexByte(text, 0) >= 0 {
		return nil, errors.New("1: there is a NUL in it, for which systemd passes over the whole file")
	}
	r := &envReader{line: 1}
	for i, c := range text {
		if err := r.read(text, i); err != nil {
			return nil, err
		}
		if c == '\n' {
			r.line++
		}
	}
	if r.state == inSingle || r.state == inDouble || r.state == escapedInDouble {
		r.unclosed = r.at.line
	}
	return &r.environment, r.endLine(len(text))
}

// read takes the byte at an offset of the text.
func (r *envReader) read(text []byte, offset int) error {
	c := text[offset]
	newline := c == '\n' || c == '\r'
	blank := newline || c == ' ' || c == '\t'
	switch r.state {
	case beforeName:
		switch {
		case c == '#' || c == ';':
			r.state = inComment
		case !blank:
			r.state, r.at = inName, assignment{line: r.line, from: offset}
			r.name = append(r.name, c)
		}
	case inName:
		switch {
		case newline:
			return r.endLine(offset + 1)
		case c == '=':
			r.state = beforeValue
		default:
			r.name = append(r.name, c)
		}
	case inComment:
		if newline {
			r.state = beforeName
		} else if c == '\\' {
			r.state = escapedInComment
		}
	case escapedInComment:
		r.state = inComment
		next := bytes.TrimLeft(text[offset+1:], " \t")
		if newline && r.extended == 0 && len(next) > 0 && strings.IndexByte("#;\r\n", next[0]) < 0 {
			r.extended = r.line
		}
	case beforeValue, inValue:
		if newline {
			return r.endLine(offset + 1)
		}
		r.readValue(c, blank)
	default:
		r.readQuoted(c, newline)
	}
	return nil
}

// readValue takes a byte of a value that is outside of quotes.
func (r *envReader) readValue(c byte, blank bool) {
	switch {
	case c == '\\':
		r.keep()
		r.state = escaped
	case r.state == beforeValue && blank:
	case r.state == beforeValue && c == '\'':
		r.state = inSingle
	case r.state == beforeValue && c == '"':
		r.state = inDouble
	default:
		r.state = inValue
		r.value = append(r.value, c)
		if !blank {
			r.keep()
		}
	}
}

// readQuoted takes a byte in quotes or after a backslash.
func (r *envReader) readQuoted(c byte, newline bool) {
	switch {
	case r.state == escaped:
		r.state = inValue
		if newline {
			return
		}
	case r.state == escapedInDouble:
		r.state = inDouble
		if c == '\n' {
			return
		}
		if strings.IndexByte("\"\\`$", c) < 0 {
			r.value = append(r.value, '\\')
		}
	case r.state == inSingle && c == '\'', r.state == inDouble && c == '"':
		r.state = beforeValue
		return
	case r.state == inDouble && c == '\\':
		r.state = escapedInDouble
		return
	}
	r.value = append(r.value, c)
	r.keep()
}

// keep keeps the value as it is so far, blanks at its end included.
func (r *envReader) keep() { r.kept = len(r.value) }

// endLine ends the assignment that is being read, if one is, before an offset.
func (r *envReader) endLine(offset int) error {
	state := r.state
	r.state = beforeName
	switch state {
	case beforeName, inComment, escapedInComment:
		return nil
	case inName:
		return fmt.Errorf("%d: no NAME=value", r.at.line)
	}
	r.at.name, r.at.value, r.at.to = strings.TrimRight(string(r.name), " \t"), string(r.value[:r.kept]), offset
	if !utf8.ValidString(r.at.name) || !utf8.ValidString(r.at.value) {
		return fmt.Errorf("%d: not UTF-8, for which systemd passes over the whole file", r.at.line)
	}
	r.assignments = append(r.assignments, r.at)
	r.name, r.value, r.kept = r.name[:0], r.value[:0], 0
	return nil
}
