package simulator

import (
	"strconv"
	"strings"
)

// bracketed reads an expression up to its closing bracket.
func (p *parser) bracketed() (expr, error) {
	inside := p.inside
	p.inside = true
	e, err := p.binary(0)
	p.inside = inside
	if err != nil {
		return nil, err
	}
	if p.skip(breaks); !p.take(")") {
		return nil, p.fail("syntax error")
	}
	return e, nil
}

// binary reads operators of at least a strength.
func (p *parser) binary(strength int) (expr, error) {
	if strength == len(operators) {
		return p.unary()
	}
	left, err := p.binary(strength + 1)
	for err == nil {
		p.skip(breaks)
		op := p.takeWord(operators[strength]...)
		if op == "" {
			return left, nil
		}
		p.skip(breaks)
		var right expr
		if right, err = p.binary(strength + 1); err == nil {
			left = both(op, left, right)
		}
	}
	return nil, err
}

// both applies an operator to two expressions.
func both(op string, left, right expr) expr {
	return func(c *console) (value, error) {
		a, err := left(c)
		if err != nil {
			return nil, err
		}
		b, err := right(c)
		if err != nil {
			return nil, err
		}
		return apply(op, a, b)
	}
}

// unary reads a value, perhaps negated.
func (p *parser) unary() (expr, error) {
	p.skip(breaks)
	if p.takeWord("!", "not") == "" {
		return p.value()
	}
	leave, err := p.enter()
	defer leave()
	if err != nil {
		return nil, err
	}
	e, err := p.unary()
	return func(c *console) (value, error) {
		v, err := e(c)
		if err != nil {
			return nil, err
		}
		on, err := truth(v)
		return !on, err
	}, err
}

// escapes are what stands after a backslash in a text.
var escapes = map[byte]string{
	'"': `"`, '\\': `\`, '$': "$", '?': "?", 'n': "\n", 'r': "\r", 't': "\t", '_': " ", 'a': "\a", 'b': "\b", 'f': "\f", 'v': "\v",
}

// quoted reads a text up to its closing quote. $name, $[...] and $(...) in it
// stand for values.
func (p *parser) quoted() (expr, error) {
	var parts []expr
	var text []byte
	flush := func() {
		if s := string(text); s != "" {
			parts = append(parts, func(*console) (value, error) { return s, nil })
		}
		text = nil
	}
	for {
		if p.at >= len(p.src) {
			return nil, p.fail("syntax error")
		}
		c := p.src[p.at]
		p.at++
		switch c {
		case '"':
			flush()
			return joined(parts), nil
		case '\\':
			s, err := p.escape()
			if err != nil {
				return nil, err
			}
			text = append(text, s...)
		case '$':
			flush()
			part, err := p.inserted()
			if err != nil {
				return nil, err
			}
			parts = append(parts, part)
		default:
			text = append(text, c)
		}
	}
}

// inserted reads what stands after a dollar sign in a text.
func (p *parser) inserted() (expr, error) {
	switch {
	case p.take("["):
		return p.block("]")
	case p.take("("):
		return p.bracketed()
	}
	return p.variable()
}

// escape reads what stands after a backslash: a letter or two hex digits.
func (p *parser) escape() (string, error) {
	if s, ok := escapes[p.peek()]; ok {
		p.at++
		return s, nil
	}
	if p.at+2 <= len(p.src) {
		if n, err := strconv.ParseUint(p.src[p.at:p.at+2], 16, 8); err == nil {
			p.at += 2
			return string([]byte{byte(n)}), nil
		}
	}
	return "", p.fail("syntax error")
}

// joined is the text of its parts.
func joined(parts []expr) expr {
	return func(c *console) (value, error) {
		var b strings.Builder
		for _, part := range parts {
			v, err := part(c)
			if err != nil {
				return nil, err
			}
			b.WriteString(say(v))
		}
		return b.String(), nil
	}
}
