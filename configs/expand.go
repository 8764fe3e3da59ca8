package configs

import (
	"regexp"
	"strings"
)

// variable is a reference to the environment; with one more $ before it, it stands
// for itself.
var variable = regexp.MustCompile(`\$?\$\{([A-Za-z_][A-Za-z0-9_]*)\}`)

// expand puts the environment's values in for every ${NAME}. What looks otherwise
// ($NAME, ${, ${1}) is text. It returns the names it found, and those among them
// that are not set.
func expand(s string, getenv func(string) (string, bool)) (expanded string, names, unset []string) {
	if !strings.Contains(s, "${") {
		return s, nil, nil
	}
	expanded = variable.ReplaceAllStringFunc(s, func(ref string) string {
		if strings.HasPrefix(ref, "$$") {
			return ref[1:]
		}
		name := ref[2 : len(ref)-1]
		names = append(names, name)
		value, ok := getenv(name)
		if !ok {
			unset = append(unset, name)
		}
		return value
	})
	return expanded, names, unset
}

// escape writes s so that expand gives it back.
func escape(s string) string {
	return variable.ReplaceAllStringFunc(s, func(ref string) string { return "$" + ref })
}
