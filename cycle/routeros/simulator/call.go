package simulator

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Transport is one of the router's three doors.
type Transport string

// The transports.
const (
	REST Transport = "rest"
	API  Transport = "api"
	SSH  Transport = "ssh"
)

// Trap is an error as the router tells it.
type Trap struct {
	Category int // as in the API's =category=; negative where the router gives none
	Message  string
}

// Error implements error.
func (t *Trap) Error() string { return t.Message }

// The categories of traps.
const (
	missing     = 0 // item or command
	badValue    = 1
	interrupted = 2
	scripting   = 3
	general     = 4
	uncategoric = -1
)

// call is a command as the router understands it, whichever door it came by.
type call struct {
	menu, verb string  // "/queue/tree", "print"
	args       []field // in the order given; ".id" among them
	proplist   []string
	query      []string
	where      func(row) (bool, error) // the console's condition
	session    *session
}

// command is the call's full path, e.g. "/queue/tree/print".
func (c call) command() string { return c.menu + "/" + c.verb }

// arg returns an argument's value and whether it was given.
func (c call) arg(name string) (string, bool) { return row(c.args).get(name) }

// result is what a call gives: rows, or a single value.
type result struct {
	rows []row
	ret  string
}

// flags that print takes and that change nothing in what a transport returns.
var printFlags = []string{
	"stats", "detail", "without-paging", "as-value", "terse", "brief", "value-list", "count-only", "show-ids",
}

// changes tells whether a verb writes to the router.
func changes(verb string) bool {
	switch verb {
	case "set", "add", "remove", "enable", "disable", "comment":
		return true
	}
	return false
}

// run carries a call out. The error is a *Trap.
func (r *router) run(c call) (result, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.settle()
	m := r.menus[c.menu]
	if m == nil {
		r.strange("no such menu: %s", c.command())
		return result{}, &Trap{Category: missing, Message: "no such command prefix"}
	}
	if !m.has(c.verb) {
		r.strange("no such command: %s", c.command())
		return result{}, &Trap{Category: missing, Message: "no such command"}
	}
	if need := policyOf(c.verb); c.session != nil && !c.session.may(need) {
		return result{}, &Trap{Category: uncategoric, Message: "not enough permissions (9)"}
	}
	switch c.verb {
	case "print", "getall":
		return r.print(m, c)
	case "find":
		return r.ids(m, c)
	case "get":
		return r.get(m, c)
	case "add":
		return r.add(m, c)
	case "reboot", "shutdown":
		r.reboot = true
		return result{}, nil
	case "reset-counters-all":
		for _, i := range m.items {
			if i.flow != nil {
				i.flow.reset()
			}
		}
		return result{}, nil
	}
	return r.change(m, c)
}

// print returns the rows that pass the query, cut down to the wanted columns.
func (r *router) print(m *menu, c call) (res result, err error) {
	for _, a := range c.args {
		if !slices.Contains(printFlags, a.name) && a.name != ".id" {
			return res, r.unknownParameter(c, a.name)
		}
	}
	rows := r.rows(m)
	if ids, ok := c.arg(".id"); ok {
		if rows, err = r.rowsOf(m, ids); err != nil {
			return res, err
		}
	}
	proplist := c.proplist
	if r.alwaysID && len(proplist) > 0 {
		proplist = append(slices.Clone(proplist), ".id")
	}
	for _, w := range rows {
		ok, err := match(w, c.query)
		if err == nil && ok && c.where != nil {
			ok, err = c.where(w)
		}
		if err != nil {
			return res, err
		}
		if ok {
			res.rows = append(res.rows, pick(w, proplist))
		}
	}
	if _, ok := c.arg("count-only"); ok {
		return result{ret: strconv.Itoa(len(res.rows))}, nil
	}
	return res, nil
}

// ids returns the ids of the items that pass, as the console writes a list.
func (r *router) ids(m *menu, c call) (result, error) {
	res, err := r.print(m, c)
	var ids []string
	for _, w := range res.rows {
		id, _ := w.get(".id")
		ids = append(ids, id)
	}
	return result{ret: strings.Join(ids, ";")}, err
}

// rows returns every row of a menu.
func (r *router) rows(m *menu) []row {
	if m.show != nil {
		return m.show()
	}
	rows := make([]row, len(m.items))
	for n, i := range m.items {
		rows[n] = r.row(m, i)
	}
	return rows
}

// pick cuts a row down to the columns of a proplist, in the row's order. The id
// is given only where it is asked for.
func pick(w row, proplist []string) row {
	if len(proplist) == 0 {
		return w
	}
	cut := make(row, 0, len(proplist))
	for _, f := range w {
		if slices.Contains(proplist, f.name) {
			cut = append(cut, f)
		}
	}
	return cut
}

// get returns one property of one item, or all of them.
func (r *router) get(m *menu, c call) (res result, err error) {
	w := row(nil)
	if m.single {
		w = m.show()[0]
	} else {
		ref, ok := c.arg(".id")
		if !ok {
			return res, &Trap{Category: badValue, Message: "missing =.id="}
		}
		rows, err := r.rowsOf(m, ref)
		if err != nil {
			return res, err
		}
		if len(rows) != 1 {
			return res, &Trap{Category: badValue, Message: "invalid internal item number"}
		}
		w = rows[0]
	}
	name, ok := c.arg("value-name")
	if !ok {
		return result{rows: []row{w}}, nil
	}
	v, ok := w.get(name)
	if !ok && m.property(name) == nil {
		r.strange("no such property: %s %s", c.command(), name)
		return res, &Trap{Category: badValue, Message: "input does not match any value of value-name"}
	}
	return result{ret: v}, nil
}

// rowsOf returns the rows that a list of ids and names stands for.
func (r *router) rowsOf(m *menu, refs string) (rows []row, err error) {
	if m.show != nil {
		for _, w := range m.show() {
			if id, _ := w.get(".id"); id == refs {
				return []row{w}, nil
			}
		}
		return nil, r.noSuchItem()
	}
	items, err := r.items(m, refs)
	for _, i := range items {
		rows = append(rows, r.row(m, i))
	}
	return rows, err
}

// items returns what a list of ids and names, separated by commas, stands for.
// Only if all of them are there is any returned.
func (r *router) items(m *menu, refs string) (items []*item, err error) {
	for ref := range strings.SplitSeq(refs, ",") {
		i := m.find(ref)
		if i == nil {
			i = m.find(refs) // a name may hold a comma
			if i == nil {
				return nil, r.noSuchItem()
			}
			return []*item{i}, nil
		}
		items = append(items, i)
	}
	return items, nil
}

func (r *router) noSuchItem() error {
	if !r.version.atLeast(6, 40, 0) {
		return &Trap{Category: missing, Message: "no such item (4)"}
	}
	return &Trap{Category: missing, Message: "no such item"}
}

// unknownParameter is the router's answer to an argument it does not have.
func (r *router) unknownParameter(c call, name string) error {
	r.strange("unknown parameter: %s %s", c.command(), name)
	return &Trap{Category: uncategoric, Message: "unknown parameter " + name}
}

// add makes a new item.
func (r *router) add(m *menu, c call) (res result, err error) {
	i := &item{values: map[string]string{}}
	if m.path == "/queue/tree" {
		i.flow = &flow{}
	}
	for _, p := range m.properties {
		if !p.sparse && p.form != counter {
			i.values[p.name] = p.initial
		}
	}
	if err := r.assign(m, i, c); err != nil {
		return res, err
	}
	for _, p := range m.properties {
		if p.required && i.values[p.name] == "" {
			return res, &Trap{Category: badValue, Message: "missing value(s) of argument(s) " + p.name}
		}
	}
	m.add(i)
	r.wrote(1)
	return result{ret: i.ref()}, nil
}

// change carries out a verb that alters the items it names.
func (r *router) change(m *menu, c call) (res result, err error) {
	refs, ok := c.arg(".id")
	if !ok {
		return res, &Trap{Category: badValue, Message: "missing =.id="}
	}
	items, err := r.items(m, refs)
	if err != nil {
		return res, err
	}
	for _, i := range items {
		switch c.verb {
		case "set", "comment":
			err = r.assign(m, i, c)
		case "remove":
			m.remove(i)
		case "enable":
			i.values["disabled"] = "false"
		case "disable":
			i.values["disabled"] = "true"
		case "reset-counters":
			if i.flow != nil {
				i.flow.reset()
			}
		}
		if err != nil {
			return res, err
		}
	}
	if changes(c.verb) {
		r.wrote(len(items))
	}
	return res, nil
}

// assign gives an item its new values: all of them or, if one is refused, none.
func (r *router) assign(m *menu, i *item, c call) error {
	fresh := make(map[string]string, len(c.args))
	for _, a := range c.args {
		if a.name == ".id" || c.verb == "add" && a.name == "copy-from" {
			continue
		}
		p := m.property(a.name)
		if p == nil || p.fixed || p.form == counter {
			return r.unknownParameter(c, a.name)
		}
		v, err := r.accept(p, a.value)
		if err != nil {
			return err
		}
		if other := m.byName(v); m.named && a.name == "name" && other != nil && other != i {
			return &Trap{Category: general, Message: "failure: already have such name"}
		}
		fresh[a.name] = v
	}
	for name, v := range fresh {
		i.values[name] = v
	}
	if limit, ok := fresh["max-limit"]; ok && i.flow != nil {
		i.flow.limit, _ = ParseRate(limit)
	}
	return nil
}

// strange notes what the simulator does not know.
func (r *router) strange(format string, args ...any) {
	what := fmt.Sprintf(format, args...)
	if len(r.unknown) < maxUnknown && !slices.Contains(r.unknown, what) {
		r.unknown = append(r.unknown, what)
	}
}

// maxUnknown bounds the list of what was not known.
const maxUnknown = 1000
