// Command witness sees, from outside the programs that are tested, what becomes of the
// hosts of a lab. It runs in a namespace and does one thing there:
//
//	witness addresses                 every address that comes to the host or leaves it
//	witness adverts                   every VRRP advertisement that enters at any interface
//	witness ping ADDRESS CONTROL [PERIOD]
//	                                  asks both addresses whether they are there, each millisecond or PERIOD
//	witness accept ADDRESS:PORT       takes every TCP connection, and closes it; counts them
//	witness spin                      keeps one processor busy
//	witness flood INTERFACE VRID      sends what looks like VRRP and is not, until its input ends
//
// The first two print a line for each thing they see, after a line "ready", which says
// that nothing from then on is missed:
//
//	1767225600000000000 add 192.0.2.100/32
//	1767225600000000000 delete 192.0.2.100/32
//	1767225600000000000 advert lb-a-lan version=3 vrid=51 priority=150 interval=100ms from=192.0.2.11
//
// The number is the time in Unix nanoseconds: for an advertisement the kernel's at its
// arrival, for an address that of reading the kernel's message, which is a little later
// than the change.
//
// ping takes orders on its standard input: "more N" prints "answered" when N more
// answers have come from ADDRESS, and "stop" prints the result, as JSON, and ends.
package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "witness:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 1 && args[0] == "addresses":
		return watchAddresses(os.Stdout)
	case len(args) == 1 && args[0] == "adverts":
		return watchAdverts(os.Stdout)
	case (len(args) == 3 || len(args) == 4) && args[0] == "ping":
		if len(args) == 4 {
			var err error
			if period, err = time.ParseDuration(args[3]); err != nil || period < time.Millisecond {
				return fmt.Errorf("ping: %q is not a period (want 1ms or more)", args[3])
			}
		}
		return pingBoth(args[1], args[2], os.Stdin, os.Stdout)
	case len(args) == 2 && args[0] == "accept":
		return acceptAll(args[1], os.Stdout)
	case len(args) == 1 && args[0] == "spin":
		spin()
	case len(args) == 3 && args[0] == "flood":
		vrid, err := strconv.ParseUint(args[2], 10, 8)
		if err != nil {
			return fmt.Errorf("flood: %w", err)
		}
		return flood(args[1], byte(vrid), os.Stdin, os.Stdout)
	}
	return errors.New("usage: witness addresses | adverts | ping ADDRESS CONTROL [PERIOD] | accept ADDRESS:PORT | spin | flood INTERFACE VRID")
}
