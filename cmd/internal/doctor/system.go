package doctor

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"golang.org/x/sys/unix"

	"wanctl/store"
)

// everyones are the checks that belong to no one configuration.
func (e *Examiner) everyones(subjects []*subject) []task {
	tasks := []task{{system, "clock", fileTime, func(context.Context) []Check { return clock() }}}
	if e.Secrets != "" {
		tasks = append(tasks, task{system, "secrets file", fileTime, func(context.Context) []Check { return e.secretsFile() }})
	}
	if len(subjects) == 0 {
		return tasks
	}
	tasks = append(tasks, e.ping(subjects))
	seen := map[string]bool{}
	for _, s := range subjects {
		if r := s.recorder; r.Enabled && !seen[r.Path] {
			seen[r.Path] = true
			tasks = append(tasks,
				task{system, "recording", 8 * time.Second, e.recording(r)},
				task{system, "disk", fileTime, func(context.Context) []Check { return disk(r) }})
		}
	}
	if len(seen) > 0 {
		tasks = append(tasks, task{system, "crash ring", fileTime, func(context.Context) []Check { return e.ring() }})
	}
	return tasks
}

// clock tells whether the machine's time can be believed: records are dated by it.
// Intervals are kept by the monotonic clock, which nobody sets.
func clock() (checks []Check) {
	now := time.Now()
	zone, _ := now.Zone()
	shown := now.Format("2006-01-02 15:04:05 -07:00") + " " + zone
	if now.Year() < built {
		return []Check{{Fail, system, "clock", shown + " cannot be right", "set it, and let it be kept: apt install systemd-timesyncd, or chrony"}}
	}
	if first := time.Now(); time.Since(first) < 0 {
		checks = append(checks, Check{Fail, system, "clock", "the monotonic clock goes backwards", "this machine, or its hypervisor, cannot time anything"})
	}
	state, err := unix.Adjtimex(new(unix.Timex)) // asks, and sets nothing
	switch {
	case err != nil:
		return append(checks, Check{OK, system, "clock", shown + "; whether it is kept in step cannot be asked here", ""})
	case state == unix.TIME_ERROR:
		return append(checks, Check{
			Warn, system, "clock", shown + ", not kept in step with any other",
			"let it be: apt install systemd-timesyncd, or chrony (in a container the host keeps it)",
		})
	}
	return append(checks, Check{OK, system, "clock", shown + ", kept in step", ""})
}

// built is a year before which this program was not.
const built = 2026

// fileSystems are the names of those that matter here.
var fileSystems = map[uint32]string{
	unix.TMPFS_MAGIC: "tmpfs", unix.RAMFS_MAGIC: "ramfs", unix.NFS_SUPER_MAGIC: "NFS", unix.SMB_SUPER_MAGIC: "SMB", unix.SMB2_SUPER_MAGIC: "SMB",
	unix.CIFS_SUPER_MAGIC: "CIFS", unix.V9FS_MAGIC: "9p", unix.FUSE_SUPER_MAGIC: "FUSE", unix.EXT4_SUPER_MAGIC: "ext4",
	unix.XFS_SUPER_MAGIC: "XFS", unix.BTRFS_SUPER_MAGIC: "Btrfs", unix.F2FS_SUPER_MAGIC: "F2FS", unix.OVERLAYFS_SUPER_MAGIC: "overlayfs",
	unix.MSDOS_SUPER_MAGIC: "FAT",
}

func fileSystem(fs *unix.Statfs_t) string {
	if name := fileSystems[uint32(fs.Type)]; name != "" {
		return name
	}
	return fmt.Sprintf("file system %#x", uint32(fs.Type))
}

// spare is what should be left on a disk beside the recording.
const spare = 16 << 20

// disk tells whether the recording has room to grow to its bound, on a file system
// that suits it.
func disk(cfg store.Config) []Check {
	const what = "disk"
	dir := filepath.Dir(cfg.Path)
	if whole, err := filepath.Abs(dir); err == nil {
		dir = whole
	}
	dir = nearest(dir)
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return []Check{{Fail, system, what, fmt.Sprintf("%s: %v", dir, err), ""}}
	}
	free := int64(fs.Bavail) * int64(fs.Bsize)
	grows := cfg.MaxSize
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if info, err := os.Stat(cfg.Path + suffix); err == nil {
			grows -= info.Size()
		}
	}
	kind := fileSystem(&fs)
	found := fmt.Sprintf("%s (%s): %s free; the recording may grow by %s", dir, kind, humanize.IBytes(uint64(max(free, 0))), humanize.IBytes(uint64(max(grows, 0))))
	switch {
	case free < spare:
		return []Check{{Fail, system, what, found, "make room: cycles that cannot be written are dropped, and counted"}}
	case free < grows+spare:
		return []Check{{Warn, system, what, found, "make room, or lower recorder.max_size"}}
	case kind == "NFS" || kind == "SMB" || kind == "CIFS" || kind == "9p":
		return []Check{{Warn, system, what, found, "a recording wants a local disk: SQLite's write-ahead log is not safe over a network"}}
	case kind == "tmpfs" || kind == "ramfs":
		return []Check{{Warn, system, what, found, "the recording is gone after a reboot; name a file on a disk in recorder.path"}}
	}
	return []Check{{OK, system, what, found, ""}}
}

// ring tells whether a crash loses what waits for the next flush.
func (e *Examiner) ring() []Check {
	const what = "crash ring"
	named, _ := e.Getenv("RUNTIME_DIRECTORY")
	dir, _, _ := strings.Cut(named, ":")
	if dir == "" {
		dir = "/run/wanctl"
	}
	there := nearest(dir)
	var fs unix.Statfs_t
	if err := unix.Statfs(there, &fs); err != nil {
		return []Check{{Warn, system, what, fmt.Sprintf("%s: %v", there, err), ""}}
	}
	if kind := fileSystem(&fs); kind != "tmpfs" && kind != "ramfs" {
		return []Check{{
			Warn, system, what, fmt.Sprintf("%s is on %s, not on a tmpfs: a crash loses the cycles since the last flush", dir, kind),
			"run as a service (its unit makes /run/wanctl), or set RUNTIME_DIRECTORY to a folder on a tmpfs",
		}}
	}
	return []Check{{OK, system, what, dir + " is on a tmpfs: a crash loses nothing", ""}}
}
