package doctor

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"wanctl/cycle"
	"wanctl/cycle/routeros"
)

// patience is how long one operation on the router is waited for.
const patience = 4 * time.Second

// examineRouter looks at every transport, and over the first that works at what the
// daemon wants of the router.
func (s *subject) examineRouter(ctx context.Context) (checks []Check) {
	if s.unknown != "" { // a login that must fail would only stand in the router's log
		return []Check{{Warn, s.name, "router", "not asked: " + s.unknown + " is not known", "put that right first"}}
	}
	transports := s.router.Transports()
	doors := make([]*door, len(transports))
	var all sync.WaitGroup
	for i, name := range transports {
		cfg := s.router.Only(name)
		cfg.Timeout = min(cfg.Timeout, patience)
		doors[i] = &door{about: s.name, cfg: cfg, fallback: i > 0}
		all.Go(func() { doors[i].knock(ctx) })
	}
	all.Wait()
	var client *routeros.Client
	for _, d := range doors {
		checks = append(checks, d.checks...)
		if d.client == nil {
			continue
		}
		defer d.client.Close()
		if client == nil {
			client = d.client
		}
	}
	if client == nil {
		return checks
	}
	checks = append(checks, s.rights(ctx, client)...)
	checks = append(checks, s.queuesFound(ctx, client)...)
	if s.daemon == cycle.Autorate {
		checks = append(checks, s.typesFound(ctx, client)...)
	}
	if s.rule != "" {
		checks = append(checks, s.ruleFound(ctx, client))
	}
	return checks
}

// door is one transport.
type door struct {
	about    string
	cfg      routeros.Config
	fallback bool
	client   *routeros.Client // nil where nobody could log in
	checks   []Check
}

func (d *door) say(status Status, what, found, todo string) {
	if d.fallback && status == Fail {
		status = Warn // the preferred one may do
	}
	d.checks = append(d.checks, Check{status, d.about, d.cfg.Transport + " " + what, found, todo})
}

// knock connects, looks at who answers, and logs in once.
func (d *door) knock(ctx context.Context) {
	address := d.cfg.Address()
	begun := time.Now()
	within, cancel := context.WithTimeout(ctx, patience)
	conn, err := new(net.Dialer).DialContext(within, "tcp", address)
	cancel()
	if err != nil {
		d.say(Fail, "reach", fmt.Sprintf("nothing answers at %s: %v", address, err),
			fmt.Sprintf("is router.host right, is the service on (%s), does the firewall let this host in?", service(&d.cfg)))
		return
	}
	took := time.Since(begun)
	_ = conn.Close()
	client, err := routeros.New(d.cfg, nil)
	if err != nil {
		d.say(Fail, "login", err.Error(), "put the file there, or take the key out")
		return
	}
	begun = time.Now()
	res, err := client.Resource(ctx)
	if err != nil {
		d.refused(ctx, err)
		_ = client.Close()
		return
	}
	login := time.Since(begun)
	d.client = client
	d.say(OK, "reach", fmt.Sprintf("%s, connected in %s", address, ms(took)), "")
	d.trust(ctx)
	d.say(OK, "login", fmt.Sprintf("as %s in %s: %s %s, up %v", d.cfg.User, ms(login), res.Board, res.Version, res.Uptime), "")
}

// refused tells why nobody could log in.
func (d *door) refused(ctx context.Context, err error) {
	switch routeros.FaultOf(err) {
	case routeros.Impostor:
		shown, todo := d.shown(ctx)
		found := err.Error()
		if shown != "" && !strings.Contains(found, shown) {
			found += "; it shows " + shown
		}
		d.say(Fail, "trust", found, todo)
	case routeros.LoginRefused:
		d.say(Fail, "login", err.Error(), fmt.Sprintf("check user %s and its password; the user's group needs the policies %s",
			d.cfg.User, strings.Join(routeros.Policies(d.cfg.Transport), ",")))
	default:
		d.say(Fail, "login", err.Error(), fmt.Sprintf("does %s serve %s there? (%s)", d.cfg.Address(), d.cfg.Transport, service(&d.cfg)))
	}
}

// shown tells what the peer shows of itself, "" if nothing, and how to trust it.
func (d *door) shown(ctx context.Context) (fingerprint, todo string) {
	if d.cfg.Transport == routeros.SSH {
		key, err := d.cfg.HostKey(ctx)
		if err != nil {
			return "", "add the router's host key to router.known_hosts, with ssh-keyscan"
		}
		file := d.cfg.KnownHosts
		if file == "" {
			file = "~/.ssh/known_hosts"
		}
		return key.Fingerprint, fmt.Sprintf("if that is your router's, put this line into %s: %s", file, key.KnownHosts)
	}
	cert, err := d.cfg.Certificate(ctx)
	if err != nil {
		return "", "see that router.tls_fingerprint, ca_file and verify_ssl fit the router's certificate"
	}
	return cert.Fingerprint, fmt.Sprintf("if that is your router's new certificate: router.tls_fingerprint: %q", cert.Fingerprint)
}

// trust tells how the router proves who it is.
func (d *door) trust(ctx context.Context) {
	switch c := &d.cfg; {
	case c.Transport == routeros.SSH:
		d.say(OK, "trust", "the host key is the known one", "")
	case !c.Secure():
		if ip := net.ParseIP(c.Host); c.Host == "localhost" || ip != nil && ip.IsLoopback() {
			d.say(OK, "trust", "in clear, on loopback", "")
			return
		}
		d.say(Warn, "trust", "the password goes over the network in clear", "router.tls: true, with the router's www-ssl or api-ssl and a certificate")
	case c.Fingerprint != "":
		d.say(OK, "trust", "the certificate is the pinned one", "")
	case c.VerifyTLS || c.CAFile != "":
		d.say(OK, "trust", "the certificate is signed by a trusted authority", "")
	default:
		todo := "pin it with router.tls_fingerprint"
		if cert, err := c.Certificate(ctx); err == nil {
			todo = fmt.Sprintf("if this is your router's, pin it: router.tls_fingerprint: %q", cert.Fingerprint)
		}
		d.say(Warn, "trust", "the certificate is not verified: anyone on the way can read the password", todo)
	}
}

// service names the router's service for a transport, as its console shows it.
func service(c *routeros.Config) string {
	name := map[string]string{"api false": "api", "api true": "api-ssl", "rest false": "www", "rest true": "www-ssl"}[fmt.Sprint(c.Transport, " ", c.Secure())]
	if name == "" {
		name = "ssh"
	}
	return "/ip service print: " + name
}

func ms(d time.Duration) string {
	if d < time.Millisecond {
		return fmt.Sprintf("%.2f ms", cycle.Millis(d))
	}
	return fmt.Sprintf("%.1f ms", cycle.Millis(d))
}

// rights tells whether the user may do what is to be done, as far as the router tells.
func (s *subject) rights(ctx context.Context, client *routeros.Client) []Check {
	const what = "router rights"
	need := routeros.Policies(client.Status().Transport)
	rights, err := client.Rights(ctx, s.router.User)
	switch {
	case err != nil:
		return []Check{{
			Warn, s.name, what, err.Error(),
			"nothing was written to find out; on the router: /user print, /user group print: the policies " + strings.Join(need, ",") + " are needed",
		}}
	case len(rights.Missing(need...)) > 0:
		return []Check{{
			Fail, s.name, what, fmt.Sprintf("group %s lacks %s", rights.Group, strings.Join(rights.Missing(need...), ", ")),
			fmt.Sprintf("on the router: /user group set %s policy=%s", rights.Group, strings.Join(need, ",")),
		}}
	case len(rights.Missing("policy", "reboot")) < 2:
		return []Check{{
			Warn, s.name, what, fmt.Sprintf("group %s may read and write, and much more than is needed", rights.Group),
			fmt.Sprintf("on the router: /user group add name=wanctl policy=%s; /user set %s group=wanctl", strings.Join(need, ","), s.router.User),
		}}
	}
	return []Check{{OK, s.name, what, fmt.Sprintf("group %s may read and write", rights.Group), ""}}
}

// mostListed bounds how many names of what is there are shown.
const mostListed = 12

// listed joins names that the router told, the first mostListed of them.
func (s *subject) listed(names []string) string {
	var hide concealer
	hide.add(s.router.Password)
	for i, name := range names {
		names[i] = hide.name(name)
	}
	switch n := len(names); {
	case n == 0:
		return "there is none"
	case n > mostListed:
		return "there are: " + strings.Join(names[:mostListed], ", ") + fmt.Sprintf(" and %d more", n-mostListed)
	}
	return "there are: " + strings.Join(names, ", ")
}

// unlisted tells why the router does not list what it has.
func (s *subject) unlisted(what string, err error) Check {
	todo := "the router let this host in and then did not answer: is it very busy?"
	if routeros.FaultOf(err) == routeros.Answered {
		todo = "the user's group needs the policy read"
	}
	return Check{Fail, s.name, what, err.Error(), todo}
}

func (s *subject) queuesFound(ctx context.Context, client *routeros.Client) (checks []Check) {
	queues, err := client.ListQueues(ctx)
	if err != nil {
		return []Check{s.unlisted("queues", err)}
	}
	var names []string
	for _, q := range queues {
		names = append(names, q.Name)
	}
	for _, name := range s.queues {
		what := "queue " + name
		i := slices.Index(names, name)
		switch {
		case i < 0:
			checks = append(checks, Check{Fail, s.name, what, "not in the router's queue tree; " + s.listed(slices.Clone(names)), "name one of these in the configuration, or add it: /queue tree add name=" + name})
		case queues[i].Disabled:
			checks = append(checks, Check{Warn, s.name, what, "is disabled: its limit does nothing", "on the router: /queue tree enable " + name})
		default:
			checks = append(checks, Check{OK, s.name, what, fmt.Sprintf("limit %s, type %s", rate(queues[i].Limit), queues[i].Type), ""})
		}
	}
	return checks
}

func rate(bps int64) string {
	if bps == 0 {
		return "none"
	}
	return fmt.Sprintf("%.4g Mbit/s", float64(bps)/1e6)
}

// typesFound looks for the queue types that every write of a limit names.
func (s *subject) typesFound(ctx context.Context, client *routeros.Client) (checks []Check) {
	types, err := client.ListTypes(ctx)
	if err != nil {
		return []Check{s.unlisted("queue types", err)}
	}
	for _, name := range s.types {
		what := "queue type " + name
		i := slices.IndexFunc(types, func(t routeros.ListedType) bool { return t.Name == name })
		switch {
		case i < 0:
			checks = append(checks, Check{Fail, s.name, what, "not on the router: it would refuse every limit", "on the router: /queue type add name=" + name + " kind=cake"})
		case types[i].Kind != "cake":
			checks = append(checks, Check{Warn, s.name, what, "is of kind " + types[i].Kind + ", not cake", "on the router (7.1 and later): /queue type set " + name + " kind=cake"})
		default:
			checks = append(checks, Check{OK, s.name, what, "kind cake", ""})
		}
	}
	return checks
}

func (s *subject) ruleFound(ctx context.Context, client *routeros.Client) Check {
	what := "rule"
	rules, err := client.ListRules(ctx)
	if err != nil {
		return s.unlisted(what, err)
	}
	var comments []string
	var found []routeros.ListedRule
	for _, r := range rules {
		if r.Comment != "" {
			comments = append(comments, fmt.Sprintf("%q", r.Comment))
		}
		if r.Comment == s.rule {
			found = append(found, r)
		}
	}
	switch len(found) {
	case 0:
		return Check{
			Fail, s.name, what, fmt.Sprintf("no mangle rule has the comment %q; %s", s.rule, s.listed(comments)),
			"put the comment of the right one into mangle_rule.comment, or add the rule, disabled",
		}
	case 1:
		state := "on"
		if found[0].Disabled {
			state = "off"
		}
		return Check{OK, s.name, what, fmt.Sprintf("%q, %s, %s: %s", s.rule, found[0].Chain, found[0].Action, state), ""}
	}
	return Check{Fail, s.name, what, fmt.Sprintf("%d mangle rules have the comment %q", len(found), s.rule), "give all but one another comment"}
}
