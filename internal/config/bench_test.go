package config

import (
	"fmt"
	"strings"
	"testing"
)

// large is a file of 2,277 virtual services with 16 real servers each, 36,432 in
// all: the largest table known of.
func large(full bool) []byte {
	var b strings.Builder
	b.WriteString("checks:\n  web: {http: {path: /health}, interval: 5s}\nvirtual_services:\n")
	for i := range 2277 {
		fmt.Fprintf(&b, "  - name: service-%d\n    address: 198.18.%d.%d:80/tcp\n    forward: nat\n    checks: [web]\n    real_servers:\n",
			i, i/250, i%250+1)
		for j := range 16 {
			if full {
				fmt.Fprintf(&b, "      - address: 10.%d.%d.%d:8080\n        weight: 100\n        max_connections: 1000\n", i/250, i%250, j+1)
			} else {
				fmt.Fprintf(&b, "      - 10.%d.%d.%d:8080\n", i/250, i%250, j+1)
			}
		}
	}
	return []byte(b.String())
}

func TestLargeFile(t *testing.T) {
	c, problems := Parse("m.yaml", large(true), newHost())
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	servers := 0
	for _, s := range c.Services {
		servers += len(s.Servers)
	}
	if servers != 36_432 {
		t.Errorf("%d servers, want 36432", servers)
	}
}

func BenchmarkParse(b *testing.B) {
	host := newHost()
	for _, bc := range []struct {
		name string
		text []byte
	}{{"addresses", large(false)}, {"mappings", large(true)}} {
		b.Run(bc.name, func(b *testing.B) {
			b.SetBytes(int64(len(bc.text)))
			b.ReportAllocs()
			for b.Loop() {
				if _, problems := Parse("m.yaml", bc.text, host); problems.Err() != nil {
					b.Fatal(problems.Err())
				}
			}
		})
	}
}
