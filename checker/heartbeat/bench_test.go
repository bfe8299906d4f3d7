package heartbeat

import (
	"fmt"
	"testing"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/wire"
)

// BenchmarkReceive is what one datagram costs. Its cases are what a flood can be made of,
// then what servers and relays send.
func BenchmarkReceive(b *testing.B) {
	const servers = 2000
	begin := func(b *testing.B) *Ledger {
		l := New(Marks{})
		for i := range servers {
			add(b, l, Check{ID: fmt.Sprint(i), Service: "web", Secrets: [][]byte{fleet}, Interval: time.Second, Misses: 3})
			l.Receive(0, anywhere, alone(said(b, fmt.Sprint(i), "web", 7, 2)))
		}
		l.Findings()
		b.ReportAllocs()
		b.ResetTimer()
		return l
	}
	forged := func(id string, seq uint64) []byte {
		return alone(signed(b, wire.Heartbeat{State: wire.Up, ID: id, Service: "web", Instance: 7, Seq: seq, Interval: time.Second}, fleet))
	}
	for _, c := range []struct {
		name     string
		datagram []byte
	}{
		{"no heartbeat", []byte("GET / HTTP/1.1\r\n")},
		{"unknown id", forged("nobody", 3)},
		{"played again", alone(said(b, "1", "web", 7, 2))},
		{"old", alone(said(b, "1", "web", 7, 1))},
		{"bad mac", forged("1", 3)},
		{"relay bad mac", relayed(b, wire.Relay{ID: "rack7", Instance: 1, Seq: 1}, fleet)},
	} {
		b.Run(c.name, func(b *testing.B) {
			l := begin(b)
			for i := range b.N {
				l.Receive(time.Duration(i)*time.Microsecond, anywhere, c.datagram)
			}
		})
	}
	b.Run("a heartbeat", func(b *testing.B) {
		l := begin(b)
		b.StopTimer()
		for i := range b.N {
			datagram := alone(said(b, fmt.Sprint(i%servers), "web", 7, uint64(3+i/servers)))
			b.StartTimer()
			l.Receive(time.Duration(i)*time.Microsecond, anywhere, datagram)
			l.Findings()
			b.StopTimer()
		}
	})
	// Datagrams of six lines, of the relay that is first and of the one that repeats it.
	for r, name := range []string{"a relay's first copies", "a relay's second copies"} {
		b.Run(name, func(b *testing.B) {
			l := begin(b)
			b.StopTimer()
			for i := range b.N {
				var lines [][]byte
				for j := range 6 {
					n := 6*i + j
					lines = append(lines, said(b, fmt.Sprint(n%servers), "web", 7, uint64(3+n/servers)))
				}
				now := time.Duration(i+1) * time.Second // the relay's age puts it before that
				for k := range r + 1 {
					id := fmt.Sprint("rack", k)
					datagram := relayed(b, wire.Relay{ID: id, Instance: 1, Seq: uint64(i + 1)}, wire.DeriveKey(fleet, id), lines...)
					if k == r {
						b.StartTimer()
					}
					l.Receive(now, anywhere, datagram)
					l.Findings()
					b.StopTimer()
				}
			}
		})
	}
}
