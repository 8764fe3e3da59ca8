package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"wanctl/configs"
	"wanctl/cycle"
	"wanctl/cycle/icmp"
	"wanctl/cycle/routeros"
)

func (s *setup) askQueues() (err error) {
	names := s.usableQueues()
	for ; len(names) < 2; names = s.usableQueues() {
		s.say("The router's queue tree has %s that can be used; one for each direction is needed. On the router, for instance:\n"+
			"  /queue type add name=cake-down-%[2]s kind=cake\n  /queue type add name=cake-up-%[2]s kind=cake\n"+
			"  /queue tree add name=WAN-Download-1 parent=bridge queue=cake-down-%[2]s max-limit=500M\n"+
			"  /queue tree add name=WAN-Upload-1 parent=ether1 queue=cake-up-%[2]s max-limit=50M", count(int64(len(names)), "queue"), s.wan)
		again, err := s.yes("Look again", true, "The queues are made, or renamed, on the router, by you: setup changes nothing there.")
		if err != nil || !again {
			return errors.Join(err, errEnded)
		}
		if err := s.listQueues(); err != nil {
			s.say("%v", err)
		}
	}
	guess := func(names []string, now, word string) string {
		if slices.Contains(names, now) {
			return now
		}
		if i := slices.IndexFunc(names, func(n string) bool { return strings.Contains(strings.ToLower(n), word) }); i >= 0 {
			return names[i]
		}
		return append(names, "")[0]
	}
	s.say("The router's queues:")
	if s.down, err = s.choose("Queue for download", names, guess(names, s.down, "down"), "The queue that shapes what comes from the internet; its max-limit is moved."); err != nil {
		return err
	}
	others := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == s.down })
	s.up, err = s.ask(inquiry{text: "Queue for upload", usual: guess(others, s.up, "up"), help: "The queue that shapes what goes to the internet: a name from the list above.", check: func(text string) error {
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

// listQueues asks the router for its queues once more.
func (s *setup) listQueues() error {
	ctx, cancel := s.limited()
	defer cancel()
	queues, err := s.client.ListQueues(ctx)
	if err == nil {
		s.queues = queues
	}
	return err
}

// usableQueues returns the names of the queues that a configuration can hold, and says
// which cannot be used.
func (s *setup) usableQueues() (names []string) {
	for _, q := range s.queues {
		if err := configs.Refused(cycle.Autorate, "queues.download", q.Name); err != nil {
			s.say("A queue of the router cannot be used: %v. Rename it there: /queue tree set", err)
			continue
		}
		names = append(names, q.Name)
	}
	return names
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

// askReflectors asks for hosts to ping, and pings them.
func (s *setup) askReflectors() error {
	answer, err := s.ask(inquiry{
		text: "Reflectors: hosts to ping, three are best", usual: strings.Join(s.reflectors, " "),
		help: "Hosts that answer pings quickly and always; the median of the first three tells how the line is.",
		check: func(text string) error {
			hosts := separate(text)
			for _, host := range hosts { // steering measures the first of them
				if err := configs.Refused(cycle.Steering, "measurement.ping_host", host); err != nil {
					return err
				}
			}
			if err := configs.Refused(cycle.Autorate, "continuous_monitoring.ping_hosts", hosts); err != nil {
				return err
			}
			return s.tryReflectors(hosts)
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

// askRates asks for the ceilings and floors, within what the settings allow.
func (s *setup) askRates() error {
	for _, q := range []struct {
		way, key, queue string
		rate, floor     *float64
		otherwise       float64
	}{
		{"Download", "download", s.down, &s.downRate, &s.downFloor, 500},
		{"Upload", "upload", s.up, &s.upRate, &s.upFloor, 50},
	} {
		least, most, err := configs.Bounds(cycle.Autorate, "continuous_monitoring."+q.key+".ceiling_mbps")
		if err != nil {
			return err
		}
		usual := s.limitOf(q.queue, q.otherwise)
		if usual > most {
			s.say("The queue's limit is %.4g Mbit/s; %g is the most that can be configured here.", usual, most)
		}
		if err := s.askRate(q.way+", Mbit/s that the healthy line carries", "A little below what the line was sold as. The limit never goes above it.",
			q.rate, usual, least, most); err != nil {
			return err
		}
		if err := s.askRate(q.way+", Mbit/s that are left at the worst", "The limit never goes below it, whatever the pings say.",
			q.floor, *q.rate/5, 0.1, *q.rate); err != nil {
			return err
		}
	}
	return nil
}

// limitOf returns a queue's limit in Mbit/s, if it has one that a line could have.
func (s *setup) limitOf(queue string, otherwise float64) float64 {
	if i := slices.IndexFunc(s.queues, func(q routeros.ListedQueue) bool { return q.Name == queue }); i >= 0 && s.queues[i].Limit >= 1e6 {
		return float64(s.queues[i].Limit) / 1e6
	}
	return otherwise
}

// askRate asks for a rate in Mbit/s; what was answered before is usual, where it may be.
func (s *setup) askRate(text, help string, into *float64, usual, least, most float64) error {
	if *into >= least && *into <= most {
		usual = *into
	} else if short, err := strconv.ParseFloat(strconv.FormatFloat(usual, 'g', 4, 64), 64); err == nil {
		usual = min(max(short, least), most)
	}
	answer, err := s.ask(inquiry{text: text, usual: strconv.FormatFloat(usual, 'f', -1, 64), help: help, check: func(text string) error {
		v, err := strconv.ParseFloat(text, 64)
		if err != nil || !(v >= least && v <= most) {
			return fmt.Errorf("a number from %g to %g is needed", least, most)
		}
		return nil
	}})
	if err == nil {
		*into, err = strconv.ParseFloat(answer, 64)
	}
	return err
}

// askSteering asks whether there is a second WAN, and for the rule that steers to it.
func (s *setup) askSteering() (err error) {
	s.steer, err = s.yes("Steer latency-sensitive traffic to a second WAN while this one is congested", s.steer,
		"It wants a mangle rule on the router, disabled, that marks such traffic for the other WAN; the steering daemon switches it.")
	if err != nil || !s.steer {
		return err
	}
	if s.alternate == "" || strings.EqualFold(s.alternate, s.wan) {
		s.alternate = map[bool]string{false: "wan2", true: "wan1"}[strings.EqualFold(s.wan, "wan2")]
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
	comments := s.usableComments(rules)
	if len(comments) == 0 {
		s.say("No mangle rule has a comment of its own that can be used, by which it could be found. Make it on the router, then come back.")
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

// usableComments returns the comments by which one rule is found, and says which cannot
// be used.
func (s *setup) usableComments(rules []routeros.ListedRule) (comments []string) {
	times := map[string]int{}
	for _, r := range rules {
		times[r.Comment]++
	}
	for _, r := range rules {
		if r.Comment == "" || times[r.Comment] > 1 {
			continue
		}
		if err := configs.Refused(cycle.Steering, "mangle_rule.comment", r.Comment); err != nil {
			s.say("A rule of the router cannot be used: %v. Give it another comment there: /ip firewall mangle set", err)
			continue
		}
		comments = append(comments, r.Comment)
	}
	return comments
}
