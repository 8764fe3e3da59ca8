package autorate

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// architectures are those whose processors can multiply and add in one step with
// one rounding; rounds marks a product that is rounded by itself.
var architectures = map[string]struct {
	env           []string
	fused, rounds *regexp.Regexp
}{
	"arm64": {
		[]string{"GOARCH=arm64"},
		regexp.MustCompile(`\tFN?M(ADD|SUB)[SD]\t`), regexp.MustCompile(`\tFMULD\t`),
	},
	"amd64 v3": {
		[]string{"GOARCH=amd64", "GOAMD64=v3"},
		regexp.MustCompile(`\tVFN?M(ADD|SUB)\w*\t`), regexp.MustCompile(`\tV?MULSD\t`),
	},
}

// TestNoFusedMultiplyAdd reads the compiler's output for both laws. A fused
// product would give other last bits than the Python program has.
func TestNoFusedMultiplyAdd(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("compiles for other architectures")
	}
	for name, arch := range architectures {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			control := filepath.Join(t.TempDir(), "control.go")
			if err := os.WriteFile(control, []byte("package p\nfunc F(a, b, c float64) float64 { return a*b + c }\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			if !arch.fused.Match(assembly(t, arch.env, "tool", "compile", "-S", "-p", "p", "-o", os.DevNull, control)) {
				t.Fatal("the control is not fused: this test would find nothing")
			}
			for _, pkg := range []string{"wanctl/cycle/autorate", "wanctl/cycle/steering"} {
				code := assembly(t, arch.env, "build", "-gcflags=-S", pkg)
				if !arch.rounds.Match(code) {
					t.Errorf("%s: no product in the code: is it all there?", pkg)
				}
				if fused := arch.fused.FindAll(code, 3); fused != nil {
					t.Errorf("%s: fused: %q", pkg, fused)
				}
			}
		})
	}
}

// assembly runs the go command for an architecture and returns what it tells.
func assembly(t *testing.T, env []string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Env = append(append(os.Environ(), "GOOS=linux", "CGO_ENABLED=0", "GOFLAGS="), env...)
	b, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("go %v: %v\n%s", args, err, b)
	}
	return b
}
