package configs

import (
	"errors"
	"math"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// kind is what a scalar reads as.
type kind uint8

const (
	text kind = iota
	null
	boolean
	integer
	decimal
	moment // a date or a time
)

var kindNames = [...]string{"text", "empty", "true or false", "a whole number", "a number", "a date"}

// scalar is a value of the file as YAML 1.1 reads it.
type scalar struct {
	kind   kind
	text   string
	number float64
	exact  int64 // of an integer, where it fits
	fits   bool
	yes    bool
	odd    bool // a number that is easily taken for another: 0764, 8:20
}

// The plain scalars of YAML 1.1 (yaml.org/type) that are not text, in the forms
// that the Python program's reader takes.
var (
	booleans = map[string]bool{
		"yes": true, "Yes": true, "YES": true, "true": true, "True": true, "TRUE": true, "on": true, "On": true, "ON": true,
		"no": false, "No": false, "NO": false, "false": false, "False": false, "FALSE": false, "off": false, "Off": false, "OFF": false,
	}
	integers     = regexp.MustCompile(`^[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|0[0-7_]*|[1-9][0-9_]*(?::[0-5]?[0-9])*)$`)
	decimals     = regexp.MustCompile(`^(?:[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])*\.[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+][0-9]+)?$`)
	dates        = regexp.MustCompile(`^\d{4}-\d{1,2}-\d{1,2}(?:[Tt \t][\d:. \tZ+-]*)?$`)
	errForeign   = errors.New("carries a foreign tag")
	errUnfit     = errors.New("carries a tag that does not fit it")
	errNoScalar  = errors.New("no scalar")
	notANumber   = map[string]bool{".nan": true, ".NaN": true, ".NAN": true}
	infinity     = map[string]bool{".inf": true, ".Inf": true, ".INF": true}
	maxIntDigits = 400
)

// scalarOf reads a scalar node whose text, after expansion, is s.
func scalarOf(n *yaml.Node, s string) (scalar, error) {
	if n.Kind != yaml.ScalarNode {
		return scalar{}, errNoScalar
	}
	if n.Style&yaml.TaggedStyle == 0 {
		if n.Style != 0 {
			return scalar{text: s}, nil
		}
		return plain(s), nil
	}
	v := plain(s)
	switch n.Tag {
	case "!!str":
		return scalar{text: s}, nil
	case "!!int", "!!float", "!!bool", "!!null":
		if tagKinds[n.Tag] == v.kind || n.Tag == "!!float" && v.kind == integer {
			return v, nil
		}
		return scalar{}, errUnfit
	}
	if slices.Contains(knownTags, n.Tag) {
		return scalar{}, errUnfit
	}
	return scalar{}, errForeign
}

var tagKinds = map[string]kind{"!!int": integer, "!!float": decimal, "!!bool": boolean, "!!null": null}

// plain reads an unquoted scalar.
func plain(s string) scalar {
	v := scalar{text: s}
	unsigned := strings.TrimLeft(s, "+-")
	switch yes, isBool := booleans[s]; {
	case s == "" || s == "~" || s == "null" || s == "Null" || s == "NULL":
		v.kind = null
	case isBool:
		v.kind, v.yes = boolean, yes
	case notANumber[s]:
		v.kind, v.number = decimal, math.NaN()
	case infinity[unsigned] && len(s)-len(unsigned) <= 1:
		v.kind, v.number = decimal, math.Inf(1)
		if s[0] == '-' {
			v.number = math.Inf(-1)
		}
	case len(s) <= maxIntDigits && integers.MatchString(s):
		v.integer(s)
	case len(s) <= maxIntDigits && decimals.MatchString(s):
		v.decimal(s)
	case dates.MatchString(s):
		v.kind = moment
	}
	return v
}

// integer reads decimal, 0b, 0x, octal (a leading 0) and sexagesimal whole numbers.
func (v *scalar) integer(s string) {
	digits := strings.ReplaceAll(s, "_", "")
	sign := ""
	if digits[0] == '-' || digits[0] == '+' {
		sign, digits = strings.TrimPrefix(digits[:1], "+"), digits[1:]
	}
	n := new(big.Int)
	for _, group := range strings.Split(digits, ":") {
		base := 10
		if !strings.Contains(digits, ":") {
			base = 0 // as its prefix says
		}
		g, ok := new(big.Int).SetString(group, base)
		if !ok {
			return // 0x without digits and the like stay text
		}
		n.Mul(n, big.NewInt(60)).Add(n, g)
	}
	if sign == "-" {
		n.Neg(n)
	}
	v.kind = integer
	v.number, _ = new(big.Float).SetInt(n).Float64()
	v.exact, v.fits = n.Int64(), n.IsInt64()
	v.odd = strings.Contains(digits, ":") || len(digits) > 1 && digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9'
}

// decimal reads decimal fractions, with an exponent or in sexagesimal groups.
func (v *scalar) decimal(s string) {
	groups := strings.Split(strings.ReplaceAll(s, "_", ""), ":")
	sum := 0.0
	for _, group := range groups {
		f, err := strconv.ParseFloat(group, 64)
		if err != nil && !errors.Is(err, strconv.ErrRange) {
			return
		}
		if strings.HasPrefix(s, "-") {
			f = -math.Abs(f)
		}
		sum = sum*60 + f
	}
	v.kind, v.number, v.odd = decimal, sum, len(groups) > 1
}

// describe says in words what a value is, without repeating it.
func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a section"
	case yaml.SequenceNode:
		return "a list"
	}
	s, err := scalarOf(n, n.Value)
	if err != nil {
		return "no value of a known kind"
	}
	return kindNames[s.kind]
}
