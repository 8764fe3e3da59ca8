// Package simulator is a RouterOS on loopback: one router behind three doors.
//
//	        REST (net/http)   binary API   SSH (exec, shell)
//	               \              |             /
//	Fault ------->  call: menu, verb, arguments, query
//	                              |
//	   menus: /queue/tree  /queue/type  /ip/firewall/mangle  /system/resource ...
//	                              |
//	  traffic: offered load against max-limit gives bytes, packets, drops, queue
//
// What is set through one door shows through the others. Commands, error texts
// and text forms follow what is publicly documented of RouterOS v6 and v7; what
// a command means to the real router beyond that is not claimed. A command,
// parameter or property that the simulator does not know gets the router's own
// error and is listed by [Simulator.Unknown].
//
// The router's clock is a value ([Config.Now]); delays that faults put on the
// wire are real time.
package simulator
