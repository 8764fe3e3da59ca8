package cycle

// FiniteJSON returns JSON as the Python program writes it in the form that the
// standard demands: its bare NaN, Infinity and -Infinity become null, so that a
// reader sees one value missing instead of no file at all. Text in quotes is
// left alone; so are bytes that are not JSON.
func FiniteJSON(b []byte) []byte {
	out := make([]byte, 0, len(b))
	quoted := false
	for i := 0; i < len(b); i++ {
		if quoted {
			out = append(out, b[i])
			if b[i] == '\\' && i+1 < len(b) {
				i++
				out = append(out, b[i])
			} else if b[i] == '"' {
				quoted = false
			}
			continue
		}
		if n := nonFinite(b[i:]); n > 0 {
			out = append(out, "null"...)
			i += n - 1
			continue
		}
		quoted = b[i] == '"'
		out = append(out, b[i])
	}
	return out
}

// nonFinite returns the length of the non-finite number b begins with, or 0.
func nonFinite(b []byte) int {
	for _, word := range [...]string{"NaN", "Infinity", "-Infinity"} {
		if len(b) >= len(word) && string(b[:len(word)]) == word {
			return len(word)
		}
	}
	return 0
}
