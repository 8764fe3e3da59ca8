package doctor

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// arguments returns what a process was started with. known is false where it cannot
// be read: the process is gone, or /proc hides those of other users (hidepid).
func arguments(proc string, pid int) (args []string, known bool) {
	text, err := os.ReadFile(filepath.Join(proc, strconv.Itoa(pid), "cmdline"))
	if err != nil {
		return nil, false
	}
	if len(text) == 0 { // it has ended, or is the kernel's
		return nil, true
	}
	return strings.Split(strings.TrimSuffix(string(text), "\x00"), "\x00"), true
}

// IsPython tells whether a process is the Python program: an interpreter of that name
// runs it, and its command line says what. known is false where that cannot be read.
func IsPython(proc string, pid int) (yes, known bool) {
	args, known := arguments(proc, pid)
	if len(args) == 0 {
		return false, known
	}
	exe, _ := os.Readlink(filepath.Join(proc, strconv.Itoa(pid), "exe")) // root alone may, for most
	interpreter := func(path string) bool { return strings.HasPrefix(filepath.Base(path), "python") }
	return (interpreter(args[0]) || interpreter(exe)) && slices.ContainsFunc([]string{"wanctl", "autorate", "steering"}, func(name string) bool {
		return strings.Contains(strings.Join(args, " "), name)
	}), true
}

// command returns what a process was started as, in a line to show: where a secret may
// be in it, its program alone.
func (e *Examiner) command(pid int) string {
	args, _ := arguments(e.Proc, pid)
	if len(args) == 0 {
		return "a command that cannot be read"
	}
	line := strings.Join(strings.FieldsFunc(strings.Join(args, " "), func(r rune) bool { return r < ' ' }), " ")
	if e.hide.foreign.Hide(line) != line {
		line = args[0] + " ..."
	}
	if len(line) > 120 {
		line = line[:120] + "..."
	}
	return strings.ToValidUTF8(line, "?")
}

// startedWith tells whether a process was started with a configuration, however it
// names the file.
func (e *Examiner) startedWith(pid int, config string) bool {
	args, _ := arguments(e.Proc, pid)
	folder, _ := os.Readlink(filepath.Join(e.Proc, strconv.Itoa(pid), "cwd"))
	whole, err := filepath.Abs(config)
	if err != nil {
		return false
	}
	ours, _ := os.Stat(whole)
	return slices.ContainsFunc(args, func(arg string) bool {
		if strings.HasPrefix(arg, "-") {
			_, arg, _ = strings.Cut(arg, "=")
		}
		switch {
		case arg == "":
			return false
		case !filepath.IsAbs(arg) && folder == "": // root alone may ask where it runs
			return strings.HasSuffix(whole, string(filepath.Separator)+filepath.Clean(arg))
		case !filepath.IsAbs(arg):
			arg = filepath.Join(folder, arg)
		}
		theirs, err := os.Stat(arg)
		return filepath.Clean(arg) == whole || err == nil && ours != nil && os.SameFile(ours, theirs)
	})
}
