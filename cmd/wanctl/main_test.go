package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"wanctl": main,
	})
}

// TestScript runs testdata/script/*.txtar, one file per verb, each against the
// real program in a process of its own.
func TestScript(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("TZ", "UTC")
			env.Setenv("GORACE", os.Getenv("GORACE")) // how the race detector of each process behaves
			env.Setenv("XDG_RUNTIME_DIR", filepath.Join(env.WorkDir, ".run"))
			env.Setenv("RUNTIME_DIRECTORY", filepath.Join(env.WorkDir, ".run"))
			return os.Mkdir(filepath.Join(env.WorkDir, ".run"), 0o700)
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"fixture":     fixture,
			"fetch":       fetch,
			"certificate": certificate,
			"router":      router,
		},
	})
}

// fixture builds a recording in a script's folder: fixture NAME FILE, where NAME
// is one of fixtures.
func fixture(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: fixture NAME FILE")
	}
	build, ok := fixtures[args[0]]
	if !ok {
		ts.Fatalf("there is no fixture %q", args[0])
	}
	ts.Check(build(context.Background(), ts.MkAbs(args[1])))
}

// router starts the demo's router for a script: router FILE ... puts its port and
// fingerprint where the files say PORT and FINGERPRINT. Its requests are answered
// in the same process as the test, so that the race detector sees them too.
func router(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: router FILE ...")
	}
	sim, endpoint, err := demoRouter()
	ts.Check(err)
	ts.Defer(func() { _ = sim.Close() })
	_, port, _ := strings.Cut(endpoint.Addr, ":")
	places := strings.NewReplacer("PORT", port, "FINGERPRINT", endpoint.Fingerprint)
	for _, name := range args {
		path := ts.MkAbs(name)
		ts.Check(os.WriteFile(path, []byte(places.Replace(ts.ReadFile(name))), 0o600))
	}
}

// fixtures are the recordings that scripts ask for by name; the tests of a verb
// add theirs in an init function.
var fixtures = map[string]func(ctx context.Context, path string) error{}
