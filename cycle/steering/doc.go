// Package steering decides when traffic leaves a congested WAN for another one:
// it switches one mangle rule of the router on and off.
//
//	               RED, as many cycles in a row as asked
//	        +--------------------------------------------+
//	        |                                            v
//	GOOD: rule off                               DEGRADED: rule on
//	        ^                                            |
//	        +--------------------------------------------+
//	              GREEN, as many cycles in a row as asked
//
// Each cycle the daemon reads the baseline RTT from the primary WAN's autorate
// state, measures the RTT, the queue and the rule side by side, and lets the law
// decide. The law ([Law]) is pure and equals the Python program's to the last
// bit; [Steering] is the loop's daemon around it, [Replay] runs recordings
// through it.
package steering
