package link

import (
	"fmt"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

// BenchmarkAddRemove puts addresses on an interface and takes them off again.
func BenchmarkAddRemove(b *testing.B) {
	for _, n := range []int{1, 100} {
		for _, sort := range []string{"IPv4 /32", "IPv4 /16", "IPv6 /128"} {
			b.Run(fmt.Sprintf("%d of %s", n, sort), func(b *testing.B) {
				c := open(b)
				here, _ := pair(b)
				index := index(b, here)
				var list []netip.Prefix
				for i := range n {
					switch sort {
					case "IPv4 /32":
						list = append(list, netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 18, 0, byte(i + 1)}), 32))
					case "IPv4 /16":
						list = append(list, netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 18, 0, byte(i + 1)}), 16))
					default:
						list = append(list, netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 1, 0x0d, 0xb8, 15: byte(i + 1)}), 128))
					}
				}
				for b.Loop() {
					if added, err := c.AddAll(index, list); err != nil || len(added) != n {
						b.Fatal(added, err)
					}
					if removed, err := c.RemoveAll(index, list); err != nil || len(removed) != n {
						b.Fatal(removed, err)
					}
				}
			})
		}
	}
}

// BenchmarkForeignEvents reads events of an interface that nobody follows. What it takes
// to cause them is left out.
func BenchmarkForeignEvents(b *testing.B) {
	c := open(b)
	here, there := pair(b)
	index := index(b, there)
	w := watch(b, here)
	var list []netip.Prefix
	for i := range 250 {
		list = append(list, netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 18, 1, byte(i)}), 32))
	}
	b.ReportAllocs()
	events := 0
	for b.Loop() {
		b.StopTimer()
		if _, err := c.AddAll(index, list); err != nil {
			b.Fatal(err)
		}
		if _, err := c.RemoveAll(index, list); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if changed, err := w.Read(); err != nil || len(changed) != 0 {
			b.Fatal(changed, err)
		}
		events += 2 * len(list)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(events), "ns/event")
}

// BenchmarkApply applies one event without reading it from a socket.
func BenchmarkApply(b *testing.B) {
	for name, event := range map[string][]byte{
		"foreign link":    linkEvent(unix.RTM_NEWLINK, unix.AF_UNSPEC, 77, "veth77"),
		"foreign address": appendAdd(nil, 0, 77, netip.MustParsePrefix("192.0.2.1/24")),
		"own link":        linkEvent(unix.RTM_NEWLINK, unix.AF_UNSPEC, 1, "eth0"),
		"own address":     appendAdd(nil, 0, 1, netip.MustParsePrefix("192.0.2.1/24")),
	} {
		b.Run(name, func(b *testing.B) {
			p := pictureOf("eth0")
			b.ReportAllocs()
			for b.Loop() {
				p.apply(event)
				p.changes()
			}
		})
	}
}

// BenchmarkAnnounce announces one address.
func BenchmarkAnnounce(b *testing.B) {
	here, _ := pair(b)
	i, _ := seen(b, here)
	a, err := OpenAnnouncer(i.Index, i.Name, i.Hardware)
	if err != nil {
		b.Fatal(err)
	}
	defer a.Close()
	for _, addr := range []string{"192.0.2.100", "2001:db8::100"} {
		b.Run(addr, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := a.Announce(netip.MustParseAddr(addr)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
