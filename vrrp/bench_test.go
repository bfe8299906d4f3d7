package vrrp

import (
	"testing"
	"time"
)

func BenchmarkAppend(b *testing.B) {
	p := besideKeepalived[0]
	packet := p.packet(100)
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = packet.Append(buf[:0], p.far, GroupIPv4)
	}
}

// BenchmarkJudge decodes and judges an advertisement, as [Instance.Receive] does.
func BenchmarkJudge(b *testing.B) {
	for _, p := range besideKeepalived {
		b.Run(p.router.Name, func(b *testing.B) {
			d := p.heardFrom(100, nil)
			var packet Packet
			b.ReportAllocs()
			for b.Loop() {
				if v := packet.judge(&p.router, p.near, d); v != Accepted {
					b.Fatal(v)
				}
			}
		})
	}
}

// BenchmarkReceive is all that a backup does with an advertisement of its master, and
// with junk.
func BenchmarkReceive(b *testing.B) {
	p := besideKeepalived[0]
	junk := p.heardFrom(100, nil)
	junk.Payload[6]++
	for name, d := range map[string]Datagram{"advert": p.heardFrom(200, nil), "junk": junk} {
		b.Run(name, func(b *testing.B) {
			i, _ := instanceBeside(p, 100)
			now := noon
			b.ReportAllocs()
			for b.Loop() {
				now = now.Add(time.Millisecond)
				i.Receive(now, d)
			}
		})
	}
}

func BenchmarkLateness(b *testing.B) {
	var l Lateness
	b.ReportAllocs()
	for b.Loop() {
		l.Record(53 * time.Microsecond)
	}
}
