// Package mastership is the process that holds the virtual addresses, and the daemon's
// side of it.
//
// VRRP has to be on time: with advertisements each 10 ms a backup takes over after
// some 36 ms. A goroutine beside thousands of checks is not on time, so mastership has a
// process of its own, with real-time priority where the system grants it. It is one
// thread in one loop ([loop]): it waits for its sockets, the kernel's news of links, the
// daemon's orders and the next timer, and does one thing after the other.
//
// The daemon starts it by way of a [Supervisor]. Both speak over a socket pair, a line of JSON a
// message: [Order] one way, [Report] the other. The process keeps no file but its lock,
// executes nothing and ignores TERM, INT, HUP and ABRT: it ends when it is told to, or when the
// daemon is gone and its routers are handed over.
package mastership
