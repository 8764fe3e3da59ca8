package analyze

import (
	"time"

	"wanctl/cycle"
)

// Epoch is when House begins.
var Epoch = epoch

// House is a recording of two loops for tests outside the package.
func House(seed uint64, length time.Duration) []*cycle.Cycle { return house(seed, length).cycles }
