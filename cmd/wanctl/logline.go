package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"wanctl/cycle"
)

// lineFormat turns records into lines.
//
//	2026-01-09 15:04:05,123 [wan1] [WARNING] text key=value
//	{"timestamp":"2026-01-09T15:04:05.123+01:00","level":"WARNING","logger":"wan1","message":"text","key":"value"}
//
// The text form is what the Python program writes and existing tools parse. It
// leaves out what cycle.Values groups, because the text says it already.
type lineFormat struct {
	json   bool
	logger string
	zone   *time.Location
	hide   cycle.Concealer
}

// keyed is an attribute with its whole key, groups joined by dots.
type keyed struct {
	key   string
	value slog.Value
}

const (
	maxLogText = 4 << 10  // bytes of a message or a value
	maxLogLine = 32 << 10 // bytes of a line; attributes beyond are left out
)

// flatten appends an attribute, or a group's attributes.
func (f lineFormat) flatten(to []keyed, group string, a slog.Attr) []keyed {
	v := a.Value.Resolve()
	if v.Kind() != slog.KindGroup {
		if a.Key == "" {
			return to
		}
		return append(to, keyed{group + a.Key, v})
	}
	if a.Key == "" && !f.json {
		return to // cycle.Values
	}
	if a.Key != "" {
		group += a.Key + "."
	}
	for _, inner := range v.Group() {
		to = f.flatten(to, group, inner)
	}
	return to
}

// levelName returns the level's name in the Python program's logs.
func levelName(l slog.Level) string {
	switch {
	case l < slog.LevelInfo:
		return "DEBUG"
	case l < slog.LevelWarn:
		return "INFO"
	case l < slog.LevelError:
		return "WARNING"
	}
	return "ERROR"
}

// format returns the record's line, ended by a line break and without another.
func (f lineFormat) format(r slog.Record, attrs []keyed) []byte {
	line := make([]byte, 0, 256)
	if f.json {
		line = f.object(line, r, attrs)
	} else {
		line = f.text(line, r, attrs)
	}
	return append(line, '\n')
}

func (f lineFormat) text(b []byte, r slog.Record, attrs []keyed) []byte {
	b = r.Time.In(f.zone).AppendFormat(b, "2006-01-02 15:04:05,000")
	b = append(b, " ["...)
	b = appendEscaped(b, f.logger, false)
	b = append(b, "] ["...)
	b = append(b, levelName(r.Level)...)
	b = append(b, "] "...)
	b = appendEscaped(b, f.clean(r.Message), false)
	for _, a := range attrs {
		if len(b) > maxLogLine {
			return append(b, " ..."...)
		}
		b = append(b, ' ')
		b = appendEscaped(b, short(a.key), false)
		b = append(b, '=')
		v := f.clean(fmt.Sprint(f.plain(a)))
		quoted := v == "" || strings.ContainsFunc(v, func(r rune) bool { return r == ' ' || r == '=' || r == '"' || !unicode.IsPrint(r) })
		if quoted {
			b = append(b, '"')
		}
		b = appendEscaped(b, v, quoted)
		if quoted {
			b = append(b, '"')
		}
	}
	return b
}

func (f lineFormat) object(b []byte, r slog.Record, attrs []keyed) []byte {
	taken := make([]string, 0, len(attrs)+5)
	add := func(key string, v any) {
		for slices.Contains(taken, key) {
			key += "_"
		}
		taken = append(taken, key)
		separator := byte(',')
		if len(b) == 0 {
			separator = '{'
		}
		b = append(b, separator)
		b = appendJSON(b, key)
		b = append(b, ':')
		b = appendJSON(b, v)
	}
	add("timestamp", r.Time.In(f.zone).Format("2006-01-02T15:04:05.000Z07:00"))
	add("level", levelName(r.Level))
	add("logger", f.logger)
	add("message", f.clean(r.Message))
	for _, a := range attrs {
		if len(b) > maxLogLine {
			add("truncated", true)
			break
		}
		v := f.plain(a)
		if s, ok := v.(string); ok {
			v = f.clean(s)
		}
		add(short(a.key), v)
	}
	return append(b, '}')
}

// appendJSON appends a string, number or boolean.
func appendJSON(b []byte, v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		return append(b, "null"...)
	}
	return append(b, text...)
}

// plain returns an attribute's value as a boolean, a finite number or text. What is
// called a secret is none of them.
func (f lineFormat) plain(a keyed) any {
	last := strings.ToLower(a.key[strings.LastIndexByte(a.key, '.')+1:])
	if slices.Contains([]string{"password", "secret", "passphrase", "token", "authorization"}, last) {
		return "(secret)"
	}
	switch a.value.Kind() {
	case slog.KindBool:
		return a.value.Bool()
	case slog.KindInt64:
		return a.value.Int64()
	case slog.KindUint64:
		return a.value.Uint64()
	case slog.KindFloat64:
		if v := a.value.Float64(); !math.IsNaN(v) && !math.IsInf(v, 0) {
			return v
		}
		return fmt.Sprint(a.value.Float64())
	case slog.KindTime:
		return a.value.Time().In(f.zone).Format(time.RFC3339Nano)
	}
	return a.value.String()
}

// conceal takes a secret out of all lines to come, as others' words may be in them,
// and leaves one that could be a word of ours: the router's words were looked through
// where they came in.
func (f *lineFormat) conceal(secret cycle.Secret) {
	if !secret.Ordinary() {
		f.hide.Add(secret)
	}
}

// dropped is the line that stands where lines are missing.
func (f lineFormat) dropped(n int64) []byte {
	r := slog.NewRecord(time.Now(), slog.LevelWarn, "log lines were dropped here", 0)
	return f.format(r, []keyed{{"dropped", slog.Int64Value(n)}})
}

// clean takes the secrets out of a text, and cuts it short.
func (f lineFormat) clean(s string) string { return short(f.hide.Hide(s)) }

// short cuts a text to maxLogText bytes, and says by how much.
func short(s string) string {
	if len(s) <= maxLogText {
		return s
	}
	cut := maxLogText
	for cut > maxLogText-utf8.UTFMax && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "... (" + strconv.Itoa(len(s)-cut) + " more bytes)"
}

// appendEscaped appends s with every character escaped that does not print, so
// that a line stays a line and a terminal takes no harm; in quotes, also those.
func appendEscaped(b []byte, s string, quoted bool) []byte {
	for i, r := range s {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD"):
			b = fmt.Appendf(b, `\x%02x`, s[i])
		case quoted && (r == '"' || r == '\\'):
			b = append(b, '\\', byte(r))
		case unicode.IsPrint(r):
			b = utf8.AppendRune(b, r)
		default:
			escaped := strconv.QuoteRuneToASCII(r)
			b = append(b, escaped[1:len(escaped)-1]...)
		}
	}
	return b
}
