package migrations

import "testing"

func TestStepsAreNumberedFromOneWithoutAGap(t *testing.T) {
	t.Parallel()
	for i, s := range Steps {
		if s.Number != i+1 || s.Name == "" || s.SQL == "" {
			t.Errorf("step %d is number %d, name %q, %d bytes", i+1, s.Number, s.Name, len(s.SQL))
		}
	}
	if Newest() != len(Steps) {
		t.Errorf("newest is %d of %d steps", Newest(), len(Steps))
	}
}
