package main

import (
	"encoding/hex"
	"strings"
	"testing"
)

func TestParseAdvert(t *testing.T) {
	const (
		ipv4 = "45c00020000100 00ff70 0000 c000020b e0000012"
		ipv6 = "6c000000 0020 70ff fe80000000000000000000000000000b ff020000000000000000000000000012"
	)
	for _, c := range []struct{ name, packet, want string }{
		{
			"version 3, IPv4", ipv4 + "31 33 c8 01 000a 0000 c0000264",
			"version=3 vrid=51 priority=200 interval=100ms from=192.0.2.11",
		},
		{
			"version 2, and options before it", "46c00024000100 00ff70 0000 c000020b e0000012 01010101" + "21 33 00 01 00 01 0000 c0000264",
			"version=2 vrid=51 priority=0 interval=1s from=192.0.2.11",
		},
		{
			"version 3, IPv6", ipv6 + "31 33 64 01 0001 0000",
			"version=3 vrid=51 priority=100 interval=10ms from=fe80::b",
		},
		{"another type", ipv4 + "32 33 c8 01 000a 0000", ""},
		{"another version", ipv4 + "41 33 c8 01 000a 0000", ""},
		{"cut short", ipv4 + "31 33 c8 01", ""},
		{"a header that says more than there is", "4f" + ipv4[2:] + "31 33 c8 01 000a 0000", ""},
		{"nothing", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			packet, err := hex.DecodeString(strings.ReplaceAll(c.packet, " ", ""))
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if a, ok := parseAdvert(packet); ok {
				got = a.String()
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
