package main

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"wanctl/cycle"
	"wanctl/cycle/icmp"
	"wanctl/cycle/routeros"
)

func (s *setup) askQueues() (err error) {
	if len(s.queues) < 2 {
		s.say("The router's queue tree has %s; one for each direction is needed. On the router, for instance:\n"+
			"  /queue type add name=cake-down-%[2]s kind=cake\n  /queue type add name=cake-up-%[2]s kind=cake\n"+
			"  /queue tree add name=WAN-Download-1 parent=bridge queue=cake-down-%[2]s max-limit=500M\n"+
			"  /queue tree add name=WAN-Upload-1 parent=ether1 queue=cake-up-%[2]s max-limit=50M", count(int64(len(s.queues)), "queue"), s.wan)
		again, err := s.yes("Look again", true, "The queues are made on the router, by you: setup changes nothing there.")
		if err != nil || !again {
			return errors.Join(err, errEnded)
		}
		ctx, cancel := s.limited()
		defer cancel()
		if s.queues, err = s.client.ListQueues(ctx); err != nil {
			return err
		}
		return s.askQueues()
	}
	var names []string
	for _, q := range s.queues {
		names = append(names, q.Name)
	}
	guess := func(now, word string, otherwise int) string {
		if slices.Contains(names, now) {
			return now
		}
		if i := slices.IndexFunc(names, func(n string) bool { return strings.Contains(strings.ToLower(n), word) }); i >= 0 {
			return names[i]
		}
		return names[otherwise]
	}
	s.say("The router's queues:")
	if s.down, err = s.choose("Queue for download", names, guess(s.down, "down", 0), "The queue that shapes what comes from the internet; its max-limit is moved."); err != nil {
		return err
	}
	s.up, err = s.ask(inquiry{text: "Queue for upload", usual: guess(s.up, "up", 1), help: "The queue that shapes what goes to the internet: a name from the list above.", check: func(text string) error {
		if n, err := strconv.Atoi(text); err == nil && n >= 1 && n <= len(names) {
			text = names[n-1]
		}
		switch {
		case !slices.Contains(names, text):
			return errors.New("that is none of the router's queues")
		case text == s.down:
			return errors.New("that is the download queue; each direction wants its own")
		}
		return nil
	}})
	if err != nil {
		return err
	}
	if n, e := strconv.Atoi(s.up); e == nil && !slices.Contains(names, s.up) {
		s.up = names[n-1]
	}
	s.tellTypes()
	return nil
}

// tellTypes says which queue types are missing: with each limit its type is set.
func (s *setup) tellTypes() {
	ctx, cancel := s.limited()
	defer cancel()
	types, err := s.client.ListTypes(ctx)
	if err != nil {
		s.say("The queue types are not known: %v", err)
		return
	}
	for _, name := range []string{"cake-down-" + strings.ToLower(s.wan), "cake-up-" + strings.ToLower(s.wan)} {
		if !slices.ContainsFunc(types, func(t routeros.ListedType) bool { return t.Name == name }) {
			s.say("The router has no queue type %s, which is set with every limit. On the router: /queue type add name=%[1]s kind=cake", name)
		}
	}
}

var hostName = regexp.MustCompile(`^[A-Za-z0-9.:-]+$`)

// askReflectors asks for hosts to ping, and pings them.
func (s *setup) askReflectors() error {
	answer, err := s.ask(inquiry{
		text: "Reflectors: hosts to ping, three are best", usual: strings.Join(s.reflectors, " "),
		help: "Hosts that answer pings quickly and always; the median of the first three tells how the line is.",
		check: func(text string) error {
			for _, host := range separate(text) {
				if !hostName.MatchString(host) {
					return fmt.Errorf("%q is no host", host)
				}
			}
			return s.tryReflectors(separate(text))
		},
	})
	if err == nil {
		s.reflectors = separate(answer)
	}
	return err
}

func separate(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == ';' })
}

func (s *setup) tryReflectors(hosts []string) error {
	prober, err := icmp.New(nil)
	if err != nil {
		s.say("Pings cannot be tried now: %v", err)
		return nil
	}
	defer prober.Close()
	var rtts []float64
	for _, e := range prober.Probe(s.ctx, hosts, 2*time.Second) {
		if e.Err != nil {
			s.say("  %s does not answer: %v", e.Reflector, e.Err)
			continue
		}
		s.say("  %s answers in %.1f ms", e.Reflector, cycle.Millis(e.RTT))
		rtts = append(rtts, cycle.Millis(e.RTT))
	}
	if len(rtts) < len(hosts) {
		keep, err := s.yes("Keep them all the same", false, "One that never answers counts as lost in every cycle.")
		if err != nil || !keep {
			return errors.Join(err, errors.New("which ones instead?"))
		}
	}
	if len(rtts) > 0 {
		slices.Sort(rtts)
		s.baseline = min(max(1, float64(int(rtts[len(rtts)/2]*10))/10), 500)
	}
	return nil
}

func (s *setup) askRates() (err error) {
	limit := func(name string, otherwise float64) float64 {
		if i := slices.IndexFunc(s.queues, func(q routeros.ListedQueue) bool { return q.Name == name }); i >= 0 && s.queues[i].Limit >= 1e6 {
			return float64(s.queues[i].Limit) / 1e6
		}
		return otherwise
	}
	for _, q := range []struct {
		text        string
		into        *float64
		usual, most float64
		help        string
	}{
		{"Download, Mbit/s that the healthy line carries", &s.downRate, limit(s.down, 500), 10000, "A little below what the line was sold as. The limit never goes above it."},
		{"Download, Mbit/s that are left at the worst", &s.downFloor, 0, 0, "The limit never goes below it, whatever the pings say."},
		{"Upload, Mbit/s that the healthy line carries", &s.upRate, limit(s.up, 50), 1000, "As for download."},
		{"Upload, Mbit/s that are left at the worst", &s.upFloor, 0, 0, "As for download."},
	} {
		most, usual := q.most, q.usual
		switch q.into {
		case &s.downFloor:
			most, usual = s.downRate, s.downRate/5
		case &s.upFloor:
			most, usual = s.upRate, s.upRate/5
		}
		if *q.into > 0 && *q.into <= most {
			usual = *q.into
		}
		least := 0.1
		if q.most > 0 {
			least = 1
		}
		answer, err := s.ask(inquiry{text: q.text, usual: strconv.FormatFloat(usual, 'g', 4, 64), help: q.help, check: func(text string) error {
			v, err := strconv.ParseFloat(text, 64)
			if err != nil || !(v >= least && v <= most) {
				return fmt.Errorf("a number from %g to %g is needed", least, most)
			}
			return nil
		}})
		if err != nil {
			return err
		}
		*q.into, _ = strconv.ParseFloat(answer, 64) // checked
	}
	return nil
}

// askSteering asks whether there is a second WAN, and for the rule that steers to it.
func (s *setup) askSteering() (err error) {
	s.steer, err = s.yes("Steer latency-sensitive traffic to a second WAN while this one is congested", s.steer,
		"It wants a mangle rule on the router, disabled, that marks such traffic for the other WAN; the steering daemon switches it.")
	if err != nil || !s.steer {
		return err
	}
	if s.alternate == "" {
		s.alternate = "wan2"
	}
	s.alternate, err = s.ask(inquiry{text: "Name of the other WAN", usual: s.alternate, help: "For logs and reports.", check: func(text string) error {
		if strings.EqualFold(text, s.wan) {
			return errors.New("that is this WAN")
		}
		return isName(text)
	}})
	if err != nil {
		return err
	}
	ctx, cancel := s.limited()
	defer cancel()
	rules, err := s.client.ListRules(ctx)
	if err != nil {
		s.say("%v", err)
		return errBack
	}
	var comments []string
	times := map[string]int{}
	for _, r := range rules {
		if times[r.Comment]++; r.Comment != "" {
			comments = append(comments, r.Comment)
		}
	}
	comments = slices.DeleteFunc(comments, func(c string) bool { return times[c] > 1 })
	if len(comments) == 0 {
		s.say("No mangle rule has a comment of its own, by which it could be found. Make it on the router, then come back.")
		s.steer = false
		return errBack
	}
	usual := comments[0]
	for _, c := range comments {
		if c == s.rule || s.rule == "" && strings.Contains(strings.ToLower(c), "steer") {
			usual = c
		}
	}
	s.say("The router's mangle rules, by their comments:")
	s.rule, err = s.choose("Rule to switch", comments, usual, "It is found by its whole comment.")
	return err
}
