package main

import (
	"fmt"
	"strings"
	"syscall"
	"time"
)

// story is the demo, in its order.
func story(s *stage) {
	say("Hosts on one real kernel: two directors, a client in front of them, three real servers behind them.")
	c := build(s)
	for i := range c.servers {
		c.serve(i)
	}
	say("The whole configuration of lb-a; lb-b's differs in its name and its priority, 100:")
	fmt.Println(indent(config))
	a, b := c.directors[0], c.directors[1]
	a.start()
	c.await(a, "lb-a holds the addresses", a.holds)
	b.start()
	c.awaitTable("all three real servers are in the table", func(table string) bool { return strings.Count(table, "-a ") == 3 })
	c.show("The kernel's table, written by mainstay (ipvsadm -Ln):")
	c.request(30)

	servers(c)
	mastership(c)

	c.show("The table of lb-b at the end (ipvsadm -Ln):")
	b.daemon.Stop()
}

// servers is the act in which real servers fail and come back.
func servers(c *cast) {
	say("kill -9 of rs2's program:")
	c.programs[1].Kill()
	c.awaitTable("rs2 is gone from the table", gone("192.0.2.22"))
	c.request(100)

	say("rs3's workers get stuck, though its port still answers:")
	c.programs[2].Signal(syscall.SIGUSR1)
	stuck := time.Now()
	fmt.Println(indent(c.leader.Run(bin("realserver"), "-call", "192.0.2.23:7000", "stats")))
	c.awaitSince(stuck, "rs3 is gone from the table", gone("192.0.2.23"))
	fmt.Println(indent(c.leader.explain("demo", "192.0.2.23:7000")))
	c.request(100)

	say("rs2 is started again, and rs3's workers go on:")
	c.serve(1)
	c.programs[2].Signal(syscall.SIGUSR2)
	c.awaitTable("both are back", func(table string) bool { return strings.Count(table, "-a ") == 3 })
	c.request(30)
}

// mastership is the act in which directors hand over and die. Meanwhile the client asks
// the virtual address again and again whether it is there.
func mastership(c *cast) {
	a, b := c.directors[0], c.directors[1]
	say("An operator has lb-a hand over (mainstay failover outside):")
	c.pinging(func() {
		fmt.Println(indent(a.mainstay("failover", "outside")))
		c.await(b, "lb-b holds the addresses", b.holds)
	})
	c.request(30)

	say("lb-a may lead again (mainstay failover outside --cancel), and its priority is higher:")
	c.pinging(func() {
		fmt.Println(indent(a.mainstay("failover", "outside", "--cancel")))
		c.await(a, "lb-a holds the addresses", a.holds)
	})
	c.request(30)

	say("lb-a dies: its power fails, and nobody says a word.")
	c.pinging(func() {
		a.die()
		c.await(b, "lb-b holds the addresses", b.holds)
	})
	fmt.Println(indent(b.explain("outside")))
	c.request(100)
}
