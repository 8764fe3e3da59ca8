package routeros

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"wanctl/cycle"
)

// session is one login on the router. fetch is called from two goroutines at
// once: the queues and the rule are read side by side. Both end by the context's
// deadline. Any error but an *answerError leaves the session unfit for use.
type session interface {
	// fetch returns the items a query asks for, in the router's order.
	fetch(ctx context.Context, q query) ([]row, error)
	// apply makes changes, in as few round trips as the transport can. With no
	// error the router said that it made them, and where its answer shows the
	// items, they show it.
	apply(ctx context.Context, changes []change) error
	close()
}

// The menus, as words of the console.
const (
	queueTree      = "queue tree"
	mangle         = "ip firewall mangle"
	systemResource = "system resource"
)

// path returns a menu as the API and REST put it, e.g. "/queue/tree".
func path(menu string) string { return "/" + strings.ReplaceAll(menu, " ", "/") }

// query asks for the items of a menu whose key is one of the values; for all of
// them when there are no values.
type query struct {
	menu   string
	props  []string
	key    string
	values []string
}

// change sets properties of the item that the key (".id" or "name") tells.
type change struct {
	menu       string
	key, value string
	set        []property
}

type property struct{ name, value string }

// row is an item's properties as the router's text. One that the router left out
// is absent.
type row map[string]string

// shows tells whether the row has a property at a value, where it has it at all.
func (r row) shows(p property) bool {
	v, ok := r[p.name]
	return !ok || v == p.value || truth(v) != "" && truth(v) == truth(p.value)
}

// truth returns "true" or "false" for the words RouterOS has for them, else "".
func truth(s string) string {
	switch s {
	case "true", "yes":
		return "true"
	case "false", "no":
		return "false"
	}
	return ""
}

// answerError is an answer of the router's that will not do: a refusal, or a
// reply that makes no sense. The session is sound.
type answerError struct {
	text    string
	missing bool // the item is not there
}

func (e *answerError) Error() string { return e.text }

func answerf(format string, args ...any) error {
	return &answerError{text: fmt.Sprintf(format, args...)}
}

// answered tells whether an error is the router's answer to what was asked. An
// answer to the greeting is none: the session never came to be.
func answered(err error) bool {
	var a *answerError
	var unsent *unreachable
	return errors.As(err, &a) && !errors.As(err, &unsent)
}

// loginError reports that the router refused the login: trying again soon would
// fill its log and may lock the user out.
type loginError struct{ err error }

func (e *loginError) Error() string { return "login refused: " + e.err.Error() }
func (e *loginError) Unwrap() error { return e.err }

// maxQuote bounds what is quoted of the router's words in an error, in runes.
const maxQuote = 200

// knownWords are RouterOS's own constant messages, and parts of them. Where the
// password is a word of theirs, to take it out is to tell it.
var knownWords = regexp.MustCompile(`invalid user name or password|cannot log in|too many commands before login|` +
	`no such item|no such command or directory|no such command prefix|no such command|unknown parameter|invalid value for argument|` +
	`input does not match any value of|value of|out of range|(?:std )?failure: |interrupted|not allowed|not enough permissions|` +
	`bad command name|bad parameter|expected end of command|syntax error|ambiguous value|\(line \d+ column \d+\)|` +
	`Session closed|Unauthorized|Bad Request|Not Found|Not Acceptable|Internal Server Error`)

// quoter puts foreign text into errors: short, on one line, and without the
// password, should the router repeat it.
type quoter struct{ password cycle.Secret }

func (q quoter) quote(text string) string {
	text = q.concealer().Hide(text, knownWords.FindAllStringIndex(text, -1)...)
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsPrint(r)
	}), " ")
	if rs := []rune(text); len(rs) > maxQuote {
		text = string(rs[:maxQuote]) + "..."
	}
	return text
}

func (q quoter) concealer() (c cycle.Concealer) {
	c.Add(q.password)
	return c
}

// quotedError is an error with the password taken out of its text.
type quotedError struct {
	text string
	err  error
}

func (e *quotedError) Error() string { return e.text }
func (e *quotedError) Unwrap() error { return e.err }

// guard takes the password out of an error, in which a library or a value may repeat
// it; our own words are in it too, so a password that could be one of them stays.
func (q quoter) guard(err error) error {
	if err == nil || q.password.Ordinary() {
		return err
	}
	if text := q.concealer().Hide(err.Error()); text != err.Error() {
		return &quotedError{text, err}
	}
	return err
}

// maxReply bounds the bytes of one reply. Thousands of mangle rules are some
// hundred kilobytes.
const maxReply = 16 << 20

var errTooLong = fmt.Errorf("reply is longer than %d MiB", maxReply>>20)
