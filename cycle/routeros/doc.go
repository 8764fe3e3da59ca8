// Package routeros reads and sets what a control loop needs of a MikroTik
// router: the counters and limits of its queues, and one firewall mangle rule.
//
//	Client           counters, limits, the rule, sparing the flash
//	  |              which transport is in use, falling back and coming back
//	link             one transport: connecting, backing off, dropping what broke
//	  |
//	session          one login: a query or a change as the transport puts it
//	api | rest | ssh
//
// A session that broke or timed out is closed and never used again. Every
// operation ends by its context's deadline or Config.Timeout, whichever is
// first.
package routeros
