package simulator

import (
	"slices"
	"strings"
)

// menuCommand reads one of the router's own commands: its place, its verb, and
// what the verb takes.
func (p *parser) menuCommand() (expr, error) {
	m, verb, err := p.path()
	if err != nil {
		return nil, err
	}
	p.commands = append(p.commands, m.path+"/"+verb)
	outer := p.here
	p.here = m
	defer func() { p.here = outer }()
	switch verb {
	case "print":
		return p.print(m)
	case "find":
		p.skip(blanks)
		p.takeWord("where")
		where, err := p.where(m)
		return func(c *console) (value, error) { return c.find(m, where) }, err
	case "get":
		return p.get(m)
	}
	return p.write(m, verb)
}

// path reads the place and the verb. Since v7 a slash may stand between words
// where v6 wants a blank.
func (p *parser) path() (m *menu, verb string, err error) {
	if from := p.at; !p.take("/") && p.here != nil {
		if w := p.word(); p.here.has(w) {
			return p.here, w, nil
		}
		p.at = from
	}
	for place := ""; ; {
		from := p.at
		w := p.word()
		if w == "" {
			return nil, "", p.unknown("expected command name")
		}
		if place += "/" + w; !p.router.leads(place) {
			if m != nil && m.has(w) {
				return m, w, nil
			}
			p.at = from
			return nil, "", p.unknown("bad command name " + w)
		}
		m = p.router.menus[place]
		if p.router.version[0] < 7 || !p.take("/") {
			p.skip(blanks)
		}
	}
}

// leads tells whether a place, or one beyond it, is on the router.
func (r *router) leads(place string) bool {
	if r.menus[place] != nil {
		return true
	}
	for path := range r.menus {
		if strings.HasPrefix(path, place+"/") {
			return true
		}
	}
	return false
}

// condition tells whether a row passes, in a session.
type condition func(*console, row) (bool, error)

// where reads a condition; nil if there is none.
func (p *parser) where(m *menu) (condition, error) {
	if p.skip(blanks); p.ended() {
		return nil, nil
	}
	return p.either(m)
}

// either reads conditions joined by "or".
func (p *parser) either(m *menu) (condition, error) {
	left, err := p.all(m)
	for err == nil {
		if p.skip(blanks); p.takeWord("or", "||") == "" {
			return left, nil
		}
		var right condition
		a := left
		right, err = p.all(m)
		left = func(c *console, w row) (bool, error) {
			if ok, err := a(c, w); ok || err != nil {
				return ok, err
			}
			return right(c, w)
		}
	}
	return nil, err
}

// all reads conditions joined by "and", or by nothing.
func (p *parser) all(m *menu) (condition, error) {
	left, err := p.single(m)
	for err == nil {
		p.skip(blanks)
		from := p.at
		if p.ended() || p.takeWord("or", "||") != "" {
			p.at = from
			return left, nil
		}
		p.takeWord("and", "&&")
		var right condition
		a := left
		right, err = p.single(m)
		left = func(c *console, w row) (bool, error) {
			if ok, err := a(c, w); !ok || err != nil {
				return ok, err
			}
			return right(c, w)
		}
	}
	return nil, err
}

// single reads a comparison, perhaps negated, or a condition in brackets.
func (p *parser) single(m *menu) (condition, error) {
	leave, err := p.enter()
	defer leave()
	if err != nil {
		return nil, err
	}
	p.skip(blanks)
	if p.takeWord("!", "not") != "" {
		a, err := p.single(m)
		return func(c *console, w row) (bool, error) {
			ok, err := a(c, w)
			return !ok, err
		}, err
	}
	if p.take("(") {
		a, err := p.either(m)
		if p.skip(blanks); err == nil && !p.take(")") {
			err = p.fail("syntax error")
		}
		return a, err
	}
	from := p.at
	name := p.word()
	prop := m.property(name)
	if prop == nil && name != ".id" && m.show == nil {
		p.at = from
		return nil, p.unknown("bad parameter " + name)
	}
	return p.comparison(m, prop, name)
}

// comparison reads the operator and the value after a property's name.
func (p *parser) comparison(m *menu, prop *property, name string) (condition, error) {
	op := p.takeWord("!=", "<=", ">=", "=", "<", ">", "~")
	if op == "" {
		return func(_ *console, w row) (bool, error) { v, ok := w.get(name); return ok && v != "" && v != "false", nil }, nil
	}
	want, err := p.value()
	return func(c *console, w row) (bool, error) {
		v, err := want(c)
		if err != nil {
			return false, err
		}
		have, _ := w.get(name)
		if op == "~" {
			return matches(have, say(v))
		}
		// Sides are compared as the property's kind: 10M is 10000000, yes is true.
		got, err := apply(op, typed(prop, have), likewise(prop, v))
		ok, _ := got.(bool)
		return ok, err
	}, err
}

// likewise reads a value as one of a property.
func likewise(prop *property, v value) value {
	s := say(v)
	switch {
	case prop == nil:
		return bare(s)
	case prop.form == rate:
		if bps, ok := ParseRate(s); ok {
			return bps
		}
	case prop.form == flag:
		if on, ok := parseFlag(s); ok {
			return on
		}
	}
	return typed(prop, s)
}

// rowsWhere are the rows that pass a condition. On the console a flag that was
// never written is off.
func (c *console) rowsWhere(m *menu, proplist []string, where condition) ([]row, error) {
	k := call{menu: m.path, verb: "print", proplist: proplist}
	if where != nil {
		k.where = func(w row) (bool, error) { return where(c, w) }
	}
	res, err := c.do(k)
	return res.rows, err
}

// find gives the ids of the items that pass.
func (c *console) find(m *menu, where condition) (value, error) {
	rows, err := c.rowsWhere(m, nil, where)
	list := make(array, 0, len(rows))
	for _, w := range rows {
		id, _ := w.get(".id")
		list = append(list, element{value: itemID(id)})
	}
	return list, err
}

// print reads the verb's flags and condition.
func (p *parser) print(m *menu) (expr, error) {
	o := printing{menu: m, version: p.router.version, grouped: p.router.grouped, silent: p.until == "]"}
	for p.skip(blanks); !p.ended(); p.skip(blanks) {
		from := p.at
		switch w := p.word(); {
		case w == "where":
			where, err := p.where(m)
			if err != nil {
				return nil, err
			}
			o.where = where
		case w == "proplist" && p.take("="):
			v, err := p.value()
			if err != nil {
				return nil, err
			}
			o.proplist = v
		case slices.Contains(printFlags, w):
			o.flags = append(o.flags, w)
		default:
			p.at = from
			return nil, p.unknown("expected end of command")
		}
	}
	return o.run, nil
}

// get reads whose property is wanted, and which.
func (p *parser) get(m *menu) (expr, error) {
	var args []expr
	for p.skip(blanks); !p.ended(); p.skip(blanks) {
		p.take("value-name=")
		p.take("number=")
		v, err := p.value()
		if err != nil {
			return nil, err
		}
		args = append(args, v)
	}
	wanted := 2
	if m.single {
		wanted = 1
	}
	if len(args) > wanted {
		return nil, p.fail("expected end of command")
	}
	return func(c *console) (value, error) {
		k := call{menu: m.path, verb: "get"}
		for i, name := range []string{".id", "value-name"}[2-wanted:] {
			if i >= len(args) {
				break
			}
			v, err := args[i](c)
			if err != nil {
				return nil, err
			}
			if name == ".id" && refs(v) == "" {
				return nil, c.router.noSuchItem()
			}
			k.args = append(k.args, field{name, refs(v)})
		}
		res, err := c.do(k)
		if err != nil {
			return nil, err
		}
		if name, ok := k.arg("value-name"); ok {
			if name == ".id" {
				return itemID(res.ret), nil
			}
			return typed(m.property(name), res.ret), nil
		}
		return asValue(m, res.rows), nil
	}, nil
}

// refs is a value as a list of items.
func refs(v value) string {
	list, ok := v.(array)
	if !ok {
		return say(v)
	}
	ids := make([]string, len(list))
	for i, e := range list {
		ids[i] = say(e.value)
	}
	return strings.Join(ids, ",")
}

// asValue is rows as the console's own lists.
func asValue(m *menu, rows []row) array {
	var list array
	for _, w := range rows {
		for _, f := range w {
			e := element{f.name, typed(m.property(f.name), f.value)}
			if f.name == ".id" {
				e.value = itemID(f.value)
			}
			list = append(list, e)
		}
	}
	return list
}

// write reads a verb that changes something: the items it is about, and their
// new properties. Without items nothing happens, and nothing is said.
func (p *parser) write(m *menu, verb string) (expr, error) {
	var items expr
	args := map[string]expr{}
	var order []string
	for p.skip(blanks); !p.ended(); p.skip(blanks) {
		from := p.at
		name := p.word()
		if name == "" || !p.take("=") {
			if p.at = from; items != nil || verb == "add" {
				return nil, p.unknown("expected end of command")
			}
			name = "numbers"
		} else if prop := m.property(name); name != "numbers" && (prop == nil || prop.fixed || prop.form == counter) {
			p.at = from
			return nil, p.unknown("expected end of command")
		}
		v, err := p.value()
		if err != nil {
			return nil, err
		}
		if name == "numbers" {
			items = v
			continue
		}
		if args[name] == nil {
			order = append(order, name)
		}
		args[name] = v
	}
	whole := verb == "add" || verb == "reset-counters-all" || m.single
	if items == nil && !whole {
		return nil, p.fail("missing value(s) of argument(s) numbers")
	}
	return func(c *console) (value, error) {
		k := call{menu: m.path, verb: verb}
		if !whole {
			v, err := items(c)
			if err != nil || refs(v) == "" {
				return nil, err
			}
			k.args = append(k.args, field{".id", refs(v)})
		}
		for _, name := range order {
			v, err := args[name](c)
			if err != nil {
				return nil, err
			}
			k.args = append(k.args, field{name, say(v)})
		}
		res, err := c.do(k)
		if verb == "add" && err == nil {
			return itemID(res.ret), nil
		}
		return nil, err
	}, nil
}
