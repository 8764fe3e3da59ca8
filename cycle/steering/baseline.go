package steering

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"strconv"
	"strings"
	"time"

	"wanctl/cycle"
)

// parseBaseline reads the baseline RTT, in ms, out of autorate's state file. A
// text that reads as a number will do, as it does for the Python program.
func parseBaseline(text []byte) (float64, error) {
	var file struct {
		EWMA struct {
			Baseline any `json:"baseline_rtt"`
		} `json:"ewma"`
	}
	if err := json.Unmarshal(cycle.FiniteJSON(text), &file); err != nil {
		return 0, err
	}
	switch v := file.EWMA.Baseline.(type) {
	case float64:
		return v, nil
	case string:
		if f, err := strconv.ParseFloat(strings.TrimSpace(v), 64); err == nil && !math.IsNaN(f) {
			return f, nil
		}
	}
	return 0, errors.New("holds no ewma.baseline_rtt")
}

// maxAutorateState bounds what is read of autorate's state file, which has a few
// hundred bytes.
const maxAutorateState = 1 << 20

// staleAfter is how old autorate's state file may be before it is said that the
// baseline stands still. It is used all the same: a baseline moves slowly, and
// with none the rule could not even be switched off.
const staleAfter = 5 * time.Minute

// baselineFile reads the baseline cycle after cycle. What is wrong with it is
// told when it begins and when it is over, not every cycle.
type baselineFile struct {
	path    string
	t       *Thresholds
	log     *slog.Logger
	trouble string
	stale   bool
}

// read returns the baseline in ms, or an error that says why there is none.
func (b *baselineFile) read() (float64, error) {
	v, age, err := b.load()
	switch {
	case err == nil && b.trouble != "":
		b.log.Info("baseline RTT is readable again", "file", b.path)
		b.trouble = ""
	case err != nil && err.Error() != b.trouble:
		b.trouble = err.Error()
		b.log.Warn("baseline RTT cannot be read; the last good one, if any, stays in use", "error", err)
	}
	if stale := err == nil && age > staleAfter; stale != b.stale && err == nil {
		if b.stale = stale; stale {
			b.log.Warn("autorate has not written its state for a while; its baseline RTT stays in use",
				"file", b.path, "age_s", math.Round(age.Seconds()))
		} else {
			b.log.Info("autorate writes its state again", "file", b.path)
		}
	}
	return v, err
}

func (b *baselineFile) load() (v float64, age time.Duration, err error) {
	f, info, err := cycle.OpenPlain(b.path)
	if err != nil {
		return 0, 0, fmt.Errorf("autorate state: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxAutorateState))
	if err != nil {
		return 0, 0, fmt.Errorf("autorate state: %w", err)
	}
	if v, err = parseBaseline(text); err != nil {
		return 0, 0, fmt.Errorf("autorate state %s: %w", b.path, err)
	}
	if !b.t.InBounds(v) {
		return 0, 0, fmt.Errorf("autorate state %s: baseline RTT %v ms is outside its bounds (%v to %v ms)",
			b.path, v, b.t.BaselineMin, b.t.BaselineMax)
	}
	return v, time.Since(info.ModTime()), nil
}
