package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// prompter asks questions a line at a time: over ssh, in a pipe, anywhere. On every
// question "?" explains, "<" goes back a step, and Ctrl-C or the end
// of the input ends it all.
type prompter struct {
	ctx context.Context
	in  io.Reader
	out io.Writer
}

// What an answer can be instead of one.
var (
	errBack  = errors.New("back")
	errEnded = errors.New("given up: nothing was written")
)

// inquiry is one question.
type inquiry struct {
	text, usual string             // usual: the answer that is an empty line; "": there must be one
	help        string             // what "?" says
	check       func(string) error // what is wrong with an answer; it may ask on itself
	secret      bool               // typed without echo
	optional    bool               // an empty line is an answer
}

// ask asks until an answer passes the check.
func (p *prompter) ask(q inquiry) (string, error) {
	for {
		fmt.Fprint(p.out, q.text)
		if q.usual != "" {
			fmt.Fprintf(p.out, " [%s]", q.usual)
		}
		fmt.Fprint(p.out, ": ")
		answer, err := p.line(q.secret)
		if err != nil {
			return "", err
		}
		if !isTerminal(p.in) { // nobody typed it there: a transcript shows it all the same
			p.say("%s", map[bool]string{false: answer, true: "(secret)"}[q.secret])
		}
		if !q.secret {
			answer = strings.TrimSpace(answer)
		}
		switch {
		case answer == "?" && q.help != "":
			p.say("%s", q.help)
			continue
		case answer == "<":
			return "", errBack
		case answer == "":
			answer = q.usual
		}
		switch {
		case answer == "" && !q.optional:
			p.say("An answer is needed (? explains, < goes back).")
			continue
		case !utf8.ValidString(answer):
			p.say("That is no UTF-8 text.")
			continue
		}
		if q.check == nil || answer == "" {
			return answer, nil
		}
		if err := q.check(answer); err != nil {
			if errors.Is(err, errBack) || errors.Is(err, errEnded) || p.ctx.Err() != nil {
				return "", err
			}
			p.say("%v", err)
			continue
		}
		return answer, nil
	}
}

// yes asks a question of yes or no.
func (p *prompter) yes(text string, usual bool, help string) (bool, error) {
	word := map[bool]string{true: "yes", false: "no"}
	answer, err := p.ask(inquiry{text: text, usual: word[usual], help: help, check: func(s string) error {
		if !slices.Contains([]string{"y", "yes", "n", "no"}, strings.ToLower(s)) {
			return errors.New("please answer yes or no")
		}
		return nil
	}})
	return strings.HasPrefix(strings.ToLower(answer), "y"), err
}

// choose asks for one of several, by its number or its name.
func (p *prompter) choose(text string, options []string, usual, help string) (string, error) {
	for i, o := range options {
		p.say("  %2d  %s", i+1, o)
	}
	pick := func(s string) (string, bool) {
		if slices.Contains(options, s) {
			return s, true
		}
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > len(options) {
			return "", false
		}
		return options[n-1], true
	}
	answer, err := p.ask(inquiry{text: text, usual: usual, help: help, check: func(s string) error {
		if _, ok := pick(s); !ok {
			return fmt.Errorf("please answer with a number from 1 to %d, or a name from the list", len(options))
		}
		return nil
	}})
	if err != nil {
		return "", err
	}
	answer, _ = pick(answer)
	return answer, nil
}

// say shows a line. What the router or a file has put into it stays one.
func (p *prompter) say(format string, args ...any) {
	for line := range strings.Lines(fmt.Sprintf(format, args...) + "\n") {
		fmt.Fprintf(p.out, "%s\n", appendEscaped(nil, strings.TrimSuffix(line, "\n"), false))
	}
}

// line reads one line, not a byte more: what follows may be a password, which is
// read otherwise. A signal ends the wait.
func (p *prompter) line(secret bool) (string, error) {
	type reply struct {
		text string
		err  error
	}
	read := func() (string, error) { return readLine(p.in) }
	restore := func() {}
	if f, ok := p.in.(*os.File); ok && secret && term.IsTerminal(int(f.Fd())) {
		if before, err := term.GetState(int(f.Fd())); err == nil {
			restore = func() { _ = term.Restore(int(f.Fd()), before) }
		}
		read = func() (string, error) {
			text, err := term.ReadPassword(int(f.Fd()))
			fmt.Fprintln(p.out)
			return string(text), err
		}
	}
	done := make(chan reply, 1)
	go func() { // ends with the input, at the latest with the process
		text, err := read()
		done <- reply{text, err}
	}()
	select {
	case r := <-done:
		if r.err != nil {
			fmt.Fprintln(p.out)
			return "", errEnded
		}
		return r.text, nil
	case <-p.ctx.Done():
		restore()
		fmt.Fprintln(p.out)
		return "", errEnded
	}
}

// maxAnswer bounds an answer, in bytes.
const maxAnswer = 4 << 10

// readLine reads up to a line break; the last line needs none.
func readLine(in io.Reader) (string, error) {
	var line []byte
	for b := make([]byte, 1); len(line) < maxAnswer; {
		n, err := in.Read(b)
		switch {
		case n == 1 && b[0] == '\n':
			return strings.TrimSuffix(string(line), "\r"), nil
		case n == 1:
			line = append(line, b[0])
		case err == io.EOF && len(line) > 0:
			return string(line), nil
		case err != nil:
			return "", err
		}
	}
	return "", fmt.Errorf("an answer of more than %d bytes", maxAnswer)
}
