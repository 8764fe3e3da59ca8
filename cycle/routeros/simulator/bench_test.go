package simulator

import (
	"testing"
	"time"
)

// BenchmarkSimulator reads both queues in one request. It measures the
// simulator and a bare client on loopback: no router is involved, and nothing
// follows for one.
func BenchmarkSimulator(b *testing.B) {
	b.Run("transport=api", func(b *testing.B) {
		_, e := startAPI(b, usual(newClock()))
		c := entered(b, e)
		for b.Loop() {
			if _, err := c.talk("/queue/tree/print", "?name="+download, "?name="+upload, "?#|"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("transport=rest", func(b *testing.B) {
		_, c := startREST(b, usual(newClock()))
		for b.Loop() {
			c.must(b, "POST", "/queue/tree/print", `{".query":["name=WAN-Download-1","name=WAN-Upload-1","#|"]}`)
		}
	})
	b.Run("transport=ssh", func(b *testing.B) {
		_, e := startSSH(b, usual(newClock()))
		c, err := dialSSH(b, e, time.Minute)
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if _, err := run(c, `/queue tree print stats where name="WAN-Download-1" or name="WAN-Upload-1"`); err != nil {
				b.Fatal(err)
			}
		}
	})
}
