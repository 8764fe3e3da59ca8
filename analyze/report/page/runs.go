package page

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"wanctl/analyze"
	"wanctl/cycle"
)

// runView is one start of a daemon: its environment and its settings.
type runView struct {
	ID, Name string
	Facts    []fact
	Settings []fact
	Router   []fact
}

// mostRuns bounds how many starts are told in full: the latest.
const mostRuns = 20

func runViews(c *Content, o *Options) (vs []runView) {
	runs := slices.Clone(c.Timeline.Runs)
	slices.SortStableFunc(runs, func(a, b *cycle.Run) int { return b.Started.Compare(a.Started) })
	for _, r := range runs[:min(len(runs), mostRuns)] {
		v := runView{
			ID:   fmt.Sprintf("run-%s-%d", id(&analyze.Loop{Daemon: r.Daemon, WAN: r.WAN}), r.Started.UnixMicro()),
			Name: printable(string(r.Daemon) + " " + r.WAN),
		}
		add := func(name, text string) {
			if text != "" {
				v.Facts = append(v.Facts, fact{Name: name, Text: printable(text)})
			}
		}
		add("Started", o.clock(r.Started))
		add("Version", r.Version)
		if r.Budget > 0 {
			add("Interval", stretch(r.Budget))
		}
		add("Reflectors", strings.Join(r.Reflectors, ", "))
		add("Imported from", r.Source)
		v.Settings, v.Router = flat(r.Config), flat(r.Router)
		vs = append(vs, v)
	}
	return vs
}

// flat turns a JSON object into its leaves, by their dotted keys.
func flat(text string) (facts []fact) {
	if text == "" {
		return nil
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return []fact{{Name: "", Text: printable(text)}} // written by another program: shown as it is
	}
	flatten("", v, func(key, text string) { facts = append(facts, fact{Name: printable(key), Text: printable(text)}) })
	return facts
}

func flatten(key string, v any, leaf func(key, text string)) {
	object, ok := v.(map[string]any)
	if !ok {
		leaf(key, leafText(v))
		return
	}
	for _, k := range slices.Sorted(maps.Keys(object)) {
		inner := k
		if key != "" {
			inner = key + "." + k
		}
		flatten(inner, object[k], leaf)
	}
}

func leafText(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	b := new(bytes.Buffer)
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return "?"
	}
	return strings.TrimSpace(b.String())
}
