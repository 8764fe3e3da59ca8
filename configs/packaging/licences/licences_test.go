package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTextsAreTold(t *testing.T) {
	t.Parallel()
	const redistribution = "Redistribution and use in source and\n// binary forms, with or without modification"
	for name, tc := range map[string]struct {
		text string
		want []string
	}{
		"nothing that is known":     {"All rights reserved.", nil},
		"a text in a comment":       {redistribution, []string{"BSD-2-Clause"}},
		"the third clause":          {redistribution + " nor the names be used to endorse or promote", []string{"BSD-3-Clause"}},
		"the advertising clause":    {redistribution + " endorse or promote; All advertising materials\nmentioning", []string{"BSD-4-Clause"}},
		"two in one file":           {"Apache License\n   Version 2.0\n" + redistribution, []string{"Apache-2.0", "BSD-2-Clause"}},
		"copyleft, however written": {"under the terms of the GNU  General\n * Public License", []string{"GPL"}},
		"third parties, of which some are linked": {
			"## 1. Components linked into your program\n\n| Component | License |\n| --- | --- |\n| a | MIT, public domain |\n| b | BSL-9 |\n\n## 2. Tests\n| c | GPL-3.0 |\nGNU General Public License",
			[]string{"MIT", publicDomain, "BSL-9"},
		},
		"third parties without a table": {"Components linked into your program\nGNU General Public License", []string{"GPL"}},
	} {
		if diff := cmp.Diff(tc.want, identify(tc.text)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestWhatIsNotAllowedIsNamed(t *testing.T) {
	t.Parallel()
	p := part{path: "example.org/x", version: "v1.0.0", notices: []notice{{"LICENSE", "", []string{"MIT"}}, {"COPYING", "", []string{"GPL"}}}}
	if diff := cmp.Diff([]string{"example.org/x v1.0.0: COPYING says GPL"}, p.objections()); diff != "" {
		t.Error(diff)
	}
	if got := p.expression(); got != "GPL AND MIT" {
		t.Errorf("expression %q", got)
	}
}

func TestAPartWithoutLicenceIsAnError(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{"NOTICE": "by somebody", "license.go": "package license // MIT"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := read("example.org/x", "v1.0.0", dir); err == nil || !strings.Contains(err.Error(), "example.org/x v1.0.0: no licence is known") {
		t.Errorf("error %v", err)
	}
}

// TestBinary reads the program itself: a test's own binary does not name its modules.
func TestBinary(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	self := filepath.Join(dir, "wanctl")
	build := exec.Command("go", "build", "-o", self, "wanctl/cmd/wanctl")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as it is shipped
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	parts, err := partsOf(self)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, p := range parts {
		got[p.path] = p.expression()
	}
	if got["std"] != "BSD-3-Clause" || got["gopkg.in/yaml.v3"] != "Apache-2.0 AND MIT" || got["github.com/DataDog/sketches-go"] != "Apache-2.0" {
		t.Fatalf("licences %v", got)
	}

	sbom := filepath.Join(dir, "sbom.json")
	bom := map[string]any{"metadata": map[string]any{"tools": []any{map[string]any{"name": "x", "hashes": []string{"1"}}}}}
	var components []any
	for _, p := range parts {
		components = append(components, map[string]any{"name": p.path, "version": p.version})
	}
	write := func(components []any) {
		bom["components"] = components
		text, err := json.Marshal(bom)
		if err == nil {
			err = os.WriteFile(sbom, text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	write(components)
	if err := run(&strings.Builder{}, self, filepath.Join(dir, "copyright"), sbom); err != nil {
		t.Fatal(err)
	}
	entered, err := os.ReadFile(sbom)
	if err != nil || strings.Count(string(entered), `"expression": "`) != len(parts) || strings.Contains(string(entered), "hashes") {
		t.Errorf("%v, SBOM:\n%s", err, entered)
	}
	copyright, err := os.ReadFile(filepath.Join(dir, "copyright"))
	if err != nil || !strings.Contains(string(copyright), "The Go Authors") {
		t.Errorf("%v, notices:\n%s", err, copyright)
	}
	write(components[1:])
	if err := enter(sbom, parts); err == nil || !strings.Contains(err.Error(), "lists") {
		t.Errorf("a component that is missing: %v", err)
	}
}
