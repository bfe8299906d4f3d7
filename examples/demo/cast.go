package main

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/lab"
)

// config is the first director's file.
//
//go:embed mainstay.yaml
var config string

const virtual = "198.51.100.100:7000"

// cast are the hosts of the story.
type cast struct {
	stage     *stage
	directors [2]*director
	leader    *director // who holds the addresses
	client    *lab.Host
	servers   [3]*lab.Host
	programs  [3]*lab.Process
}

// director is a host that runs mainstay.
type director struct {
	*lab.Host
	stage  *stage
	config string
	daemon *lab.Process
}

// build makes the hosts: the client on the front network, the servers on the back
// one, the directors on both.
func build(s *stage) *cast {
	l := lab.New(s)
	c := &cast{stage: s, client: l.Host("client").Join("front", "198.51.100.10/24")}
	for i, name := range []string{"lb-a", "lb-b"} {
		c.directors[i] = &director{
			stage: s,
			Host: l.Host(name).Join("front", fmt.Sprintf("198.51.100.%d/24", 11+i)).Join("back", fmt.Sprintf("192.0.2.%d/24", 11+i)).
				Sysctl("net.ipv4.ip_forward", "1").Sysctl("net.ipv4.vs.expire_nodest_conn", "1"),
			config: strings.NewReplacer("lb-a", name, "priority: 150", fmt.Sprintf("priority: %d", 150-50*i)).Replace(config),
		}
	}
	for i := range c.servers {
		c.servers[i] = l.Host(fmt.Sprintf("rs%d", i+1)).
			Join("back", fmt.Sprintf("192.0.2.2%d/24", i+1)).Route("default via 192.0.2.1")
	}
	c.leader = c.directors[0]
	return c
}

// serve starts a real server's program.
func (c *cast) serve(i int) {
	p := c.servers[i].Start(bin("realserver"), "-name", c.servers[i].Name, "-service", "demo", "-stuck-after", "1s")
	p.WaitFor(0, "listening address=")
	c.programs[i] = p
}

// start starts a director's daemon.
func (d *director) start() {
	// The test kernel's /run is its own; the rest of its files are this machine's.
	dir := "/run/mainstay/" + d.Name
	file := filepath.Join(dir, "mainstay.yaml")
	if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(file, []byte(d.config), 0o600)); err != nil {
		d.stage.Fatalf("%v", err)
	}
	d.daemon = d.Start(bin("mainstay"), "run", "--config", file)
	d.stage.daemons = append(d.stage.daemons, d.daemon)
	d.daemon.WaitFor(0, "ready")
}

// die pulls the director's cables, as a power cut would.
func (d *director) die() {
	d.Cable("front", false)
	d.Cable("back", false)
}

// mainstay runs one of Mainstay's commands on the director.
func (d *director) mainstay(args ...string) string {
	return d.Run(bin("mainstay"), append(args, "--socket", "/run/mainstay/"+d.Name+"/control.sock")...)
}

// explain is the director's own word on a server or a router, its first lines.
func (d *director) explain(args ...string) string {
	return strings.SplitN(d.mainstay(append([]string{"explain"}, args...)...), "\n\n", 2)[0]
}

// table is the kernel's table as ipvsadm saves it.
func (d *director) table() string { return d.Run("ipvsadm", "-Sn") }

// holds reports whether the director has both virtual addresses.
func (d *director) holds() (bool, string) {
	found := d.Run("ip", "-4", "-brief", "address")
	return strings.Contains(found, "198.51.100.100/32") && strings.Contains(found, "192.0.2.1/32"), found
}

func gone(address string) func(table string) bool {
	return func(table string) bool { return !strings.Contains(table, address) }
}

// await waits until something is so on a director that then leads.
func (c *cast) await(d *director, what string, so func() (bool, string)) {
	lab.Eventually(c.stage, what, so)
	c.leader = d
	fmt.Printf("  %s\n", what)
}

// awaitTable waits for the leader's table to be so, and says how long that took.
func (c *cast) awaitTable(what string, so func(table string) bool) {
	c.awaitSince(time.Now(), what, so)
}

func (c *cast) awaitSince(start time.Time, what string, so func(table string) bool) {
	lab.Eventually(c.stage, what, func() (bool, string) {
		table := c.leader.table()
		return so(table), table
	})
	fmt.Printf("  %s after %d ms\n", what, time.Since(start).Milliseconds())
}

// pinging asks the virtual address each 20 ms whether it is there while act goes on, and
// says for how long it was not. More often would keep the test kernel's one processor busy.
func (c *cast) pinging(act func()) {
	// The second address is on one of the real servers: what it suffers is this kernel's.
	p := c.client.Start(bin("witness"), "ping", "198.51.100.100", "198.51.100.10", "20ms")
	answered := func() {
		mark := p.Mark()
		p.Send("more 5")
		p.WaitFor(mark, "(?m)^answered$")
	}
	answered()
	act()
	answered()
	mark := p.Mark()
	p.Send("stop")
	var result struct {
		Outage int64 `json:"outage_us"`
		Lost   int
	}
	if err := json.Unmarshal([]byte(p.WaitFor(mark, `(?m)^\{.*\}$`)[0]), &result); err != nil {
		c.stage.Fatalf("%v", err)
	}
	fmt.Printf("  the client was without an answer for %.0f ms\n", float64(result.Outage)/1000)
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

func (c *cast) show(title string) {
	say(title)
	fmt.Println(indent(c.leader.Run("ipvsadm", "-Ln")))
}

func say(sentence string) { fmt.Printf("\n%s\n", sentence) }

func indent(text string) string {
	return "    " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n    ")
}
