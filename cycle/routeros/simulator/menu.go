package simulator

import (
	"strconv"
	"strings"
)

// property is one column of a menu.
type property struct {
	name     string
	form     form
	initial  string // of a new item
	sparse   bool   // absent from replies until it is written
	fixed    bool   // shown, never written
	stat     bool   // belongs to "print stats"
	letter   byte   // the console shows it as this flag, e.g. X for disabled
	legend   string // what the flag's letter stands for
	min, max int64
	choices  []string
	required bool // of a new item
}

// menu is one place of the router's tree of commands: a list of items, or a
// single thing with properties.
type menu struct {
	path       string // "/queue/tree"
	properties []property
	named      bool // items answer to their name
	single     bool
	verbs      []string
	items      []*item
	freed      []uint32 // ids of removed items, the latest last
	next       uint32
	show       func() []row // where the rows are made on demand
}

// item is one row of a menu.
type item struct {
	id     uint32
	values map[string]string
	flow   *flow // of a queue
}

// field is a property of a reply.
type field struct{ name, value string }

// row is one item of a reply, its properties in the router's order.
type row []field

// get returns a field's value and whether the row has it.
func (w row) get(name string) (string, bool) {
	for _, f := range w {
		if f.name == name {
			return f.value, true
		}
	}
	return "", false
}

// ref is the item's id as the router writes it, e.g. "*1000000".
func (i *item) ref() string { return "*" + strings.ToUpper(strconv.FormatUint(uint64(i.id), 16)) }

// property returns the column of a name; nil if the menu has none such.
func (m *menu) property(name string) *property {
	for i := range m.properties {
		if m.properties[i].name == name {
			return &m.properties[i]
		}
	}
	return nil
}

// byName returns the item of a name; nil if there is none.
func (m *menu) byName(name string) *item {
	for _, i := range m.items {
		if i.values["name"] == name {
			return i
		}
	}
	return nil
}

// find returns the item that an id, or in some menus a name, stands for.
func (m *menu) find(ref string) *item {
	if hex, ok := strings.CutPrefix(ref, "*"); ok {
		if id, err := strconv.ParseUint(hex, 16, 32); err == nil {
			for _, i := range m.items {
				if uint64(i.id) == id {
					return i
				}
			}
		}
	}
	if m.named {
		return m.byName(ref)
	}
	return nil
}

// add puts a new item at the menu's end. Ids are reused after deletion, the
// latest first.
func (m *menu) add(i *item) {
	if n := len(m.freed); n > 0 {
		i.id, m.freed = m.freed[n-1], m.freed[:n-1]
	} else {
		i.id = m.next
		m.next++
	}
	m.items = append(m.items, i)
}

// remove takes an item out of the menu.
func (m *menu) remove(gone *item) {
	for at, i := range m.items {
		if i == gone {
			m.items = append(m.items[:at], m.items[at+1:]...)
			m.freed = append(m.freed, gone.id)
			return
		}
	}
}

// has tells whether the menu knows a verb.
func (m *menu) has(verb string) bool {
	for _, v := range m.verbs {
		if v == verb {
			return true
		}
	}
	return false
}

// row returns all of an item's properties that a reply would show.
func (r *router) row(m *menu, i *item) row {
	w := make(row, 0, len(m.properties)+1)
	w = append(w, field{".id", i.ref()})
	for p := range m.properties {
		p := &m.properties[p]
		v, written := i.values[p.name]
		switch {
		case p.form == counter:
			v = r.counted(i, p.name)
		case p.sparse && (!written || v == ""):
			continue
		case !written:
			v = p.initial
		}
		w = append(w, field{p.name, v})
	}
	return w
}

// counted returns one of an item's counters.
func (r *router) counted(i *item, name string) string {
	if i.flow == nil {
		return "0"
	}
	bytes, packets := i.flow.queued()
	var v uint64
	switch name {
	case "bytes":
		v = i.flow.count.Bytes
	case "packets":
		v = r.wrapped(i.flow.count.Packets)
	case "dropped":
		v = r.wrapped(i.flow.count.Dropped)
	case "rate":
		v = uint64(i.flow.rate)
	case "packet-rate":
		v = uint64(i.flow.rate / 8 / packetSize)
	case "queued-bytes":
		v = bytes
	case "queued-packets":
		v = packets
	}
	return strconv.FormatUint(v, 10)
}

// wrapped is a packet counter as this router keeps it.
func (r *router) wrapped(v uint64) uint64 {
	if r.wrap32 {
		return uint64(uint32(v))
	}
	return v
}
