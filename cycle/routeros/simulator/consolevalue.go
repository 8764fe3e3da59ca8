package simulator

import (
	"regexp"
	"strconv"
	"strings"
)

// value is what a console expression gives: nil, string, int64, bool, itemID
// or array.
type value any

// itemID is an item's id, such as *1A.
type itemID string

// array is a list of values, some of which may have keys.
type array []element

type element struct {
	key   string
	value value
}

// say writes a value as :put does.
func say(v value) string {
	switch v := v.(type) {
	case string:
		return v
	case int64:
		return strconv.FormatInt(v, 10)
	case uint64:
		return strconv.FormatUint(v, 10)
	case bool:
		return strconv.FormatBool(v)
	case itemID:
		return string(v)
	case array:
		parts := make([]string, len(v))
		for i, e := range v {
			if parts[i] = say(e.value); e.key != "" {
				parts[i] = e.key + "=" + parts[i]
			}
		}
		return strings.Join(parts, ";")
	}
	return ""
}

// typeOf names a value's type as :typeof does.
func typeOf(v value) string {
	switch v.(type) {
	case string:
		return "str"
	case int64, uint64:
		return "num"
	case bool:
		return "bool"
	case itemID:
		return "id"
	case array:
		return "array"
	}
	return "nothing"
}

// truth is a value as a condition.
func truth(v value) (bool, error) {
	switch v := v.(type) {
	case bool:
		return v, nil
	case string:
		if on, ok := parseFlag(v); ok {
			return on, nil
		}
	}
	return false, &Trap{Category: scripting, Message: "conditional not boolean"}
}

// bare turns an unquoted word into a value.
func bare(word string) value {
	if n, err := strconv.ParseInt(word, 10, 64); err == nil {
		return n
	}
	switch {
	case word == "true" || word == "yes":
		return true
	case word == "false" || word == "no":
		return false
	case strings.HasPrefix(word, "*"):
		return itemID(word)
	}
	return word
}

// typed is a property as "get" gives it: numbers, truths and ids are such.
func typed(p *property, s string) value {
	if p == nil {
		return bare(s)
	}
	switch p.form {
	case flag:
		on, _ := parseFlag(s)
		return on
	case rate, number, counter:
		if n, err := strconv.ParseInt(s, 10, 64); err == nil {
			return n
		}
		if n, err := strconv.ParseUint(s, 10, 64); err == nil {
			return n
		}
	}
	return s
}

// operators in the order of their strength, the weakest first. Two-letter ones
// stand before their first letters.
var operators = [][]string{
	{"||", "or"}, {"&&", "and"}, {"!=", "<=", ">=", "=", "<", ">", "~"}, {"."}, {"+", "-"}, {"*", "/", "%"},
}

// apply carries out a binary operator.
func apply(op string, a, b value) (value, error) {
	switch op {
	case ".":
		return say(a) + say(b), nil
	case "=":
		return say(a) == say(b), nil
	case "!=":
		return say(a) != say(b), nil
	case "~":
		return matches(say(a), say(b))
	case "||", "or", "&&", "and":
		x, err := truth(a)
		if err != nil {
			return nil, err
		}
		y, err := truth(b)
		if op == "||" || op == "or" {
			return x || y, err
		}
		return x && y, err
	}
	x, okX := a.(int64)
	y, okY := b.(int64)
	if !okX || !okY {
		return nil, &Trap{Category: scripting, Message: "cannot use " + typeOf(a) + " and " + typeOf(b) + " with " + op}
	}
	switch op {
	case "<":
		return x < y, nil
	case ">":
		return x > y, nil
	case "<=":
		return x <= y, nil
	case ">=":
		return x >= y, nil
	case "+":
		return x + y, nil
	case "-":
		return x - y, nil
	case "*":
		return x * y, nil
	}
	if y == 0 {
		return nil, &Trap{Category: scripting, Message: "division by zero"}
	}
	if op == "%" {
		return x % y, nil
	}
	return x / y, nil
}

// matches is the console's ~: a POSIX regular expression, found anywhere.
func matches(s, expression string) (bool, error) {
	re, err := regexp.CompilePOSIX(expression)
	if err != nil {
		return false, &Trap{Category: scripting, Message: "invalid regexp"}
	}
	return re.MatchString(s), nil
}
