package daemon

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mainstay-lvs/mainstay/checker"
	"github.com/mainstay-lvs/mainstay/internal/config"
	"github.com/mainstay-lvs/mainstay/ipvs"
)

// BenchmarkEvent is what a result costs the loop at 2,277 services with 16 servers
// each: one that changes nothing, and one that takes a server out or brings it back.
func BenchmarkEvent(b *testing.B) {
	var text strings.Builder
	text.WriteString("director: {name: lb-a}\nvirtual_services:\n")
	for i := range 2277 {
		fmt.Fprintf(&text, "  - {name: s%d, address: '198.18.%d.%d:80/tcp', forward: nat, checks: [tcp], real_servers: [", i, i>>8, i&255)
		for n := range 16 {
			fmt.Fprintf(&text, "'198.19.%d.%d:%d', ", i&255, n+1, 1000+i>>8)
		}
		text.WriteString("]}\n")
	}
	file, problems := config.Parse("large.yaml", []byte(text.String()), config.ThisHost{})
	if file == nil {
		b.Fatal(problems.Err())
	}
	c := newCore(start, file.Services, ipvs.Table{}, nil, make(overrides), newHistory())
	var keys []checker.Key
	for key := range c.checks {
		keys = append(keys, key)
		c.event(start, checker.Event{Key: key, Verdict: checker.Up, Percent: 100, Changed: true})
	}
	c.decide(start)
	b.Run("no change", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			c.event(start, checker.Event{Key: keys[i%len(keys)], Verdict: checker.Up, Percent: 100})
			c.decide(start)
		}
	})
	b.Run("a change", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			verdict := checker.Down
			if i/len(keys)%2 == 1 {
				verdict = checker.Up
			}
			c.event(start, checker.Event{Key: keys[i%len(keys)], Verdict: verdict, Percent: 100, Changed: true})
			c.decide(start)
		}
	})
}
