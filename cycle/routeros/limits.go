package routeros

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"wanctl/cycle"
)

// wanted is the limit a queue was last set to.
type wanted struct {
	limit cycle.Limit
	since time.Time // a reading asked for before tells nothing of it
	sure  bool      // the router is known to have it; else it is asked before the next write
	tried bool      // it was set again after the router showed another one
}

// SetLimits sets the limits of queues, in as few round trips as the transport
// can. With nil they are all in force. With an error that says Held, nothing was
// sent. After any other error the router may or may not have taken them; it is
// asked before the next write.
func (c *Client) SetLimits(ctx context.Context, limits ...cycle.Limit) error {
	names := make([]string, len(limits))
	for i, l := range limits {
		names[i] = l.Queue
		if l.Rate < 0 {
			return fmt.Errorf("queue %q: limit %d bit/s is negative", l.Queue, l.Rate)
		}
	}
	if err := checkNames(names); err != nil {
		return err
	}
	select {
	case c.writing <- struct{}{}:
		defer func() { <-c.writing }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if err := c.set(ctx, limits); err != nil {
		return fmt.Errorf("set limits: %w", err)
	}
	return nil
}

// set writes limits. Where it is not known how the last write ended, or this one
// fails, it first looks what the router has, and then sets what differs, by id.
// The caller holds the token.
func (c *Client) set(ctx context.Context, limits []cycle.Limit) error {
	look := c.unsure(limits)
	var err error
	for attempt := range 2 {
		todo := changes(limits)
		if look {
			if todo, err = c.differing(ctx, limits, err); err != nil {
				return err
			}
		}
		if len(todo) == 0 {
			c.settle(limits, true)
			return nil
		}
		if attempt == 0 {
			if err := c.flash.permit(time.Now()); err != nil {
				return err
			}
		}
		c.settle(limits, false)
		err = c.write(ctx, todo)
		if err == nil {
			c.settle(limits, true)
			return nil
		}
		if ctx.Err() != nil {
			return err
		}
		look = true
	}
	return err
}

// write sends changes, and counts them unless they were certainly not sent.
func (c *Client) write(ctx context.Context, todo []change) error {
	err := c.do(ctx, true, func(s session) error { return s.apply(ctx, todo) })
	var unsent *unreachable
	if !errors.As(err, &unsent) {
		c.count.writes.Add(1)
		if todo[0].menu == queueTree {
			c.flash.wrote(time.Now())
		}
	}
	return err
}

// unsure tells whether the router has to be asked first. A name that reads like
// an id or a number is one to the router: such a queue is set by its id.
func (c *Client) unsure(limits []cycle.Limit) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range limits {
		if w := c.wanted[l.Queue]; w != nil && !w.sure || digits(l.Queue) {
			return true
		}
	}
	return false
}

// settle notes what the router was told, and whether it is known to have it.
func (c *Client) settle(limits []cycle.Limit, sure bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range limits {
		w := c.wanted[l.Queue]
		if w == nil || w.limit != l {
			w = &wanted{limit: l}
			c.wanted[l.Queue] = w
		}
		w.sure, w.since = sure, time.Now()
	}
}

// changes sets limits by the queues' names: a name cannot have become another
// queue's the way an id can.
func changes(limits []cycle.Limit) []change {
	cs := make([]change, len(limits))
	for i, l := range limits {
		cs[i] = change{menu: queueTree, key: "name", value: l.Queue, set: properties(l)}
	}
	return cs
}

func properties(l cycle.Limit) (ps []property) {
	if l.Type != "" {
		ps = append(ps, property{"queue", l.Type})
	}
	return append(ps, property{"max-limit", strconv.FormatInt(l.Rate, 10)})
}

// differing asks the router what it has, and returns the changes that are still
// to be made, by id. Where the router cannot be asked, the error that made us ask
// is returned with the new one.
func (c *Client) differing(ctx context.Context, limits []cycle.Limit, why error) (cs []change, err error) {
	q := query{menu: queueTree, props: []string{".id", "name", "queue", "max-limit"}, key: "name"}
	for _, l := range limits {
		q.values = append(q.values, l.Queue)
	}
	rows, err := c.fetch(ctx, q)
	if err != nil {
		if why != nil {
			err = join([]error{why, err})
		}
		return nil, err
	}
	for _, l := range limits {
		at := -1
		for i, r := range rows {
			if r["name"] == l.Queue {
				at = i
			}
		}
		if at < 0 || rows[at][".id"] == "" {
			return nil, &answerError{text: fmt.Sprintf("there is no queue %q on the router", l.Queue), missing: true}
		}
		for _, p := range properties(l) {
			if rows[at][p.name] != p.value {
				cs = append(cs, change{menu: queueTree, key: ".id", value: rows[at][".id"], set: properties(l)})
				break
			}
		}
	}
	return cs, nil
}

// keep sets limits again that the router was given and no longer shows: after a
// reboot that lost them, or when it only pretended to take them. It tries once;
// a router that rounds, or an owner who insists, is not fought. The readings were
// asked for at a time.
func (c *Client) keep(ctx context.Context, readings []reading, asked time.Time) {
	again := c.lost(readings, asked)
	if len(again) == 0 {
		return
	}
	select {
	case c.writing <- struct{}{}:
		defer func() { <-c.writing }()
	default:
		return // they are being set
	}
	var names []string
	for _, l := range again {
		names = append(names, l.Queue)
	}
	err := c.set(ctx, again)
	var held *HeldError
	if errors.As(err, &held) {
		return // the next reading comes here again
	}
	c.mu.Lock()
	for _, l := range again {
		w := c.wanted[l.Queue]
		w.sure = true // the next reading tells
		w.tried = err == nil || answered(err)
	}
	c.mu.Unlock()
	if err != nil {
		c.log.Warn("the router lost limits, and does not take them again", "queues", strings.Join(names, " "), "error", err)
		return
	}
	c.log.Warn("the router had other limits than those set; set them again", "queues", strings.Join(names, " "))
}

// lost returns the limits that the router should show and does not.
func (c *Client) lost(readings []reading, asked time.Time) (limits []cycle.Limit) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range readings {
		w := c.wanted[r.name]
		if w == nil || !w.sure || w.tried || w.since.After(asked) {
			continue
		}
		if w.limit.Rate != r.limit || w.limit.Type != "" && r.kind != "" && w.limit.Type != r.kind {
			limits = append(limits, w.limit)
		}
	}
	return limits
}
