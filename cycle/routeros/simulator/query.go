package simulator

import (
	"strconv"
	"strings"
)

// match tells whether a row passes a query: words in postfix order, each a
// test that pushes a truth, or an operator on what was pushed. What is left on
// the stack at the end is taken together with "and".
//
//	name=X   -name (has not)   name (has)   <name=X   >name=X
//	#|  #&  #!  #.  #N (the N-th, copied)
//
// as in the API's query words without their question mark.
func match(w row, query []string) (bool, error) {
	var stack []bool
	for _, q := range query {
		if ops, ok := strings.CutPrefix(q, "#"); ok {
			var err error
			if stack, err = operate(stack, ops); err != nil {
				return false, err
			}
			continue
		}
		stack = append(stack, test(w, q))
	}
	for _, t := range stack {
		if !t {
			return false, nil
		}
	}
	return true, nil
}

// operate applies a word of operators to the stack.
func operate(stack []bool, ops string) ([]bool, error) {
	bad := &Trap{Category: general, Message: "failure: invalid query"}
	for len(ops) > 0 {
		digits := 0
		for digits < len(ops) && ops[digits] >= '0' && ops[digits] <= '9' {
			digits++
		}
		if digits > 0 {
			n, err := strconv.Atoi(ops[:digits])
			if err != nil || n >= len(stack) {
				return nil, bad
			}
			// An index copies the value; a dot after it ends the index.
			stack = append(stack, stack[len(stack)-1-n])
			ops = strings.TrimPrefix(ops[digits:], ".")
			continue
		}
		top := len(stack) - 1
		switch ops[0] {
		case '!':
			if top < 0 {
				return nil, bad
			}
			stack[top] = !stack[top]
		case '&', '|':
			if top < 1 {
				return nil, bad
			}
			a, b := stack[top-1], stack[top]
			stack = stack[:top]
			stack[top-1] = a && b
			if ops[0] == '|' {
				stack[top-1] = a || b
			}
		case '.':
			if top < 0 {
				return nil, bad
			}
			stack = append(stack, stack[top])
		default:
			return nil, bad
		}
		ops = ops[1:]
	}
	return stack, nil
}

// test applies one test of a query to a row.
func test(w row, q string) bool {
	if name, ok := strings.CutPrefix(q, "-"); ok {
		_, has := w.get(name)
		return !has
	}
	op := byte('=')
	if q != "" && strings.IndexByte("<>=", q[0]) >= 0 {
		op, q = q[0], q[1:]
	}
	name, want, compares := strings.Cut(q, "=")
	have, has := w.get(name)
	switch {
	case !compares:
		return has
	case !has:
		return false
	case op == '=':
		return have == want
	}
	a, errA := strconv.ParseInt(have, 10, 64)
	b, errB := strconv.ParseInt(want, 10, 64)
	less := have < want
	if errA == nil && errB == nil {
		less = a < b
	}
	if op == '<' {
		return less
	}
	return !less && have != want
}
