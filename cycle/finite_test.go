package cycle

import (
	"encoding/json"
	"testing"
)

func TestFiniteJSON(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`{"a":NaN,"b":[-Infinity,Infinity,-1]}`: `{"a":null,"b":[null,null,-1]}`,
		`{"NaN":"say \"NaN\" or \\"}`:           `{"NaN":"say \"NaN\" or \\"}`,
		`"NaN`:                                  `"NaN`,
		`"\`:                                    `"\`,
		`-Infinit`:                              `-Infinit`,
		``:                                      ``,
	} {
		if got := string(FiniteJSON([]byte(in))); got != want {
			t.Errorf("FiniteJSON(%s) = %s, want %s", in, got, want)
		}
	}
}

func FuzzFiniteJSON(f *testing.F) {
	f.Add([]byte(`{"a":NaN,"b":"NaN\""}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		got := FiniteJSON(b)
		if json.Valid(b) && string(got) != string(b) {
			t.Errorf("valid JSON was changed: %q became %q", b, got)
		}
	})
}
