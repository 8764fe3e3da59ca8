package steering

import (
	"context"
	"fmt"
	"log/slog"

	"wanctl/cycle"
)

// The lines below are read by existing tools: their text is a contract, and the
// numbers in it have the decimals given here. The JSON form of the log has the
// same numbers under keys of their own.

// tell logs what a cycle saw and made of it, before anything is switched.
func (s *Steering) tell(m measured, v Verdict) {
	if s.cfg.CAKEAware && !m.queue.Known {
		s.tellQueueFailure(m.queueErr)
	}
	if !m.rtt.Known {
		s.log.Warn("ping exhausted - attempting fallback", cycle.Values("error", m.rttErr))
		if cycle.OutcomeOf(m.rttErr) != cycle.TimedOut {
			s.log.Warn("it cannot be pinged", "host", s.cfg.PingHost, "error", m.rttErr) // that line does not tell why
		}
	}
	if v.LastKnown {
		s.log.Warn(fmt.Sprintf("Using last known RTT from state: %.1fms (ping to %s failed after retries)", v.RTT.Value, s.cfg.PingHost),
			cycle.Values("rtt_ms", v.RTT.Value, "host", s.cfg.PingHost))
	}
	switch {
	case !v.OK:
	case s.cfg.CAKEAware:
		s.tellThreeState(v)
	default:
		s.tellRTTOnly(v)
	}
}

func (s *Steering) tellQueueFailure(err error) {
	values := cycle.Values("queue", s.cfg.DownloadQueue, "failures", s.law.CAKEFailures, "error", err)
	switch s.law.CAKEFailures {
	case 1:
		s.log.Warn(fmt.Sprintf("CAKE stats read failed for %s, using RTT-only decisions (failure 1)", s.cfg.DownloadQueue), values)
	case 3:
		s.log.Error("CAKE stats unavailable after 3 attempts, entering degraded mode (RTT-only decisions)", values)
	default:
		return
	}
	s.log.Warn("the queue cannot be read", "queue", s.cfg.DownloadQueue, "error", err) // those lines do not tell why
}

func (s *Steering) tellThreeState(v Verdict) {
	name, signals, zone := s.law.Name(), s.signals(v), v.Assessment
	s.say(slog.LevelInfo, v, "[%s] %s | congestion=%s", name, signals, v.Before)
	s.tellAssessment(v)
	level, outcome := slog.LevelInfo, " | still degraded"
	switch {
	case s.law.Degraded && zone == cycle.Green:
		outcome = fmt.Sprintf(" | good_count=%d/%d", s.law.GoodCount, s.cfg.Thresholds.GreenSamples)
	case s.law.Degraded:
	case zone == cycle.Red:
		outcome = fmt.Sprintf(" | red_count=%d/%d", s.law.RedCount, s.cfg.Thresholds.RedSamples)
	case zone == cycle.Yellow:
		outcome = " | early warning, no action"
	default:
		level, outcome = slog.LevelDebug, ""
	}
	s.say(level, v, "[%s] [%s] %s%s", name, zone, signals, outcome)
}

// tellAssessment tells which thresholds the assessment rests on.
func (s *Steering) tellAssessment(v Verdict) {
	t, q, bloat := &s.cfg.Thresholds, v.Queue, s.law.Bloat
	switch v.Assessment {
	case cycle.Red:
		s.say(slog.LevelDebug, v, "Assessment: RED - rtt=%.1fms (>%v), drops=%d (>=%d), queue=%d (>=%d)",
			bloat, t.RedRTT, q.Drops, t.MinDropsRed, q.Queued, t.MinQueueRed)
	case cycle.Yellow:
		s.say(slog.LevelDebug, v, "Assessment: YELLOW - rtt=%.1fms (threshold=%v), queue=%d (threshold=%d), drops=%d",
			bloat, t.YellowRTT, q.Queued, t.MinQueueYellow, q.Drops)
	default:
		s.say(slog.LevelDebug, v, "Assessment: GREEN - rtt=%.1fms, drops=%d, queue=%d", bloat, q.Drops, q.Queued)
	}
}

func (s *Steering) tellRTTOnly(v Verdict) {
	t := &s.cfg.Thresholds
	s.say(slog.LevelInfo, v, "[%s] RTT=%.1fms, baseline=%.1fms, delta=%.1fms | bad_count=%d/%d, good_count=%d/%d",
		s.law.Name(), v.RTT.Value, s.law.Baseline.Value, v.Delta.Value, s.law.wasBad, t.BadSamples, s.law.wasGood, t.GoodSamples)
}

// tellSwitch says that the line has been bad, or good, for long enough.
func (s *Steering) tellSwitch(v Verdict) {
	count := s.law.GoodCount
	if v.Switch == Disable {
		s.say(slog.LevelInfo, v, "%s RECOVERED - %s (sustained %d samples)", s.law.wan, s.signals(v), count)
		return
	}
	if count = s.law.BadCount; s.cfg.CAKEAware {
		count = s.law.RedCount
	}
	s.say(slog.LevelWarn, v, "%s DEGRADED detected - %s (sustained %d samples)", s.law.wan, s.signals(v), count)
}

func (s *Steering) tellTransition() {
	s.log.Info(fmt.Sprintf("State transition: %s (last transition: %s)", s.law.Name(), s.law.LastTransition.Value),
		cycle.Values("state", s.law.Name()))
}

// signals are the numbers that most lines hold. What they call rtt is the delta.
func (s *Steering) signals(v Verdict) string {
	if !s.cfg.CAKEAware {
		return fmt.Sprintf("rtt=%.1fms delta=%.1fms", v.RTT.Value, v.Delta.Value)
	}
	return fmt.Sprintf("rtt=%.1fms ewma=%.1fms drops=%d q=%d", v.Delta.Value, s.law.Bloat, v.Queue.Drops, v.Queue.Queued)
}

// say logs one line about a verdict, with the verdict's numbers beside it.
func (s *Steering) say(level slog.Level, v Verdict, format string, args ...any) {
	if !s.log.Enabled(context.Background(), level) {
		return
	}
	attrs := []any{
		slog.String("state", s.law.Name()), slog.Float64("rtt_ms", v.RTT.Value), slog.Float64("baseline_ms", s.law.Baseline.Value),
		slog.Float64("delta_ms", v.Delta.Value),
		slog.Int64("red_count", s.law.RedCount), slog.Int64("good_count", s.law.GoodCount), slog.Int64("bad_count", s.law.BadCount),
	}
	if s.cfg.CAKEAware {
		attrs = append(attrs, slog.Float64("delta_ewma_ms", s.law.Bloat), slog.Float64("queue_ewma", s.law.Depth),
			slog.Int64("drops", v.Queue.Drops), slog.Int64("queued_packets", v.Queue.Queued),
			slog.String("congestion", v.Assessment.String()), slog.String("congestion_before", v.Before.String()))
	}
	s.log.LogAttrs(context.Background(), level, fmt.Sprintf(format, args...), cycle.Values(attrs...))
}
