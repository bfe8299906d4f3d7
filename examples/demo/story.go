package main

import (
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/lab"
)

// config is the director's file.
//
//go:embed mainstay.yaml
var config string

const virtual = "198.51.100.100:7000"

// cast are the hosts of the story.
type cast struct {
	stage            *stage
	director, client *lab.Host
	servers          [3]*lab.Host
	programs         [3]*lab.Process
}

// story is the demo, in its order.
func story(s *stage) {
	say("Four networks' worth of hosts on one real kernel: a director, a client in front of it, three real servers behind it.")
	c := build(s)
	for i := range c.servers {
		c.serve(i)
	}
	say("The director's whole configuration:")
	fmt.Println(indent(config))
	daemon := c.startDirector()
	c.await("all three real servers are in the table", func(table string) bool { return strings.Count(table, "-a ") == 3 })
	c.show("The kernel's table, written by mainstay (ipvsadm -Ln):")
	c.request(30)

	say("kill -9 of rs2's program:")
	c.programs[1].Kill()
	c.await("rs2 is gone from the table", gone("192.0.2.22"))
	c.request(100)

	say("rs3's workers get stuck, though its port still answers:")
	c.programs[2].Signal(syscall.SIGUSR1)
	stuck := time.Now()
	fmt.Println(indent(c.director.Run(bin("realserver"), "-call", "192.0.2.23:7000", "stats")))
	c.awaitSince(stuck, "rs3 is gone from the table", gone("192.0.2.23"))
	fmt.Println(indent(c.explain("192.0.2.23:7000")))
	c.request(100)

	say("rs2 is started again, and rs3's workers go on:")
	c.serve(1)
	c.programs[2].Signal(syscall.SIGUSR2)
	c.await("both are back", func(table string) bool { return strings.Count(table, "-a ") == 3 })
	c.request(30)
	c.show("The table at the end (ipvsadm -Ln):")
	daemon.Stop()
}

// build makes the hosts: the client on the front network, the servers on the back
// one, the director on both.
func build(s *stage) *cast {
	l := lab.New(s)
	c := &cast{
		stage: s,
		director: l.Host("director").Join("front", "198.51.100.1/24").Join("back", "192.0.2.1/24").
			Address("198.51.100.100/32", "front").
			Sysctl("net.ipv4.ip_forward", "1").Sysctl("net.ipv4.vs.expire_nodest_conn", "1"),
		client: l.Host("client").Join("front", "198.51.100.10/24"),
	}
	for i := range c.servers {
		c.servers[i] = l.Host(fmt.Sprintf("rs%d", i+1)).
			Join("back", fmt.Sprintf("192.0.2.2%d/24", i+1)).Route("default via 192.0.2.1")
	}
	return c
}

// serve starts a real server's program.
func (c *cast) serve(i int) {
	p := c.servers[i].Start(bin("realserver"), "-name", c.servers[i].Name, "-service", "demo", "-stuck-after", "1s")
	p.WaitFor(0, "listening address=")
	c.programs[i] = p
}

func (c *cast) startDirector() *lab.Process {
	// The test kernel's /run is its own; the rest of its files are this machine's.
	const dir = "/run/mainstay"
	file := filepath.Join(dir, "mainstay.yaml")
	if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(file, []byte(config), 0o600)); err != nil {
		c.stage.Fatalf("%v", err)
	}
	daemon := c.director.Start(bin("mainstay"), "run", "--config", file)
	daemon.WaitFor(0, "ready")
	return daemon
}

// table is the kernel's table as ipvsadm saves it.
func (c *cast) table() string { return c.director.Run("ipvsadm", "-Sn") }

func gone(address string) func(table string) bool {
	return func(table string) bool { return !strings.Contains(table, address) }
}

// await waits for the table to be so, and says how long that took.
func (c *cast) await(what string, so func(table string) bool) {
	c.awaitSince(time.Now(), what, so)
}

func (c *cast) awaitSince(start time.Time, what string, so func(table string) bool) {
	lab.Eventually(c.stage, what, func() (bool, string) {
		table := c.table()
		return so(table), table
	})
	fmt.Printf("  %s after %d ms\n", what, time.Since(start).Milliseconds())
}

// request sends requests through the virtual service, each on a connection of its own,
// and says who answered. One that is not answered ends the demo.
func (c *cast) request(n int) {
	out := c.client.Run(bin("realserver"), "-call", virtual, "-count", fmt.Sprint(n), "-every", "1ms", "whoami")
	counts := make(map[string]int)
	for name := range strings.Lines(out) {
		counts[strings.TrimSpace(name)]++
	}
	var spread []string
	for _, server := range c.servers {
		if counts[server.Name] > 0 {
			spread = append(spread, fmt.Sprintf("%s %d", server.Name, counts[server.Name]))
		}
	}
	fmt.Printf("  %d requests from the client, all answered: %s\n", n, strings.Join(spread, ", "))
}

// explain is the director's own word on a server.
func (c *cast) explain(server string) string {
	out := c.director.Run(bin("mainstay"), "explain", "demo", server)
	return strings.SplitN(out, "\n\n", 2)[0]
}

func (c *cast) show(title string) {
	say(title)
	fmt.Println(indent(c.director.Run("ipvsadm", "-Ln")))
}

func say(sentence string) { fmt.Printf("\n%s\n", sentence) }

func indent(text string) string {
	return "    " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n    ")
}
