package page

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"wanctl/analyze"
	"wanctl/cycle"
)

// judged is the page of an evening of some length, in a window of another.
func judged(t *testing.T, length, until time.Duration, o analyze.Options) (*view, string) {
	t.Helper()
	e := newEvening(t, length, "wan1", "reflector.example")
	e.drops = nil
	c, err := Gather(t.Context(), cycle.Window{Since: dusk, Until: dusk.Add(until)}, o, e)
	if err != nil {
		t.Fatal(err)
	}
	shown := fixed(t)
	b := new(bytes.Buffer)
	if err := Body(b, c, shown); err != nil {
		t.Fatal(err)
	}
	return newView(c, &shown), b.String()
}

func TestALoopThatFellSilentIsNotWell(t *testing.T) {
	t.Parallel()
	steering := analyze.Options{Daemon: cycle.Steering}
	v, _ := judged(t, 40*time.Minute, 40*time.Minute, steering)
	if !v.Verdict.Good || !strings.HasPrefix(v.Verdict.Text, "All is well: of ") {
		t.Errorf("while it runs: %q", v.Verdict.Text)
	}
	v, text := judged(t, 40*time.Minute, 58*time.Minute, steering)
	if v.Verdict.Good || !strings.HasPrefix(v.Verdict.Text, "steering steering: nothing on record since 20:39:58 (18\u202fmin). Of the ") ||
		!strings.HasSuffix(v.Verdict.Text, " on record none overran or failed, and no slot was missed.") {
		t.Errorf("18 minutes later: %q", v.Verdict.Text)
	}
	want := fact{Name: "Nothing on record", Text: "since 20:39:58 (18\u202fmin)", Bad: true}
	if !slices.Contains(v.Loops[0].Facts, want) {
		t.Errorf("the facts are %v", v.Loops[0].Facts)
	}
	for _, want := range []string{"On record to</dt><dd>2026-01-09 20:39:58 CET", "Nothing is on record since 2026-01-09 20:39:58."} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if v, _ = judged(t, 40*time.Minute, 20*time.Hour, steering); !strings.Contains(v.Verdict.Text, "since 2026-01-09 20:39:58 (19\u202fh 20\u202fmin)") {
		t.Errorf("the next day: %q", v.Verdict.Text)
	}
}

func TestALargeGapIsInTheVerdict(t *testing.T) {
	t.Parallel()
	v, _ := judged(t, 100*time.Minute, 100*time.Minute, analyze.Options{Daemon: cycle.Autorate}) // three of them pass at a restart
	if v.Verdict.Good || !strings.Contains(v.Verdict.Text, "autorate wan1: nothing on record from 21:02:00 to 21:05:00 (3\u202fmin), ") {
		t.Errorf("the verdict is %q", v.Verdict.Text)
	}
}
