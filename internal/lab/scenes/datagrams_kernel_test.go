//go:build kernel

package scenes

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// datagramsVariable has the test binary speak UDP instead: "serve NAME" answers each
// datagram with its name, "ask ADDRESS" asks ten times from ten sockets.
const datagramsVariable = "MAINSTAY_TEST_DATAGRAMS"

func beDatagrams(order string) {
	word, argument, _ := strings.Cut(order, " ")
	run := map[string]func(string) error{"serve": serveDatagrams, "ask": askDatagrams}[word]
	if err := run(argument); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(0)
}

func serveDatagrams(name string) error {
	c, err := net.ListenPacket("udp", ":5353")
	if err != nil {
		return err
	}
	fmt.Println("listening")
	for b := make([]byte, 100); ; {
		_, from, err := c.ReadFrom(b)
		if err != nil {
			return err
		}
		if _, err := c.WriteTo([]byte(name), from); err != nil {
			return err
		}
	}
}

func askDatagrams(address string) error {
	for range 10 {
		c, err := net.Dial("udp", address)
		if err != nil {
			return err
		}
		if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
			return err
		}
		b := make([]byte, 100)
		if _, err := c.Write([]byte("who?")); err != nil {
			return err
		}
		n, err := c.Read(b)
		if err != nil {
			return err
		}
		fmt.Println(string(b[:n]))
		if err := c.Close(); err != nil {
			return err
		}
	}
	return nil
}

// Datagrams are balanced like connections, and a drain of UDP waits for the kernel to
// forget them, or for its timeout.
func TestDatagrams(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s := newScene(t)
	for n := 1; n <= 2; n++ {
		h := s.lab.Host(fmt.Sprintf("rs%d", n)).Join("back", fmt.Sprintf("192.0.2.2%d/24", n)).Route("default via 192.0.2.1")
		cmd := h.Command(self)
		cmd.Env = append(os.Environ(), datagramsVariable+"=serve "+h.Name)
		h.StartCommand(cmd).WaitFor(0, "listening")
	}
	s.config(`
virtual_services:
  - name: datagrams
    address: 198.51.100.100:53/udp
    scheduler: rr
    forward: nat
    drain_timeout: 2s
    real_servers: ["192.0.2.21:5353", "192.0.2.22:5353"]
`)
	s.start()
	const head = "-A -u 198.51.100.100:53 -s rr\n"
	const second = "-a -u 198.51.100.100:53 -r 192.0.2.22:5353 -m -w 1\n"
	s.wants(head + "-a -u 198.51.100.100:53 -r 192.0.2.21:5353 -m -w 1\n" + second)
	ask := s.client.Command(self)
	ask.Env = append(os.Environ(), datagramsVariable+"=ask 198.51.100.100:53")
	out, err := ask.CombinedOutput()
	if err != nil || strings.Count(string(out), "rs1") != 5 || strings.Count(string(out), "rs2") != 5 {
		t.Errorf("answered (error %v):\n%s", err, out)
	}
	s.mainstay("drain", "datagrams", "192.0.2.21:5353")
	s.wants(head + "-a -u 198.51.100.100:53 -r 192.0.2.21:5353 -m -w 0\n" + second)
	s.wants(head + second)
}
