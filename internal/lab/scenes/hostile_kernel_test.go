//go:build kernel

package scenes

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"testing"
	"time"
)

// hostileVariable has the test binary be a hostile monitor instead: its value says
// in which way.
const hostileVariable = "MAINSTAY_TEST_HOSTILE"

// hostile are the ways of a monitor that means no good, or is badly ill.
var hostile = map[string]func(net.Conn){
	"hangs":  func(net.Conn) { select {} },
	"closes": func(c net.Conn) { c.Close() },
	"drips": func(c net.Conn) {
		for _, b := range []byte("MONITOR/1 up service=demo instance=a seq=1\n") {
			if _, err := c.Write([]byte{b}); err != nil {
				return
			}
			time.Sleep(time.Second) // the point of it
		}
	},
	"floods": func(c net.Conn) {
		for flood := bytes.Repeat([]byte("x"), 1<<16); ; {
			if _, err := c.Write(flood); err != nil {
				return
			}
		}
	},
	"lies about its service": func(c net.Conn) {
		fmt.Fprint(c, "MONITOR/1 up service=other instance=a seq=1\n")
	},
	"talks nonsense": func(c net.Conn) {
		fmt.Fprint(c, "\x1b[2J\x00\xff\n")
	},
}

// beHostile serves the monitor's port as badly as it is told.
func beHostile(way string) {
	l, err := net.Listen("tcp", ":9651")
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("listening")
	for {
		c, err := l.Accept()
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		go hostile[way](c)
	}
}

// A hostile server costs only its own check: it is down, for a reason that can be
// read, and the one beside it is as if there were none.
func TestHostileServersCostOnlyTheirOwnChecks(t *testing.T) {
	reasons := map[string]string{
		"hangs":                  "no answer within 200ms",
		"closes":                 "(closed|reset)",
		"drips":                  "no end of the answer within 200ms",
		"floods":                 "(too long|longer than|more than)",
		"lies about its service": "other",
		"talks nonsense":         "not a MONITOR line",
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for way := range hostile {
		t.Run(way, func(t *testing.T) {
			s := newScene(t, server1)
			bad := s.lab.Host("rs2").Join("back", "192.0.2.22/24").Route("default via 192.0.2.1")
			cmd := bad.Command(self)
			cmd.Env = append(os.Environ(), hostileVariable+"="+way)
			bad.StartCommand(cmd).WaitFor(0, "listening")
			s.config(demo([]string{server1, server2}, ""))
			s.start()
			s.wants(demoTable(server1))
			s.becomes(server2, "down", reasons[way])
			s.becomes(server1, "up", "demo ok")
		})
	}
}
