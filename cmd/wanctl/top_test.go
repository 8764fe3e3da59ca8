package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// pane is a terminal of tmux in which the real program runs.
type pane struct {
	t      *testing.T
	socket string
}

// inPane runs a command of the shell in a terminal of its own.
func inPane(t *testing.T, width, height int, command string) *pane {
	t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		t.Skip("there is no tmux here")
	}
	p := &pane{t, filepath.Join(t.TempDir(), "tmux")}
	t.Cleanup(func() { _ = exec.Command("tmux", "-S", p.socket, "kill-server").Run() })
	p.tmux("-f", "/dev/null", "new-session", "-d", "-x", strconv.Itoa(width), "-y", strconv.Itoa(height), "sh")
	p.keys(command, "Enter")
	return p
}

func (p *pane) tmux(args ...string) string {
	p.t.Helper()
	out, err := exec.Command("tmux", append([]string{"-S", p.socket}, args...)...).CombinedOutput()
	if err != nil {
		p.t.Fatalf("tmux %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func (p *pane) keys(keys ...string) { p.tmux(append([]string{"send-keys"}, keys...)...) }

// until waits for a text, which is a regular expression, and returns the picture.
func (p *pane) until(pattern string) string {
	p.t.Helper()
	re := regexp.MustCompile(pattern)
	picture := ""
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if picture = p.tmux("capture-pane", "-p"); re.MatchString(picture) {
			return picture
		}
	}
	p.t.Fatalf("there was no %q in 30 s:\n%s", pattern, picture)
	return ""
}

// stable is a picture without what differs each time: digits, zones, marks and bars,
// and what the slowest cycle waited for.
func stable(picture string) string {
	before, _, _ := strings.Cut(picture, "\nslowest")
	lines := strings.Split(before, "\n")
	for i, l := range lines {
		if first := strings.Fields(l + " -")[0]; first == "wait" || first == "login" || first == "update" {
			l = "" // it is there or not
		}
		if strings.HasPrefix(l, "live; ") { // by the minute, the file has something or nothing yet
			l = "live;"
		}
		lines[i] = strings.Join(strings.Fields(varying.ReplaceAllString(l, " ")), " ")
	}
	return regexp.MustCompile(`\n\n+`).ReplaceAllString(strings.Join(lines, "\n"), "\n")
}

var varying = regexp.MustCompile(`[0-9.?▁▂▃▄▅▆▇█!]+|GREEN|YELLOW|SOFT_RED|RED|rule (on|off) | -( |$)|  [ysRomF#-]+`)

// TestTopInATerminal runs the demo's daemons and watches them in a terminal of tmux,
// with keys, other sizes and an end by a signal.
func TestTopInATerminal(t *testing.T) {
	if testing.Short() {
		t.Skip("what happens is in another process")
	}
	t.Parallel()
	if _, err := exec.LookPath("tmux"); err != nil {
		t.Skip("there is no tmux here")
	}
	dir, rings := t.TempDir(), ringFolder(t)
	program := filepath.Join(dir, "wanctl") // by this name the test's own binary is the program
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, program); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	demo := exec.CommandContext(ctx, program, "demo", "--for", "2m", "--db", "demo.db")
	demo.Dir = dir
	demo.Env = append(os.Environ(), "RUNTIME_DIRECTORY="+rings)
	demo.Cancel = func() error { return demo.Process.Signal(os.Interrupt) }
	if err := demo.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(); _ = demo.Wait() })

	script := filepath.Join(dir, "top.sh")
	text := fmt.Sprintf("cd %[1]s\nexport LC_ALL=C.UTF-8 TZ=UTC RUNTIME_DIRECTORY=%[2]s\necho $$ >pid\nexec %[3]s top --db demo.db --every 200ms\n", dir, rings, program)
	if err := os.WriteFile(script, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	run := fmt.Sprintf("clear; sh %s; echo ended with $?; stty -a | grep -o ' icanon '", script)

	p := inPane(t, 80, 24, run)
	// The loop that is seen first is the chosen one.
	if seen := p.until(`(?s)autorate wan1 .*steering steering.* [1-9][0-9]* cycles in 1[0-9]s`); strings.Contains(seen, "> autorate") {
		p.keys("Tab")
	}
	diff, picture := "", ""
	for range 50 { // a busy machine may have half a picture, or none of a loop's last second
		picture = p.until(`(?s)> steering steering.*rule .*amiss.*slowest.*waited for`)
		if diff = cmp.Diff(steeringScreen, stable(picture)); diff == "" && strings.Count(picture, "\n") == 24 {
			break
		}
		time.Sleep(200 * time.Millisecond)
	}
	if diff != "" || strings.Count(picture, "\n") != 24 {
		t.Errorf("(-want +got)\n%s\n%s", diff, picture)
	}
	p.keys("w")
	p.until(`last 15m`)
	p.keys("s")
	p.until(`s sort: p99`)
	p.keys("?")
	p.until(`any key goes back`)
	p.keys("x", "p")
	still := p.until(`PAUSED`)
	if again := p.until(`PAUSED`); again != still {
		t.Errorf("a paused screen moves:\n%s\n%s", still, again)
	}
	p.keys("p")
	p.tmux("resize-window", "-x", "120", "-y", "40")
	p.until(`P50 MS  P95 MS  P99 MS  BUSY`)
	p.tmux("resize-window", "-x", "40", "-y", "20")
	p.until(`q quit  tab loop  w  s  p`)
	p.keys("q")
	p.ended(0)

	p.tmux("resize-window", "-x", "80", "-y", "24")
	p.keys(run, "Enter")
	p.until(`> (autorate wan1|steering steering)`)
	pid, err := os.ReadFile(filepath.Join(dir, "pid"))
	if err != nil {
		t.Fatal(err)
	}
	if err := exec.Command("kill", "-TERM", strings.TrimSpace(string(pid))).Run(); err != nil {
		t.Fatal(err)
	}
	p.ended(0)
}

// ended wants the program to have ended, and the terminal to be as it was.
func (p *pane) ended(code int) {
	p.t.Helper()
	if picture := p.until(fmt.Sprintf(`(?s)ended with %d\s+icanon`, code)); strings.Contains(picture, "LAST MS") {
		p.t.Errorf("the screen from before is not back:\n%s", picture)
	}
}

// steeringScreen is the screen of the demo's steering loop, as stable shows it.
const steeringScreen = `wanctl top demo db last m : : UTC
live;
LOOP DOWN MBIT UP LAST MS P MS FAIL OVER MISS AGE
autorate wan s
> steering steering s
steering steering every ms cycles in s busy % failed
PART LAST MS P MS P MS P MS MAX MS s each
rtt
cake
rule
adjust
total
zone down green yellow soft red red
rule off on
amiss overrun missed failed
`
