package simulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

var errNotFound = errors.New("not found")

// notAcceptable is the answer to a command or place that is not there.
type notAcceptable string

// Error implements error.
func (n notAcceptable) Error() string {
	return fmt.Sprintf("no such command or directory (%s)", string(n))
}

// express puts a call's result into the reply that its method has.
func (s *Simulator) express(q *http.Request, k call, p plan, res result, err error, single bool) answer {
	switch f := p.of(HTML, Wrong, Refuse); {
	case f != nil && f.Kind == HTML:
		return page(orStatus(f.Status, http.StatusBadGateway), f.Text)
	case f != nil && f.Kind == Refuse && f.Status != 0:
		return problem(f.Status, f.Text)
	case f != nil && f.Kind == Wrong:
		res = result{rows: s.router.other(k.menu)}
	case err != nil:
		var t *Trap
		if errors.As(err, &t) && strings.HasPrefix(t.Message, "no such command") {
			return problemOf(notAcceptable(k.verb))
		}
		return problemOf(err)
	}
	a := answer{status: http.StatusOK, kind: "application/json"}
	switch {
	case q.Method == http.MethodDelete:
		return answer{status: http.StatusNoContent, kind: a.kind}
	case q.Method == http.MethodPut:
		a.status, res.rows = http.StatusCreated, s.router.itemRow(k.menu, res.ret)
	case q.Method == http.MethodPatch:
		ref, _ := k.arg(".id")
		res.rows = s.router.itemRow(k.menu, ref)
	case q.Method == http.MethodPost && res.ret != "":
		single, res.rows = true, []row{{{"ret", res.ret}}}
	case q.Method == http.MethodPost && k.verb != "get":
		single = false
	}
	form := jsonForm{raw: p.of(Control) != nil, numbers: p.of(Numbers) != nil}
	a.body = form.rows(res.rows, single)
	if p.of(Truncate) != nil {
		a.body = a.body[:len(a.body)*2/3]
	}
	return a
}

// other returns the rows of a menu that nobody asked for, as happens just
// after a boot.
func (r *router) other(menu string) []row {
	r.mu.Lock()
	defer r.mu.Unlock()
	if menu == "/system/resource" {
		return []row{{{"name", "MikroTik"}}}
	}
	return r.resource()
}

// itemRow returns one item as it is now.
func (r *router) itemRow(path, ref string) []row {
	r.mu.Lock()
	defer r.mu.Unlock()
	if m := r.menus[path]; m != nil {
		if i := m.find(ref); i != nil {
			return []row{r.row(m, i)}
		}
	}
	return nil
}

func orStatus(status, otherwise int) int {
	if status == 0 {
		return otherwise
	}
	return status
}

// page is an HTML page.
func page(status int, text string) answer {
	if text == "" {
		text = http.StatusText(status)
	}
	return answer{status: status, kind: "text/html", body: []byte("<!DOCTYPE html>\n<html><head><title>RouterOS</title></head><body><h1>" + text + "</h1></body></html>\n")}
}

// problem is an error as REST tells it.
func problem(status int, detail string) answer {
	var b []byte
	b = append(b, '{')
	if detail != "" {
		b = append(jsonForm{}.quote(append(b, `"detail":`...), detail), ',')
	}
	b = fmt.Appendf(b, `"error":%d,"message":%q}`, status, http.StatusText(status))
	return answer{status: status, kind: "application/json", body: b}
}

// problemOf chooses the status for an error.
func problemOf(err error) answer {
	var none notAcceptable
	switch {
	case errors.Is(err, errNotFound):
		return problem(http.StatusNotFound, "")
	case errors.As(err, &none):
		return problem(http.StatusNotAcceptable, err.Error())
	case strings.HasPrefix(err.Error(), "not enough permissions"), strings.HasPrefix(err.Error(), "std failure"):
		return problem(http.StatusInternalServerError, err.Error())
	}
	return problem(http.StatusBadRequest, err.Error())
}

// listSeparator joins the texts of a JSON array into one argument. It cannot
// occur in a query, which control characters have no place in.
const listSeparator = "\x00"

// readBody reads a JSON object as arguments, sorted by name. Numbers and
// booleans are as good as texts; lists are joined.
func readBody(q *http.Request) (args []field, err error) {
	body, err := io.ReadAll(io.LimitReader(q.Body, maxBody+1))
	if err != nil || len(body) > maxBody {
		return nil, &Trap{Message: "request too large or cut short"}
	}
	if len(strings.TrimSpace(string(body))) == 0 {
		return nil, nil
	}
	var object map[string]any
	d := json.NewDecoder(strings.NewReader(string(body)))
	d.UseNumber()
	if err := d.Decode(&object); err != nil {
		return nil, &Trap{Message: "invalid JSON"}
	}
	for name, v := range object {
		sep := ","
		if name == ".query" {
			sep = listSeparator
		}
		value, ok := plain(v, sep)
		if !ok {
			return nil, &Trap{Message: "invalid value for argument " + name}
		}
		args = append(args, field{name, value})
	}
	slices.SortFunc(args, func(a, b field) int { return strings.Compare(a.name, b.name) })
	return args, nil
}

// plain turns a JSON value into an argument's text.
func plain(v any, sep string) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case json.Number:
		return v.String(), true
	case []any:
		parts := make([]string, len(v))
		for i := range v {
			s, ok := v[i].(string)
			if !ok {
				return "", false
			}
			parts[i] = s
		}
		return strings.Join(parts, sep), true
	}
	return "", false
}

// jsonForm is how values are written: all as strings, and well, unless a fault
// has it otherwise.
type jsonForm struct{ raw, numbers bool }

// rows writes a list of objects, or a single one.
func (j jsonForm) rows(rows []row, single bool) []byte {
	if single {
		if len(rows) == 0 {
			return []byte("{}")
		}
		return j.object(nil, rows[0])
	}
	b := []byte{'['}
	for n, w := range rows {
		if n > 0 {
			b = append(b, ',')
		}
		b = j.object(b, w)
	}
	return append(b, ']')
}

// object writes a row, its properties sorted by name as the router does.
func (j jsonForm) object(b []byte, w row) []byte {
	sorted := slices.Clone(w)
	slices.SortFunc(sorted, func(a, b field) int { return strings.Compare(a.name, b.name) })
	b = append(b, '{')
	for n, f := range sorted {
		if n > 0 {
			b = append(b, ',')
		}
		b = append(j.quote(b, f.name), ':')
		if j.numbers && isNumber(f.value) {
			b = append(b, f.value...)
			continue
		}
		if v := f.value; j.raw && !isNumber(v) && f.name != ".id" && f.name != "name" && f.name != "comment" {
			b = append(j.quote(b, v+"\x02\x1b"), ' ')
			continue
		}
		b = j.quote(b, f.value)
	}
	return append(b, '}')
}

func isNumber(s string) bool {
	return s == "0" || s != "" && s[0] != '0' && strings.Trim(s, "0123456789") == ""
}

// quote writes a string. Bytes that are no UTF-8 go out as they are, as the
// router sends them; control characters are escaped unless raw.
func (j jsonForm) quote(b []byte, s string) []byte {
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < 0x20 && !j.raw:
			b = fmt.Appendf(b, `\u%04x`, c)
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}
