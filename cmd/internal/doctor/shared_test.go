package doctor

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFilesThatAreSharedAreTold(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Symlink(dir, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	wan := func(config, name string) *subject {
		return &subject{
			path: filepath.Join(dir, config), name: name, lock: filepath.Join(dir, name+".lock"),
			states: []string{filepath.Join(dir, name+"_state.json")}, logs: []string{filepath.Join(dir, name+".log"), ""},
		}
	}
	linked := wan("b.yaml", "wan2")
	linked.lock = filepath.Join(dir, "link", "wan1.lock")
	logs := wan("b.yaml", "wan2")
	logs.logs[0] = filepath.Join(dir, "wan1.log")
	for name, tc := range map[string]struct {
		subjects []*subject
		want     []string
	}{
		"nothing":               {[]*subject{wan("a.yaml", "wan1"), wan("b.yaml", "wan2")}, nil},
		"one twice":             {[]*subject{wan("a.yaml", "wan1"), wan("a.yaml", "wan1")}, nil},
		"a WAN called steering": {[]*subject{wan("a.yaml", "steering"), wan("b.yaml", "steering")}, []string{"FAIL lock", "FAIL state", "warn log"}},
		"through a link":        {[]*subject{wan("a.yaml", "wan1"), linked}, []string{"FAIL lock"}},
		"a log":                 {[]*subject{wan("a.yaml", "wan1"), logs, wan("c.yaml", "wan3")}, []string{"warn log"}},
	} {
		var got []string
		for _, c := range sharedFiles(tc.subjects) {
			got = append(got, fmt.Sprint(c.Status, " ", c.What))
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
}
