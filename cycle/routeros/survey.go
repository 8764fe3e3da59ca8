package routeros

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// What the router has, as a person wants it listed who sets wanctl up or looks
// for what is wrong. The loops ask for none of it.

const (
	queueType = "queue type"
	user      = "user"
	userGroup = "user group"
)

// ListedQueue is a queue of the router's queue tree.
type ListedQueue struct {
	Name, Parent, Type string
	Limit              int64 // max-limit, bit/s; 0: unlimited, or not told
	Disabled           bool
}

// ListedRule is a mangle rule.
type ListedRule struct {
	Comment, Chain, Action string
	Disabled               bool
}

// ListedType is a queue type, e.g. of kind "cake".
type ListedType struct{ Name, Kind string }

// ListQueues returns all queues of the queue tree, in the router's order.
func (c *Client) ListQueues(ctx context.Context) ([]ListedQueue, error) {
	rows, err := c.fetch(ctx, query{menu: queueTree, props: []string{"name", "parent", "queue", "max-limit", "disabled"}})
	if err != nil {
		return nil, fmt.Errorf("list queues: %w", err)
	}
	queues := make([]ListedQueue, len(rows))
	for i, r := range rows {
		limit, _ := strconv.ParseInt(r["max-limit"], 10, 64) // what is no number is not told
		queues[i] = ListedQueue{Name: r["name"], Parent: r["parent"], Type: r["queue"], Limit: limit, Disabled: !enabled(r)}
	}
	return queues, nil
}

// ListRules returns all mangle rules, in the router's order; most have no comment.
func (c *Client) ListRules(ctx context.Context) ([]ListedRule, error) {
	rows, err := c.fetch(ctx, query{menu: mangle, props: []string{"comment", "chain", "action", "disabled"}})
	if err != nil {
		return nil, fmt.Errorf("list mangle rules: %w", err)
	}
	rules := make([]ListedRule, len(rows))
	for i, r := range rows {
		rules[i] = ListedRule{Comment: r["comment"], Chain: r["chain"], Action: r["action"], Disabled: !enabled(r)}
	}
	return rules, nil
}

// ListTypes returns all queue types, in the router's order.
func (c *Client) ListTypes(ctx context.Context) ([]ListedType, error) {
	rows, err := c.fetch(ctx, query{menu: queueType, props: []string{"name", "kind"}})
	if err != nil {
		return nil, fmt.Errorf("list queue types: %w", err)
	}
	types := make([]ListedType, len(rows))
	for i, r := range rows {
		types[i] = ListedType{Name: r["name"], Kind: r["kind"]}
	}
	return types, nil
}

// Rights is what the router lets a user do.
type Rights struct {
	Group    string
	Policies []string // those that the group grants, e.g. "read", "write", "rest-api"
}

// Missing returns the policies of a list that the group does not grant.
func (r Rights) Missing(policies ...string) (missing []string) {
	for _, p := range policies {
		if !slices.Contains(r.Policies, p) {
			missing = append(missing, p)
		}
	}
	return missing
}

// Policies returns the least policies that a user needs for a transport.
func Policies(transport string) []string {
	switch transport {
	case REST:
		return []string{"read", "write", "api", "rest-api"}
	case SSH:
		return []string{"read", "write", "ssh"}
	}
	return []string{"read", "write", "api"}
}

// Rights asks the router for the policies of a user's group. A user that the router
// does not keep itself, as with RADIUS, is an error.
func (c *Client) Rights(ctx context.Context, name string) (Rights, error) {
	rows, err := c.fetch(ctx, query{menu: user, props: []string{"name", "group"}, key: "name", values: []string{name}})
	if err != nil {
		return Rights{}, fmt.Errorf("read user: %w", err)
	}
	if len(rows) != 1 || rows[0]["group"] == "" {
		return Rights{}, answerf("the router does not tell the group of user %q", name)
	}
	group := rows[0]["group"]
	rows, err = c.fetch(ctx, query{menu: userGroup, props: []string{"name", "policy"}, key: "name", values: []string{group}})
	if err != nil {
		return Rights{}, fmt.Errorf("read user group: %w", err)
	}
	if len(rows) != 1 || rows[0]["policy"] == "" {
		return Rights{}, answerf("the router does not tell the policies of group %q", group)
	}
	return Rights{Group: group, Policies: parsePolicies(rows[0]["policy"])}, nil
}

// parsePolicies reads "read,write,!ftp", or the same with semicolons as the console
// has lists, and leaves out what is denied.
func parsePolicies(text string) (granted []string) {
	for _, p := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ';' || r == ' ' }) {
		if !strings.HasPrefix(p, "!") {
			granted = append(granted, p)
		}
	}
	return granted
}
