package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"wanctl/cycle/ownertest"
)

// serviceFolder is a folder of the service's, on a tmpfs, which all may come to.
func serviceFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "wanctl-test-")
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return ownertest.Folder(t, dir)
}

const ownerConfig = `wan_name: wan1
router: {transport: rest, host: 127.0.0.1, port: %s, user: wanctl, password: demo, tls: true, tls_fingerprint: %s}
queues: {download: WAN-Download-1, upload: WAN-Upload-1}
continuous_monitoring:
  enabled: true
  interval_seconds: 0.05
  baseline_rtt_initial: 1
  download: {floor_mbps: 25, ceiling_mbps: 500, step_up_mbps: 5, factor_down: 0.85}
  upload: {floor_mbps: 10, ceiling_mbps: 50, step_up_mbps: 1, factor_down: 0.9}
  thresholds: {target_bloat_ms: 15, warn_bloat_ms: 45, alpha_baseline: 0.02, alpha_load: 0.2}
  ping_hosts: [127.0.0.1]
lock_file: %[3]s/wan1.lock
logging: {main_log: %[3]s/wan1.log, debug_log: %[3]s/wan1_debug.log}
recorder: {path: %[3]s/profile.db}
`

// TestTheServiceGoesOnAfterRoot tries the daemon as root, once to its end and once until
// it is killed, and then runs it as the service's user.
func TestTheServiceGoesOnAfterRoot(t *testing.T) {
	t.Parallel()
	dir := serviceFolder(t)
	sim, endpoint, err := demoRouter()
	if err != nil {
		t.Fatal(err)
	}
	defer sim.Close()
	_, port, _ := strings.Cut(endpoint.Addr, ":")
	config, program := filepath.Join(filepath.Dir(dir), "wan1.yaml"), filepath.Join(filepath.Dir(dir), "wanctl")
	if err := os.WriteFile(config, fmt.Appendf(nil, ownerConfig, port, endpoint.Fingerprint, dir), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := copyProgram(program); err != nil { // to where the service's user may come
		t.Fatal(err)
	}
	start := func(args ...string) (*exec.Cmd, *bytes.Buffer) {
		cmd, said := exec.CommandContext(t.Context(), program, append([]string{"autorate", "--config", config}, args...)...), new(bytes.Buffer)
		cmd.Env = append(os.Environ(), "RUNTIME_DIRECTORY="+dir, "GORACE=atexit_sleep_ms=0")
		cmd.Stdout, cmd.Stderr = said, said
		return cmd, said
	}
	root, said := start("--cycles", "8")
	if err := root.Run(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	if names := ownertest.WantAll(t, dir); strings.Count(names, "\n") != 4 { // lock, state, log, recording
		t.Errorf("in the folder:\n%s", names)
	}
	root, said = start("--debug")
	if err := root.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		_, err := os.Stat(filepath.Join(dir, "profile.db-wal"))
		lines, _ := os.ReadFile(filepath.Join(dir, "wan1_debug.log")) // of this run alone
		if err == nil && bytes.Count(lines, []byte("autorate_cycle_total")) >= 3 {
			break // the flush of these is a minute away
		}
		if time.Now().After(deadline) {
			t.Errorf("nothing is recorded: %v", err)
			break
		}
	}
	_ = root.Process.Kill()
	_ = root.Wait()
	names := ownertest.WantAll(t, dir)
	for _, want := range []string{"profile.db-wal\n", "profile.db-shm\n", ".ring\n"} {
		if !strings.Contains(names, want) {
			t.Errorf("no %q is left:\n%s\n%s", want, names, said)
		}
	}

	serve := func(args ...string) (*bytes.Buffer, error) {
		cmd, said := start(args...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: ownertest.Service, Gid: ownertest.Service}, AmbientCaps: []uintptr{unix.CAP_NET_RAW}}
		return said, cmd.Run()
	}
	if said, err = serve("--cycles", "8", "--debug"); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	for _, bad := range []string{"denied", "readonly", "not saved", "held up", "cannot be written", "no crash ring", "is bad"} {
		if strings.Contains(said.String(), bad) {
			t.Errorf("the service says %q:\n%s", bad, said)
		}
	}
	if !strings.Contains(said.String(), "were recovered") {
		t.Errorf("the crash ring was left alone:\n%s", said)
	}
	ownertest.WantAll(t, dir)

	// A state that root has saved again is kept, and the service goes on without.
	state := filepath.Join(dir, "wan1_state.json")
	learned, err := os.ReadFile(state)
	if err := errors.Join(err, os.Chown(state, 0, 0)); err != nil {
		t.Fatal(err)
	}
	if said, err := serve("--cycles", "8"); err != nil || strings.Contains(said.String(), "is not kept") || strings.Contains(said.String(), "not saved") {
		t.Errorf("%v\n%s", err, said)
	}
	if kept, err := os.ReadFile(state + ".corrupt"); err != nil || !bytes.Equal(kept, learned) {
		t.Errorf("kept %q, %v", kept, err)
	}

	// What an older program left is told with what to do, and a folder with something else.
	lock := filepath.Join(dir, "wan1.lock")
	if err := os.Chown(lock, 0, 0); err != nil {
		t.Fatal(err)
	}
	if said, err := serve("--oneshot"); err == nil || !strings.Contains(said.String(), fmt.Sprintf("permission denied (the file belongs to root: chown %s %s)", userName(ownertest.Service), lock)) {
		t.Errorf("%v\n%s", err, said)
	}
	if err := errors.Join(os.Remove(lock), os.Chown(dir, 0, 0)); err != nil {
		t.Fatal(err)
	}
	if said, err := serve("--oneshot"); err == nil || !strings.Contains(said.String(), "permission denied (lock_file names a file in a folder that can be written)") {
		t.Errorf("%v\n%s", err, said)
	}
}

// copyProgram copies this program, which goes by the name wanctl there.
func copyProgram(to string) error {
	own, err := os.Executable()
	if err != nil {
		return err
	}
	from, err := os.Open(own)
	if err != nil {
		return err
	}
	defer from.Close()
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, from)
	return errors.Join(err, f.Close())
}

func TestLogsOfRootAreTheServices(t *testing.T) {
	t.Parallel()
	dir := serviceFolder(t)
	l, err := openLogFile(filepath.Join(dir, "main.log"), 50, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for range 5 {
		if _, err := l.Write(bytes.Repeat([]byte("x"), 40)); err != nil {
			t.Error(err)
		}
	}
	if names := ownertest.WantAll(t, dir); names != "main.log\nmain.log.1\nmain.log.2\n" {
		t.Errorf("in the folder:\n%s", names)
	}
}
