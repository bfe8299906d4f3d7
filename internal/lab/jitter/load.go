package main

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"github.com/mainstay-lvs/mainstay/internal/lab"
	"github.com/mainstay-lvs/mainstay/internal/lab/pair"
)

const (
	servers = 1000
	every   = "200ms"
	checks  = 5 * servers // a second
	port    = 7000
	network = "198.18.0.0/16" // of the real servers, which are all one host
)

// sections are those of a file with the checks: a virtual service with all servers.
func sections() string {
	var b strings.Builder
	fmt.Fprintf(&b, `checks:
  alive: {tcp: {}, interval: %s, timeout: %s}
virtual_services:
  - name: load
    address: 203.0.113.1:%d/tcp
    forward: nat
    checks: [alive]
    real_servers:
`, every, every, port)
	for i := range servers {
		fmt.Fprintf(&b, "      - 198.18.%d.%d\n", i/250, i%250+1)
	}
	return b.String()
}

// serve has the pair's third host be every real server, and tells the director the way.
func serve(p *pair.Pair, director *pair.Director) *lab.Process {
	p.Third.Run("ip", "route", "add", "local", network, "dev", "lo")
	director.Host.Route(network + " via " + pair.ThirdAddress)
	server := p.Third.Start(pair.Bin(p.T(), "witness"), "accept", fmt.Sprintf("0.0.0.0:%d", port))
	server.WaitFor(0, `(?m)^ready$`)
	return server
}

// served is how many checks the server has answered so far.
func served(server *lab.Process) int {
	mark := server.Mark()
	server.Signal(syscall.SIGUSR1)
	n, _ := strconv.Atoi(server.WaitFor(mark, `accepted (\d+)\n`)[1])
	return n
}

// occupy keeps each processor busy, at ordinary priority.
func occupy(p *pair.Pair) {
	for range runtime.NumCPU() {
		p.Third.Start(pair.Bin(p.T(), "witness"), "spin")
	}
}
