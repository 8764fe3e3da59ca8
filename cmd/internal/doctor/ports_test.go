package doctor

import (
	"context"
	"net"
	"testing"

	"wanctl/cycle"
)

// TestAPortIsTriedOnce has configurations name the same ports: trying one twice at the
// same time could find it taken by oneself.
func TestAPortIsTriedOnce(t *testing.T) {
	t.Parallel()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(free.Addr().String())
	_ = free.Close()
	at := func(path, section, host string, daemon cycle.Daemon) *subject {
		return &subject{path: path, name: path, daemon: daemon, listeners: []listener{{section, host, port}}}
	}
	one := at("a.yaml", "health_check", "127.0.0.1", cycle.Autorate)
	both := at("a.yaml", "health_check", "127.0.0.1", cycle.Autorate)
	both.listeners = append(both.listeners, listener{"metrics", "127.0.0.1", port})
	e := &Examiner{Holder: func(string) int { return 0 }}
	for name, tc := range map[string]struct {
		subjects []*subject
		want     Status
		says     string
	}{
		"two WANs":              {[]*subject{one, at("b.yaml", "health_check", "127.0.0.1", cycle.Autorate)}, Warn, "127.0.0.1:" + port + " is health_check of a.yaml too: fine in one process, not as two services"},
		"a WAN and steering":    {[]*subject{one, at("b.yaml", "metrics", "127.0.0.1", cycle.Steering)}, Warn, "127.0.0.1:" + port + " is health_check of a.yaml too: whichever starts second does not get it"},
		"every address":         {[]*subject{one, at("b.yaml", "metrics", "0.0.0.0", cycle.Autorate)}, Warn, "0.0.0.0:" + port + " and 127.0.0.1:" + port + ", health_check of a.yaml, may not be had together"},
		"a name":                {[]*subject{one, at("b.yaml", "metrics", "localhost", cycle.Autorate)}, Warn, "localhost:" + port + " and 127.0.0.1:" + port + ", health_check of a.yaml, may not be had together"},
		"two pages of one":      {[]*subject{both}, OK, "127.0.0.1:" + port + " serves health_check too"},
		"an address of its own": {[]*subject{one, at("b.yaml", "metrics", "127.0.0.2", cycle.Autorate)}, OK, "127.0.0.2:" + port + " is free"},
	} {
		tasks := e.portTasks(tc.subjects)
		if len(tasks) != 2 {
			t.Fatalf("%s: %d tasks", name, len(tasks))
		}
		got := tasks[1].run(context.Background())
		if len(got) != 1 || got[0].Status != tc.want || got[0].Found != tc.says {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
