package simulator

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// console runs scripts as a session at the router's console does.
type console struct {
	router *router
	do     func(call) (result, error) // carries a command out
	out    bytes.Buffer
	vars   []map[string]value // scopes, the innermost last
	steps  int
}

// The bounds of a script, so that none runs for ever.
const (
	maxSteps = 200_000
	maxDepth = 64
	maxText  = 8 << 20 // bytes printed
)

// expr works out a value.
type expr func(*console) (value, error)

// script is a parsed line: what it does, and which of the router's commands
// it holds.
type script struct {
	run      expr
	commands []string
}

// syntaxError is an error found before anything is run.
type syntaxError struct {
	what string
	at   int // byte offset
	src  string
}

// Error implements error in the console's words.
func (e *syntaxError) Error() string {
	before := e.src[:min(e.at, len(e.src))]
	line := 1 + strings.Count(before, "\n")
	column := len(before) - strings.LastIndexByte(before, '\n')
	return fmt.Sprintf("%s (line %d column %d)", e.what, line, column)
}

// Console runs a line as an operator at the router's console would, past all
// doors and faults, and returns what it prints. The error is the router's own.
func (s *Simulator) Console(line string) (string, error) {
	parsed, err := s.router.parse(line)
	if err != nil {
		return "", err
	}
	c := &console{router: s.router, do: s.router.run, vars: []map[string]value{{}}}
	_, err = parsed.run(c)
	return c.out.String(), err
}

// step counts a command; an endless script ends here.
func (c *console) step() error {
	if c.steps++; c.steps > maxSteps || c.out.Len() > maxText {
		return &Trap{Category: interrupted, Message: "interrupted"}
	}
	return nil
}

// lookup returns a variable, nothing if it was never set.
func (c *console) lookup(name string) value {
	for _, scope := range slices.Backward(c.vars) {
		if v, ok := scope[name]; ok {
			return v
		}
	}
	return nil
}

// assign sets the variable of the innermost scope that has it.
func (c *console) assign(name string, v value) error {
	for _, scope := range slices.Backward(c.vars) {
		if _, ok := scope[name]; ok {
			scope[name] = v
			return nil
		}
	}
	return &Trap{Category: scripting, Message: "variable " + name + " is not defined"}
}

// scoped runs a block with variables of its own.
func (c *console) scoped(block expr, own map[string]value) (value, error) {
	if own == nil {
		own = map[string]value{}
	}
	c.vars = append(c.vars, own)
	defer func() { c.vars = c.vars[:len(c.vars)-1] }()
	return block(c)
}

// builtin is a command that begins with a colon. Positional are the names of
// its arguments that may be given without one; blocks those that are code.
type builtin struct {
	positional, blocks []string
	run                func(c *console, args map[string]expr) (value, error)
}

// one is a builtin of a single value.
func one(f func(c *console, v value) (value, error)) builtin {
	return builtin{positional: []string{"value"}, run: func(c *console, args map[string]expr) (value, error) {
		v, err := valueOf(c, args, "value")
		if err != nil {
			return nil, err
		}
		return f(c, v)
	}}
}

// valueOf works out an argument; nil if it was not given.
func valueOf(c *console, args map[string]expr, name string) (value, error) {
	if args[name] == nil {
		return nil, nil
	}
	return args[name](c)
}

// builtins are the commands of the language itself.
var builtins = map[string]builtin{
	"put": one(func(c *console, v value) (value, error) {
		c.out.WriteString(say(v) + "\r\n")
		return nil, nil
	}),
	"error": one(func(_ *console, v value) (value, error) {
		return nil, &Trap{Category: scripting, Message: say(v)}
	}),
	"len": one(func(_ *console, v value) (value, error) {
		if a, ok := v.(array); ok {
			return int64(len(a)), nil
		}
		return int64(len(say(v))), nil
	}),
	"tostr":  one(func(_ *console, v value) (value, error) { return say(v), nil }),
	"tonum":  one(func(_ *console, v value) (value, error) { return toNumber(v), nil }),
	"typeof": one(func(_ *console, v value) (value, error) { return typeOf(v), nil }),
	"local":  {positional: []string{"name", "value"}, run: declare},
	"global": {positional: []string{"name", "value"}, run: declare},
	"set": {positional: []string{"name", "value"}, run: func(c *console, args map[string]expr) (value, error) {
		name, v, err := nameAndValue(c, args)
		if err != nil {
			return nil, err
		}
		return nil, c.assign(name, v)
	}},
	"do":      {positional: []string{"command"}, blocks: []string{"command", "on-error"}, run: try},
	"if":      {positional: []string{"condition"}, blocks: []string{"do", "else"}, run: choose},
	"foreach": {positional: []string{"counter"}, blocks: []string{"do"}, run: each},
}

func toNumber(v value) value {
	if n, ok := bare(say(v)).(int64); ok {
		return n
	}
	return nil
}

func nameAndValue(c *console, args map[string]expr) (name string, v value, err error) {
	n, err := valueOf(c, args, "name")
	if err == nil {
		v, err = valueOf(c, args, "value")
	}
	return say(n), v, err
}

// declare is :local and :global, which differ in nothing that one line shows.
func declare(c *console, args map[string]expr) (value, error) {
	name, v, err := nameAndValue(c, args)
	if err == nil {
		c.vars[len(c.vars)-1][name] = v
	}
	return nil, err
}

// try is :do. What the router refuses is caught by on-error; a script that ran
// too long is not.
func try(c *console, args map[string]expr) (value, error) {
	if args["command"] == nil {
		return nil, &Trap{Category: scripting, Message: "missing value(s) of argument(s) command"}
	}
	v, err := c.scoped(args["command"], nil)
	if t := (*Trap)(nil); errors.As(err, &t) && t.Category != interrupted && args["on-error"] != nil {
		return c.scoped(args["on-error"], nil)
	}
	return v, err
}

// choose is :if.
func choose(c *console, args map[string]expr) (value, error) {
	v, err := valueOf(c, args, "condition")
	if err != nil {
		return nil, err
	}
	yes, err := truth(v)
	if err != nil {
		return nil, err
	}
	block := args["else"]
	if yes {
		block = args["do"]
	}
	if block == nil {
		return nil, nil
	}
	return c.scoped(block, nil)
}

// each is :foreach.
func each(c *console, args map[string]expr) (value, error) {
	name, err := valueOf(c, args, "counter")
	if err != nil {
		return nil, err
	}
	in, err := valueOf(c, args, "in")
	if err != nil || in == nil || args["do"] == nil {
		return nil, err
	}
	list, ok := in.(array)
	if !ok {
		list = array{{value: in}}
	}
	for _, e := range list {
		if err := c.step(); err != nil {
			return nil, err
		}
		if _, err := c.scoped(args["do"], map[string]value{say(name): e.value}); err != nil {
			return nil, err
		}
	}
	return nil, nil
}
