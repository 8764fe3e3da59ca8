package health

import (
	"math"

	"golang.org/x/sys/unix"
)

// Disk is the free space where the daemon keeps its files.
type Disk struct {
	Path    string  `json:"path"`
	Free    uint64  `json:"free_bytes"` // to those who are not root
	Total   uint64  `json:"total_bytes"`
	FreePct float64 `json:"free_pct"`
	Status  string  `json:"status"` // ok, warning, unknown
}

// leastFree is what must be free, as in the Python program.
const leastFree = 100 << 20 // bytes

// diskSpace looks at a folder's file system. One that cannot be looked at is
// unknown, which is no reason to worry.
func diskSpace(path string) Disk {
	d := Disk{Path: path, Status: "unknown"}
	var fs unix.Statfs_t
	if err := unix.Statfs(path, &fs); err != nil {
		return d
	}
	unit := uint64(fs.Frsize)
	d.Free, d.Total, d.Status = fs.Bavail*unit, fs.Blocks*unit, "ok"
	if d.Total > 0 {
		d.FreePct = round(float64(d.Free)/float64(d.Total)*100, 1)
	}
	if d.Free < leastFree {
		d.Status = "warning"
	}
	return d
}

// round rounds to so many decimals.
func round(v float64, decimals int) float64 {
	scale := math.Pow10(decimals)
	return math.Round(v*scale) / scale
}
