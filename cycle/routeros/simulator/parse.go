package simulator

import (
	"slices"
	"strings"
)

// parser reads a console line. It knows the router's commands, as the console
// does: a wrong word is found before anything is run.
type parser struct {
	router   *router
	src      string
	at       int
	depth    int
	inside   bool   // an expression in brackets, where operators end a bare word
	until    string // what ends the block being read
	here     *menu  // of the command being read: a "find" in it means its own
	commands []string
}

// parse reads a line.
func (r *router) parse(src string) (script, error) {
	p := &parser{router: r, src: src}
	run, err := p.block("")
	if err == nil && p.at < len(src) {
		err = p.fail("syntax error")
	}
	return script{run, p.commands}, err
}

func (p *parser) fail(what string) error { return &syntaxError{what, p.at, p.src} }

// unknown is fail for a word that the console may know and the simulator does not.
func (p *parser) unknown(what string) error {
	err := p.fail(what)
	p.router.mu.Lock()
	defer p.router.mu.Unlock()
	p.router.strange("console: %s: %.200s", err.Error(), p.src)
	return err
}

// enter goes one level deeper; not for ever.
func (p *parser) enter() (leave func(), err error) {
	p.depth++
	if p.depth > maxDepth {
		err = p.fail("syntax error")
	}
	return func() { p.depth-- }, err
}

// peek returns the next byte; 0 at the end.
func (p *parser) peek() byte {
	if p.at < len(p.src) {
		return p.src[p.at]
	}
	return 0
}

// skip passes over any of the bytes.
func (p *parser) skip(bytes string) {
	for p.at < len(p.src) && strings.IndexByte(bytes, p.src[p.at]) >= 0 {
		p.at++
	}
}

// take passes over a text that comes next.
func (p *parser) take(s string) bool {
	if !strings.HasPrefix(p.src[p.at:], s) {
		return false
	}
	p.at += len(s)
	return true
}

// takeWord takes one of the words, if it stands alone.
func (p *parser) takeWord(words ...string) string {
	for _, w := range words {
		if rest, ok := strings.CutPrefix(p.src[p.at:], w); ok && (!isLetter(w[0]) || rest == "" || !isWord(rest[0])) {
			p.at += len(w)
			return w
		}
	}
	return ""
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// isWord tells whether a byte may stand in the name of a command or property.
func isWord(c byte) bool {
	return isLetter(c) || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.'
}

// word reads a name; "" if none is there.
func (p *parser) word() string {
	from := p.at
	for p.at < len(p.src) && isWord(p.src[p.at]) {
		p.at++
	}
	return p.src[from:p.at]
}

const (
	blanks = " \t"
	breaks = " \t\r\n;"
)

// ended tells whether a command ends here.
func (p *parser) ended() bool { return strings.IndexByte(";\r\n]})\x00", p.peek()) >= 0 }

// block reads commands up to a closing byte, or to the end if there is none.
func (p *parser) block(until string) (expr, error) {
	leave, err := p.enter()
	defer leave()
	if err != nil {
		return nil, err
	}
	inside, outer := p.inside, p.until
	p.inside, p.until = false, until
	defer func() { p.inside, p.until = inside, outer }()
	var commands []expr
	for p.skip(breaks); p.at < len(p.src); p.skip(breaks) {
		if until != "" && p.take(until) {
			return sequence(commands), nil
		}
		command, err := p.command()
		if err != nil {
			return nil, err
		}
		commands = append(commands, command)
		if p.skip(blanks); !p.ended() {
			return nil, p.fail("expected end of command")
		}
		if c := p.peek(); strings.IndexByte("]})", c) >= 0 && c != 0 && string(c) != until {
			return nil, p.fail("syntax error")
		}
	}
	if until != "" {
		return nil, p.fail("syntax error")
	}
	return sequence(commands), nil
}

// sequence runs commands one after the other; the last one's value is theirs.
func sequence(commands []expr) expr {
	return func(c *console) (v value, err error) {
		for _, run := range commands {
			if err = c.step(); err != nil {
				return nil, err
			}
			if v, err = run(c); err != nil {
				return nil, err
			}
		}
		return v, nil
	}
}

// command reads one command: a block, one of the language, or the router's.
func (p *parser) command() (expr, error) {
	if p.take("{") {
		b, err := p.block("}")
		return func(c *console) (value, error) { return c.scoped(b, nil) }, err
	}
	if p.take(":") {
		return p.builtin(p.word())
	}
	from := p.at
	if w := p.word(); w != "" {
		if _, ok := builtins[w]; ok {
			return p.builtin(w)
		}
	}
	p.at = from
	return p.menuCommand()
}

// builtin reads the arguments of a command of the language.
func (p *parser) builtin(name string) (expr, error) {
	b, ok := builtins[name]
	if !ok {
		p.at -= len(name)
		return nil, p.unknown("bad command name " + name)
	}
	args, left := map[string]expr{}, b.positional
	for p.skip(blanks); !p.ended(); p.skip(blanks) {
		from := p.at
		arg := p.word()
		if arg == "" || !p.take("=") {
			if p.at = from; len(left) == 0 {
				return nil, p.fail("expected end of command")
			}
			arg, left = left[0], left[1:]
		}
		var v expr
		var err error
		if slices.Contains(b.blocks, arg) && p.take("{") {
			v, err = p.block("}")
		} else {
			v, err = p.value()
		}
		if err != nil {
			return nil, err
		}
		args[arg] = v
	}
	return func(c *console) (value, error) { return b.run(c, args) }, nil
}

// value reads a single value: a quoted text, a variable, a command's value, an
// expression in brackets, a list, or a bare word.
func (p *parser) value() (expr, error) {
	leave, err := p.enter()
	defer leave()
	switch {
	case err != nil:
		return nil, err
	case p.take(`"`):
		return p.quoted()
	case p.take("$"):
		return p.variable()
	case p.take("["):
		return p.block("]")
	case p.take("("):
		return p.bracketed()
	case p.take("{"):
		return p.list()
	}
	from := p.at
	ends := " \t\r\n;()[]{}\"$"
	if p.inside {
		ends += "=!<>~+*/%&|"
	}
	for p.at < len(p.src) && strings.IndexByte(ends, p.src[p.at]) < 0 {
		p.at++
	}
	if from == p.at {
		return nil, p.fail("syntax error")
	}
	v := bare(p.src[from:p.at])
	return func(*console) (value, error) { return v, nil }, nil
}

// variable reads a name after a dollar sign.
func (p *parser) variable() (expr, error) {
	from := p.at
	for p.at < len(p.src) && isWord(p.src[p.at]) && strings.IndexByte("-.", p.src[p.at]) < 0 {
		p.at++
	}
	name := p.src[from:p.at]
	if name == "" {
		return nil, p.fail("syntax error")
	}
	return func(c *console) (value, error) { return c.lookup(name), nil }, nil
}

// list reads {a;b;c}.
func (p *parser) list() (expr, error) {
	var values []expr
	for p.skip(breaks); !p.take("}"); p.skip(breaks) {
		v, err := p.value()
		if err != nil {
			return nil, err
		}
		values = append(values, v)
	}
	return func(c *console) (value, error) {
		list := make(array, len(values))
		for i, v := range values {
			got, err := v(c)
			if err != nil {
				return nil, err
			}
			list[i].value = got
		}
		return list, nil
	}, nil
}
