package metrics

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// monitoring is the folder of what is shipped for Prometheus and Grafana.
var monitoring = filepath.Join("..", "..", "configs", "monitoring")

// families returns the names of all metrics, of which all are there after both
// daemons' cycles, and of those that queries may speak of.
func families(t *testing.T) (ours []string, queried map[string]bool) {
	t.Helper()
	all, err := both().registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	queried = map[string]bool{"up": true}
	for _, f := range all {
		name := f.GetName()
		if queried[name] = true; strings.HasPrefix(name, "wanctl_") {
			ours = append(ours, name)
		}
		if f.GetMetric()[0].GetHistogram() != nil {
			for _, suffix := range []string{"_bucket", "_count", "_sum"} {
				queried[name+suffix] = true
			}
		}
	}
	return ours, queried
}

// metricName finds the names of metrics in a query; those of functions and labels
// have other beginnings.
var metricName = regexp.MustCompile(`\b(wanctl|process|go)_[a-z_]+|\bup\b`)

// checkNames checks that a query speaks of metrics that there are.
func checkNames(t *testing.T, where, query string, queried map[string]bool) {
	t.Helper()
	names := metricName.FindAllString(query, -1)
	if len(names) == 0 {
		t.Errorf("%s: %q speaks of no metric", where, query)
	}
	for _, name := range names {
		if !queried[name] {
			t.Errorf("%s: there is no metric %s", where, name)
		}
	}
}

// panel is what the tests read of a dashboard's panel.
type panel struct {
	ID      int
	Type    string
	Title   string
	GridPos struct{ X, Y, W, H int }
	Targets []struct{ Expr string }
}

type dashboard struct {
	UID    string
	Panels []panel
}

func readDashboard(t *testing.T) (d dashboard) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(monitoring, "wanctl-dashboard.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDashboardSpeaksOfMetricsThatThereAre(t *testing.T) {
	t.Parallel()
	_, queried := families(t)
	queries := 0
	for _, p := range readDashboard(t).Panels {
		for _, target := range p.Targets {
			queries++
			checkNames(t, p.Title, target.Expr, queried)
		}
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("%s: asks nothing", p.Title)
		}
	}
	if queries < 20 {
		t.Errorf("%d queries were found: is the test looking in the right place?", queries)
	}
}

// TestDashboardIsLaidOut finds panels that lie on each other or have one number.
func TestDashboardIsLaidOut(t *testing.T) {
	t.Parallel()
	ids, cells := map[int]string{}, map[[2]int]string{}
	for _, p := range readDashboard(t).Panels {
		if other, taken := ids[p.ID]; taken {
			t.Errorf("%s has the number of %s", p.Title, other)
		}
		ids[p.ID] = p.Title
		at := p.GridPos
		if at.X+at.W > 24 || at.W <= 0 || at.H <= 0 {
			t.Errorf("%s lies outside: %+v", p.Title, at)
		}
		for x := at.X; x < at.X+at.W; x++ {
			for y := at.Y; y < at.Y+at.H; y++ {
				if other, taken := cells[[2]int{x, y}]; taken {
					t.Fatalf("%s lies on %s", p.Title, other)
				}
				cells[[2]int{x, y}] = p.Title
			}
		}
	}
}

// rules is a file of rules.
type rules struct {
	Groups []struct {
		Name  string
		Rules []struct{ Alert, Record, Expr string }
	}
}

func readAlerts(t *testing.T) (r rules) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(monitoring, "wanctl-alerts.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAlertsSpeakOfMetricsThatThereAre(t *testing.T) {
	t.Parallel()
	_, queried := families(t)
	for _, g := range readAlerts(t).Groups {
		for _, r := range g.Rules {
			checkNames(t, r.Alert, r.Expr, queried)
		}
	}
}

// promtool runs Prometheus's tool in the folder of what is shipped.
func promtool(t *testing.T, args ...string) {
	t.Helper()
	if _, err := exec.LookPath("promtool"); err != nil {
		t.Skip("promtool is not installed (Debian: prometheus)")
	}
	cmd := exec.CommandContext(t.Context(), "promtool", args...)
	cmd.Dir = monitoring
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func TestAlertsAreCheckedByPrometheus(t *testing.T) {
	t.Parallel()
	promtool(t, "check", "rules", "--lint-fatal", "wanctl-alerts.yaml")
	promtool(t, "test", "rules", "wanctl-alerts.test.yaml")
}

// TestEveryAlertIsTested looks for each among the unit tests, where it fires and
// where it does not.
func TestEveryAlertIsTested(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(monitoring, "wanctl-alerts.test.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var tests struct {
		Tests []struct {
			AlertRuleTest []struct {
				Alertname string
				ExpAlerts []any `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		}
	}
	if err := yaml.Unmarshal(text, &tests); err != nil {
		t.Fatal(err)
	}
	fires, quiet := map[string]bool{}, map[string]bool{}
	for _, one := range tests.Tests {
		for _, a := range one.AlertRuleTest {
			if len(a.ExpAlerts) > 0 {
				fires[a.Alertname] = true
			} else {
				quiet[a.Alertname] = true
			}
		}
	}
	for _, g := range readAlerts(t).Groups {
		for _, r := range g.Rules {
			if !fires[r.Alert] || !quiet[r.Alert] {
				t.Errorf("%s: tested to fire %v, to be quiet %v", r.Alert, fires[r.Alert], quiet[r.Alert])
			}
		}
	}
}

// TestQueriesOfTheDashboardAreUnderstood makes rules of them, for promtool to check.
func TestQueriesOfTheDashboardAreUnderstood(t *testing.T) {
	t.Parallel()
	variables := strings.NewReplacer("$__rate_interval", "1m", "$instance", ".*", "$daemon", ".*", "$wan", ".*")
	b := new(strings.Builder)
	b.WriteString("groups:\n- name: dashboard\n  rules:\n")
	for _, p := range readDashboard(t).Panels {
		for i, target := range p.Targets {
			expr := variables.Replace(target.Expr)
			if strings.Contains(expr, "$") {
				t.Errorf("%s: unknown variable in %q", p.Title, expr)
			}
			fmt.Fprintf(b, "  - record: panel%d:%d\n    expr: %q\n", p.ID, i, expr)
		}
	}
	path := filepath.Join(t.TempDir(), "dashboard.yaml")
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	promtool(t, "check", "rules", path)
}

// TestOperationPageIsComplete looks for every metric and alert in the page about
// running the daemons.
func TestOperationPageIsComplete(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "operation.md"))
	if err != nil {
		t.Fatal(err)
	}
	ours, queried := families(t)
	page := string(text)
	for _, name := range ours {
		if !strings.Contains(page, "`"+name+"`") {
			t.Errorf("%s is not explained", name)
		}
	}
	for _, g := range readAlerts(t).Groups {
		for _, r := range g.Rules {
			if !strings.Contains(page, "`"+r.Alert+"`") {
				t.Errorf("%s is not explained", r.Alert)
			}
		}
	}
	for _, name := range regexp.MustCompile("`(wanctl_[a-z_]+)`").FindAllStringSubmatch(page, -1) {
		if !queried[name[1]] {
			t.Errorf("the page explains %s, which there is not", name[1])
		}
	}
}
