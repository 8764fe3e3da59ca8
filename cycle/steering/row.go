package steering

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"wanctl/cycle"
)

// input is one cycle as the law meets it.
type input struct {
	rtt             cycle.Maybe[float64] // ms
	pings           int64                // tries it took
	queue           cycle.Maybe[Queue]
	base            *cycle.Maybe[float64] // what autorate's state file holds from here on; nil: what it held before
	enable, disable bool                  // whether the router confirms such a switch
	restart         *restart              // a new process begins with this cycle
}

// restart is the state file that a new process finds.
type restart struct {
	keep bool   // as it was last saved
	text []byte // else this; nil: there is none
}

// row is the `in` object of a row.
type row struct {
	RTT     json.RawMessage `json:"rtt"`
	CAKE    json.RawMessage `json:"cake"`
	Base    json.RawMessage `json:"base"`
	Enable  *bool           `json:"enable"`
	Disable *bool           `json:"disable"`
	Restart json.RawMessage `json:"restart"`
}

func parseInput(in json.RawMessage) (v input, err error) {
	var r row
	if err := json.Unmarshal(in, &r); err != nil {
		return v, err
	}
	v.enable, v.disable = r.Enable == nil || *r.Enable, r.Disable == nil || *r.Disable
	if v.rtt, v.pings, err = parseTries(r.RTT); err != nil {
		return v, fmt.Errorf("rtt: %w", err)
	}
	if v.queue, err = parseQueue(r.CAKE); err != nil {
		return v, fmt.Errorf("cake: %w", err)
	}
	if v.base, err = parseBase(r.Base); err != nil {
		return v, fmt.Errorf("base: %w", err)
	}
	if v.restart, err = parseRestart(r.Restart); err != nil {
		return v, fmt.Errorf("restart: %w", err)
	}
	return v, nil
}

// parseNumber reads a number or null.
func parseNumber(b json.RawMessage) (v cycle.Maybe[float64], err error) {
	if len(b) == 0 || bytes.Equal(b, null) {
		return v, nil
	}
	v.Known = true
	v.Value, err = strconv.ParseFloat(string(b), 64)
	return v, err
}

// parseTries reads an RTT: a number, null, or a list of what each try brought.
func parseTries(b json.RawMessage) (rtt cycle.Maybe[float64], pings int64, err error) {
	if len(b) == 0 || b[0] != '[' {
		rtt, err = parseNumber(b)
		if pings = 1; !rtt.Known {
			pings = maxTries
		}
		return rtt, pings, err
	}
	var tries []cycle.Maybe[float64]
	if err := json.Unmarshal(b, &tries); err != nil {
		return rtt, 0, err
	}
	for i, t := range tries[:min(len(tries), maxTries)] {
		if t.Known {
			return t, int64(i + 1), nil
		}
	}
	return rtt, maxTries, nil
}

// parseQueue reads [drops, queued packets]; null, and nothing, is a failed
// reading, and drops may be null where they are not known.
func parseQueue(b json.RawMessage) (q cycle.Maybe[Queue], err error) {
	if len(b) == 0 || bytes.Equal(b, null) {
		return q, nil
	}
	drops, queued, ok := bytes.Cut(bytes.Trim(b, "[]"), []byte(","))
	if !ok || b[0] != '[' {
		return q, errors.New("not [drops, queued packets]")
	}
	if drops = bytes.TrimSpace(drops); !bytes.Equal(drops, null) {
		if q.Value.Drops, err = strconv.ParseInt(string(drops), 10, 64); err != nil {
			return q, err
		}
	}
	q.Value.Queued, err = strconv.ParseInt(string(bytes.TrimSpace(queued)), 10, 64)
	q.Known = err == nil
	return q, err
}

var missing = []byte(`"missing"`)

// raw is a text given in place of a value.
type raw struct {
	Raw *string `json:"raw"`
}

// parseBase reads what becomes of autorate's state file.
func parseBase(b json.RawMessage) (*cycle.Maybe[float64], error) {
	base := new(cycle.Maybe[float64])
	switch {
	case len(b) == 0:
		return nil, nil
	case bytes.Equal(b, missing):
	case b[0] == '{':
		var text raw
		if err := json.Unmarshal(b, &text); err != nil || text.Raw == nil {
			return nil, errors.New(`not {"raw": "text"}`)
		}
		v, err := parseBaseline([]byte(*text.Raw))
		*base = cycle.Maybe[float64]{Value: v, Known: err == nil}
	default:
		v, err := parseNumber(b)
		return &v, err
	}
	return base, nil
}

func parseRestart(b json.RawMessage) (*restart, error) {
	var text raw
	switch {
	case len(b) == 0 || string(b) == "null":
		return nil, nil
	case bytes.Equal(b, missing):
		return &restart{}, nil
	case string(b) == `"keep"`:
		return &restart{keep: true}, nil
	case json.Unmarshal(b, &text) != nil || text.Raw == nil:
		return nil, errors.New(`not "keep", "missing" or {"raw": "text"}`)
	}
	return &restart{text: []byte(*text.Raw)}, nil
}
