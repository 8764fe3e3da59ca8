package routeros

import (
	"bufio"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"wanctl/cycle"
)

// vectors returns the rows of a file of recorded behaviour of the Python program,
// each still in JSON.
func vectors(t *testing.T, name string) (rows []json.RawMessage) {
	t.Helper()
	f, err := os.Open(filepath.Join(vectorsFolder(t), filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		rows = append(rows, slices.Clone(lines.Bytes()))
	}
	if err := lines.Err(); err != nil || len(rows) < 2 {
		t.Fatalf("%s: %d lines, %v", name, len(rows), err)
	}
	return rows[1:] // the first is the header
}

func vectorsFolder(t *testing.T) string {
	t.Helper()
	folder := os.Getenv("WANCTL_VECTORS")
	if folder == "" {
		folder = filepath.Join("..", "..", "..", "shared", "vectors")
	}
	if _, err := os.Stat(folder); err != nil {
		t.Skipf("the recorded vectors are not here (set WANCTL_VECTORS to their folder): %v", err)
	}
	return folder
}

// stats is what one reading of a queue tells.
type stats struct {
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"`
	Dropped uint64 `json:"dropped"`
	QPkts   uint64 `json:"queued_packets"`
	QBytes  uint64 `json:"queued_bytes"`
}

// cakeRow is one row of the area cake_stats.
type cakeRow struct {
	I  int
	In struct {
		Queue, Out, Exc string
		RC              int
	}
	Out struct{ Stats json.RawMessage }
	Bug bool `json:"incumbent_bug"`

	Right json.RawMessage
}

func TestCountersEqualTheRecordedOnes(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(vectorsFolder(t), "cake_stats", "*.jsonl"))
	if err != nil || len(files) != 11 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newClient(Config{}, new(counts), quiet)
			oracle := map[string]stats{}
			same, right := 0, 0
			for _, raw := range vectors(t, "cake_stats/"+name) {
				var row cakeRow
				if err := json.Unmarshal(raw, &row); err != nil {
					t.Fatal(err)
				}
				got := readRecorded(t, c, row, strings.HasPrefix(name, "ssh"))
				want := row.wanted(t, oracle)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("row %d (%.200q) (-want +got)\n%s", row.I, row.In.Out, diff)
				}
				if row.Bug {
					right++
				} else {
					same++
				}
			}
			t.Logf("%d rows equal, %d put right", same, right)
		})
	}
}

// known is the outcome of a reading: its values, and whether there are
// differences.
type known struct {
	Stats   stats
	Counted bool
}

// readRecorded puts a recorded answer through the client's reading.
func readRecorded(t *testing.T, c *Client, row cakeRow, console bool) *known {
	t.Helper()
	if checkNames([]string{row.In.Queue}) != nil || row.In.RC != 0 || row.In.Exc != "" {
		return nil
	}
	var rows []map[string]string
	if console {
		for _, r := range parsePrint(row.In.Out) {
			rows = append(rows, r)
		}
	} else if decoded, err := decodeREST([]byte(row.In.Out)); err == nil {
		for _, r := range decoded {
			rows = append(rows, r)
		}
	}
	if len(rows) != 1 {
		return nil
	}
	delete(rows[0], "max-limit") // the console rounds it, so it is asked for in another way
	rows[0]["name"] = row.In.Queue
	now, err := newReading(rows[0])
	if err != nil {
		return nil
	}
	q := c.counted(t.Context(), []reading{now})[0]
	k := &known{Counted: q.Counted.Known}
	k.Stats.Packets, k.Stats.Bytes, k.Stats.Dropped = q.Counted.Value.Packets, q.Counted.Value.Bytes, q.Counted.Value.Dropped
	k.Stats.QPkts, k.Stats.QBytes = q.QueuedPackets, q.QueuedBytes
	return k
}

// wanted returns what the reading of a row should tell. Where the Python program
// was wrong and the vectors do not say what would be right, the oracle does: no
// answer without all five counters, no difference on the first reading or after
// a counter went back.
func (row cakeRow) wanted(t *testing.T, oracle map[string]stats) *known {
	t.Helper()
	if row.In.Queue != strings.TrimSpace(row.In.Queue) {
		return nil
	}
	now, complete := rawCounters(row.In.Out)
	last, seen := oracle[row.In.Queue]
	failed := string(row.Out.Stats) == "null"
	if complete && !failed {
		oracle[row.In.Queue] = now
	}
	var k known
	switch {
	case failed, !complete: // a depth that is missing is an error, too: the Python program takes it for zero
		return nil
	case row.Right != nil:
		unmarshal(t, row.Right, &k.Stats)
		k.Counted = true
	case !row.Bug:
		unmarshal(t, row.Out.Stats, &k.Stats)
		k.Counted = true
	default:
		k.Stats.QPkts, k.Stats.QBytes = now.QPkts, now.QBytes
		if k.Counted = seen && now.Bytes >= last.Bytes; k.Counted {
			k.Stats.Packets, k.Stats.Bytes, k.Stats.Dropped = now.Packets-last.Packets, now.Bytes-last.Bytes, now.Dropped-last.Dropped
		}
	}
	return &k
}

func unmarshal(t *testing.T, raw json.RawMessage, into any) {
	t.Helper()
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatal(err)
	}
}

// rawCounters reads the totals out of a recorded answer, with as little code in
// common with the client as can be.
func rawCounters(text string) (s stats, complete bool) {
	var items []map[string]any
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	one := map[string]any{}
	values := map[string]string{}
	switch {
	case d.Decode(&items) == nil && len(items) == 1:
		one = items[0]
	case json.Unmarshal([]byte(text), &one) == nil:
	default:
		for _, word := range strings.Fields(text) {
			if k, v, ok := strings.Cut(word, "="); ok {
				one[k] = v
			}
		}
	}
	for k, v := range one {
		switch v := v.(type) {
		case string:
			values[k] = v
		case json.Number:
			values[k] = v.String()
		}
	}
	complete = true
	for prop, into := range map[string]*uint64{
		"packets": &s.Packets, "bytes": &s.Bytes, "dropped": &s.Dropped, "queued-packets": &s.QPkts, "queued-bytes": &s.QBytes,
	} {
		complete = json.Unmarshal([]byte(values[prop]), into) == nil && complete
	}
	return s, complete
}

// ruleRow is one row of the recorded dealings with the steering rule.
type ruleRow struct {
	I  int
	In struct {
		Action  string
		Replies []struct {
			RC  int
			Out string
		}
	}
	Out struct {
		Result *bool
		Sleeps []float64
	}
	Bug  bool `json:"incumbent_bug"`
	Note string
}

const recordedComment = "ADAPTIVE: Steer latency-sensitive to WAN2"

// Where the Python program misread a rule's flags or took another rule for ours,
// the rule is off in truth.
func TestRuleDealingsEqualTheRecordedOnes(t *testing.T) {
	t.Parallel()
	off := false
	right := map[string]*bool{"flags XI": &off, "no blank after X": &off, "no blank before X": &off, "two rules": &off}
	for _, raw := range vectors(t, "router/steering_rule_ssh.jsonl") {
		var row ruleRow
		unmarshal(t, raw, &row)
		want := row.Out.Result
		if row.Bug {
			want = right[row.Note]
		}
		if got := row.replay(t); !cmp.Equal(want, got) {
			t.Errorf("row %d (%s %s): got %v, want %v", row.I, row.In.Action, row.Note, show(got), show(want))
		}
	}
}

func show(b *bool) string {
	raw, _ := json.Marshal(b)
	return string(raw)
}

// replay plays a row's replies to the client: status gives the rule's state, nil
// where it cannot be told; enable and disable give whether they were confirmed.
func (rec ruleRow) replay(t *testing.T) *bool {
	var result *bool
	synctest.Test(t, func(t *testing.T) {
		looks := rec.In.Replies
		s := &scripted{}
		shown := func() ([]row, error) {
			if len(looks) == 0 { // one look more than the Python program takes
				return nil, nil
			}
			reply := looks[0]
			looks = looks[1:]
			if reply.RC != 0 {
				return nil, answerf("exit status %d", reply.RC)
			}
			rows := parsePrint(reply.Out)
			for _, r := range rows {
				r[".id"] = "*1"
			}
			return rows, nil
		}
		began := true
		s.onFetch = func(q query) ([]row, error) {
			if q.menu == systemResource {
				return upFor(time.Hour), nil
			}
			if rec.In.Action == "status" || !began {
				return shown()
			}
			return []row{{".id": "*1", "comment": recordedComment, "disabled": word(rec.In.Action == "enable", "true", "false")}}, nil
		}
		s.onApply = func([]change) error {
			began = false
			reply := looks[0]
			looks = looks[1:]
			if reply.RC != 0 {
				return answerf("exit status %d", reply.RC)
			}
			return nil
		}
		c := clientOf(s)
		defer c.close()
		if rec.In.Action == "status" {
			// A search that finds nothing asks a second time, for all the rules.
			looks = append(slices.Clone(looks), looks...)
			if on, err := c.Rule(t.Context(), recordedComment); err == nil {
				result = &on
			}
			return
		}
		start := time.Now()
		err := c.SetRule(t.Context(), recordedComment, rec.In.Action == "enable")
		done := err == nil
		result = &done
		slept := time.Duration(0)
		for _, d := range rec.Out.Sleeps {
			slept += time.Duration(d * float64(time.Second))
		}
		if took := time.Since(start); done && took != slept {
			t.Errorf("row %d: it took %v, want %v", rec.I, took, slept)
		}
	})
	return result
}

// commandRow is one row of what was recorded to be sent to the router.
type commandRow struct {
	I  int
	In struct {
		What string
		Down int64  `json:"down_bps"`
		Up   int64  `json:"up_bps"`
		RC   int    `json:"rc"`
		At   string `json:"router"`
	}
	Out struct {
		Result   *bool
		Cmds     []string
		Requests []request
	}
}

type request struct {
	Method string
	JSON   map[string]string
}

// What is set over SSH is, script apart, what the Python program sets; over REST
// the bodies are the same.
func TestWritesEqualTheRecordedOnes(t *testing.T) {
	t.Parallel()
	compared := 0
	for _, raw := range vectors(t, "router/commands.jsonl") {
		var row commandRow
		unmarshal(t, raw, &row)
		switch {
		case strings.HasPrefix(row.In.What, "set_limits over ssh"):
			recorded := strings.Split(row.Out.Cmds[0], "; ")
			var limits []cycle.Limit
			for i, cmd := range recorded {
				limits = append(limits, cycle.Limit{
					Queue: between(cmd, `name="`, `"`), Type: between(cmd, " queue=", " "), Rate: []int64{row.In.Down, row.In.Up}[i],
				})
			}
			script, err := writeScript(changes(limits))("n")
			if err != nil {
				t.Fatal(err)
			}
			for _, cmd := range recorded {
				if !strings.Contains(script, strings.Replace(cmd, "[find ", "[find where ", 1)+";") {
					t.Errorf("row %d: %s\nis not in %s", row.I, cmd, script)
				}
			}
			compared++
		case strings.HasPrefix(row.In.What, "set_limits over rest") && row.In.At == "ok":
			patches := slices.DeleteFunc(row.Out.Requests, func(r request) bool { return r.Method != "PATCH" })
			for i, r := range patches {
				got := map[string]string{}
				for _, p := range properties(cycle.Limit{Type: r.JSON["queue"], Rate: []int64{row.In.Down, row.In.Up}[i]}) {
					got[p.name] = p.value
				}
				if !maps.Equal(got, r.JSON) {
					t.Errorf("row %d: %v, recorded %v", row.I, got, r.JSON)
				}
			}
			compared++
		}
	}
	if compared < 5 {
		t.Errorf("%d rows compared", compared)
	}
}

func between(text, before, after string) string {
	_, text, _ = strings.Cut(text, before)
	text, _, _ = strings.Cut(text, after)
	return text
}
