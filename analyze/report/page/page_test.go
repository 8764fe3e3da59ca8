package page

import (
	"bytes"
	"testing"
	"time"

	"wanctl/analyze"
	"wanctl/cycle"
)

func TestAPageOfNothingSaysSo(t *testing.T) {
	t.Parallel()
	w := cycle.Window{Since: time.Date(2026, 1, 9, 14, 0, 0, 0, time.UTC), Until: time.Date(2026, 1, 9, 15, 0, 0, 0, time.UTC)}
	c, err := Gather(t.Context(), w, analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	b := new(bytes.Buffer)
	if err := Write(b, c, Options{}); err != nil || !bytes.Contains(b.Bytes(), []byte("Nothing was recorded in this window.")) {
		t.Errorf("%v\n%s", err, b)
	}
}
