package routeros

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// rule is a mangle rule that was found by its comment.
type rule struct {
	id      string
	comment string // its own, which may be longer than what was asked for
	byID    bool   // the router's filter does not find the comment

	absent   error // why there is none
	searched time.Time
}

// searchAgain is how long a search through all rules that found none is believed.
const searchAgain = 10 * time.Second

var ruleProps = []string{".id", "comment", "disabled"}

// confirmations are the waits between the looks at a rule that was switched.
var confirmations = []time.Duration{0, 100 * time.Millisecond, 200 * time.Millisecond, 400 * time.Millisecond}

// Rule tells whether the mangle rule of a comment is on. Exactly one rule must
// have it as its comment or, where none has, exactly one contain it.
func (c *Client) Rule(ctx context.Context, comment string) (on bool, err error) {
	r, err := c.rule(ctx, comment)
	if err != nil {
		return false, fmt.Errorf("read rule %q: %w", comment, err)
	}
	return enabled(r), nil
}

// SetRule switches the rule on or off. It returns nil only when the router then
// shows it so; one that it shows so already is left alone.
func (c *Client) SetRule(ctx context.Context, comment string, on bool) error {
	if err := c.setRule(ctx, comment, on); err != nil {
		return fmt.Errorf("switch rule %q %s: %w", comment, word(on, "on", "off"), err)
	}
	return nil
}

func (c *Client) setRule(ctx context.Context, comment string, on bool) error {
	r, err := c.rule(ctx, comment)
	if err != nil || enabled(r) == on {
		return err
	}
	to := change{menu: mangle, key: ".id", value: r[".id"], set: []property{{"disabled", word(on, "false", "true")}}}
	failed := c.write(ctx, []change{to})
	var unsent *unreachable
	if errors.As(failed, &unsent) {
		return failed
	}
	for _, wait := range confirmations { // however the write ended: the rule itself tells
		select {
		case <-ctx.Done():
			return join([]error{first(failed, err, errors.New("not confirmed")), context.Cause(ctx)})
		case <-time.After(wait):
		}
		if r, err = c.rule(ctx, comment); err == nil && enabled(r) == on {
			return nil
		}
	}
	return first(failed, err, fmt.Errorf("the router still shows it %s", word(on, "off", "on")))
}

// first returns the first error that is one.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func word(b bool, yes, no string) string {
	if b {
		return yes
	}
	return no
}

// enabled tells whether a rule is on. One whose "disabled" was never written does
// not show it.
func enabled(r row) bool { return truth(r["disabled"]) != "true" }

// rule reads the rule of a comment. What is known from before saves the search;
// the comment is checked in every reply.
func (c *Client) rule(ctx context.Context, comment string) (row, error) {
	if comment == "" {
		return nil, errors.New("a rule without a comment cannot be told from others")
	}
	c.mu.Lock()
	known, ok := c.rules[comment]
	c.mu.Unlock()
	if !ok || known.absent != nil {
		known.comment = comment
	}
	q := query{menu: mangle, props: ruleProps, key: "comment", values: []string{known.comment}}
	if known.byID {
		q.key, q.values = ".id", []string{known.id}
	}
	rows, err := c.fetch(ctx, q)
	if err != nil {
		return nil, err
	}
	if r, err := pick(rows, known.comment); r != nil || err != nil {
		return c.found(comment, r, known.byID), c.rememberAny(err)
	}
	if known.absent != nil && time.Since(known.searched) < searchAgain {
		return nil, known.absent
	}
	return c.search(ctx, comment)
}

// search looks for the rule among all of them: the filter of some routers finds
// no comment that holds blanks or colons, and the Python program asked for a part
// of the comment.
func (c *Client) search(ctx context.Context, comment string) (row, error) {
	rows, err := c.fetch(ctx, query{menu: mangle, props: ruleProps})
	if err != nil {
		return nil, err
	}
	r, err := pick(rows, comment)
	if r != nil || err != nil {
		return c.found(comment, r, true), c.rememberAny(err)
	}
	var within []row
	for _, r := range rows {
		if strings.Contains(r["comment"], comment) {
			within = append(within, r)
		}
	}
	if len(within) != 1 {
		err := c.remember(answerf("no mangle rule has this comment, and %d contain it; exactly one must", len(within)))
		c.mu.Lock()
		c.rules[comment] = rule{absent: err, searched: time.Now()}
		c.mu.Unlock()
		return nil, err
	}
	c.log.Warn("no mangle rule has the comment exactly; one contains it", "comment", comment, "found", within[0]["comment"])
	return c.found(comment, within[0], false), nil
}

// pick returns the one row of a comment; nil if there is none.
func pick(rows []row, comment string) (found row, err error) {
	n := 0
	for _, r := range rows {
		if r["comment"] == comment {
			found = r
			n++
		}
	}
	if n > 1 {
		return nil, answerf("%d mangle rules have this comment; exactly one must", n)
	}
	if found != nil && found[".id"] == "" {
		return nil, answerf("the router does not tell the rule's id")
	}
	if d, ok := found["disabled"]; ok && truth(d) == "" {
		return nil, answerf("the router tells %.40q of whether the rule is disabled", d)
	}
	return found, nil
}

// found remembers a rule; nil forgets it.
func (c *Client) found(asked string, r row, byID bool) row {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r == nil {
		delete(c.rules, asked)
		return nil
	}
	c.rules[asked] = rule{id: r[".id"], comment: r["comment"], byID: byID}
	return r
}

func (c *Client) rememberAny(err error) error {
	if err == nil {
		return nil
	}
	return c.remember(err)
}
