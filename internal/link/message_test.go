package link

import (
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

func prefix() *rapid.Generator[netip.Prefix] {
	return rapid.Custom(func(t *rapid.T) netip.Prefix {
		b := rapid.SliceOfN(rapid.Byte(), 4, 4)
		if rapid.Bool().Draw(t, "IPv6") {
			b = rapid.SliceOfN(rapid.Byte(), 16, 16).Filter(func(b []byte) bool { a, _ := netip.AddrFromSlice(b); return !a.Is4In6() })
		}
		a, _ := netip.AddrFromSlice(b.Draw(t, "address"))
		return netip.PrefixFrom(a, rapid.IntRange(0, a.BitLen()).Draw(t, "bits"))
	})
}

// The kernel's events have the form of our requests.
func TestRequestsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, index := prefix().Draw(t, "prefix"), rapid.IntRange(1, 1<<30).Draw(t, "index")
		var b []byte
		b = appendAdd(b, 7, index, p)
		b = appendRemove(b, 8, index, p)
		var kinds []uint16
		whole := messages(b, func(h header, body []byte) {
			kinds = append(kinds, h.kind)
			of, r, ok := parseAddress(body)
			if !ok || of != index || r.Prefix != p || r.peer != p.Addr() || !r.Usable || r.Secondary {
				t.Errorf("%+v: %d, %+v, %v", h, of, r, ok)
			}
		})
		if !whole || len(kinds) != 2 || kinds[0] != unix.RTM_NEWADDR || kinds[1] != unix.RTM_DELADDR {
			t.Errorf("kinds %v, whole %v", kinds, whole)
		}
	})
}

func TestTheBytesOfRequests(t *testing.T) {
	tests := []struct {
		name string
		got  []byte
		want string
	}{
		{
			"add IPv4", appendAdd(nil, 7, 3, netip.MustParsePrefix("192.0.2.100/24")),
			"28000000 1400 0106 07000000 00000000" + // NEWADDR, REQUEST CREATE EXCL
				"02 18 00 00 03000000" + "0800 0200 c0000264" + "0800 0100 c0000264",
		},
		{
			"add IPv4 loopback", appendAdd(nil, 7, 1, netip.MustParsePrefix("127.0.0.9/8")),
			"28000000 1400 0106 07000000 00000000" + "02 08 00 fe 01000000" + // scope host
				"0800 0200 7f000009" + "0800 0100 7f000009",
		},
		{
			"add IPv6", appendAdd(nil, 7, 3, netip.MustParsePrefix("2001:db8::100/128")),
			"54000000 1400 0106 07000000 00000000" + "0a 80 02 00 03000000" + // nodad
				"1400 0200 20010db8000000000000000000000100" + "1400 0100 20010db8000000000000000000000100" +
				"1400 0600 00000000 ffffffff 00000000 00000000", // never preferred, valid forever
		},
		{
			"remove IPv4", appendRemove(nil, 8, 3, netip.MustParsePrefix("192.0.2.100/32")),
			"28000000 1500 0100 08000000 00000000" + "02 20 00 00 03000000" + "0800 0200 c0000264" + "0800 0100 c0000264",
		},
		{
			"remove IPv6", appendRemove(nil, 8, 3, netip.MustParsePrefix("2001:db8::100/64")),
			"40000000 1500 0100 08000000 00000000" + "0a 40 00 00 03000000" +
				"1400 0200 20010db8000000000000000000000100" + "1400 0100 20010db8000000000000000000000100",
		},
		{
			"get addresses", appendGetAddresses(nil, 9, unix.AF_INET, 3),
			"18000000 1600 0103 09000000 00000000" + "02 00 00 00 03000000",
		},
		{
			"get link", appendGetLink(nil, 9, "eth0"),
			"34000000 1200 0100 09000000 00000000" + "00000000 00000000 00000000 00000000" +
				"0900 0300 6574683000 000000" + "0800 1d00 08000000",
		},
	}
	for _, test := range tests {
		if got, want := hex.EncodeToString(test.got), strings.ReplaceAll(test.want, " ", ""); got != want {
			t.Errorf("%s:\n got %s\nwant %s", test.name, got, want)
		}
	}
}

func TestRefusals(t *testing.T) {
	// An answer as the kernel forms it: the errno, the header of our request, the text.
	answer := func(errno int32, text string) []byte {
		b := native.AppendUint32(nil, uint32(-errno))
		m := &message{buf: append(b, make([]byte, unix.NLMSG_HDRLEN)...)}
		if text != "" {
			m.attribute(unix.NLMSGERR_ATTR_MSG, append([]byte(text), 0))
		}
		return m.buf
	}
	capped := header{kind: unix.NLMSG_ERROR, flags: unix.NLM_F_CAPPED | unix.NLM_F_ACK_TLVS}
	tests := []struct {
		name string
		h    header
		body []byte
		want string // empty: none
	}{
		{"an acknowledgement", capped, answer(0, ""), ""},
		{"with a text", capped, answer(int32(unix.EACCES), "ipv6: IPv6 is disabled on this device"), "permission denied (ipv6: IPv6 is disabled on this device)"},
		{"without", header{kind: unix.NLMSG_ERROR}, answer(int32(unix.ENODEV), ""), "no such device"},
		{"the end of a list", header{kind: unix.NLMSG_DONE}, native.AppendUint32(nil, 0), ""},
		{"a list that failed", header{kind: unix.NLMSG_DONE}, native.AppendUint32(nil, uint32(1<<32-int64(unix.EINVAL))), "invalid argument"},
		{"nothing", capped, nil, ""},
		{"cut off", capped, answer(int32(unix.EPERM), "")[:10], "operation not permitted"},
		{"a repeated request longer than the answer", header{kind: unix.NLMSG_ERROR, flags: unix.NLM_F_ACK_TLVS}, append(answer(1, "")[:4], 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), "operation not permitted"},
	}
	for _, test := range tests {
		got := ""
		if r, refused := refusalOf(test.h, test.body); refused {
			got = r.Error()
		}
		if got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

// linkEvent is a message about an interface.
func linkEvent(kind uint16, family uint8, index int, name string) []byte {
	body := linkHeader()
	body[0] = family
	native.PutUint16(body[2:], unix.ARPHRD_ETHER)
	native.PutUint32(body[4:], uint32(index))
	native.PutUint32(body[8:], working)
	m := begin(nil, kind, 0, 0, body)
	m.attribute(unix.IFLA_IFNAME, append([]byte(name), 0))
	m.attribute(unix.IFLA_MTU, native.AppendUint32(nil, 1500))
	m.attribute(unix.IFLA_ADDRESS, []byte{2, 0, 0, 0, 0, 1})
	return m.end()
}

// pictureOf is a picture of the interfaces named, with the numbers 1, 2, and so on, and no
// changes to tell.
func pictureOf(names ...string) *picture {
	p := newPicture()
	added := p.follow(names)
	for i, e := range added {
		messages(linkEvent(unix.RTM_NEWLINK, unix.AF_UNSPEC, i+1, e.name), func(_ header, body []byte) {
			f, _ := parseLink(body)
			p.load(e, &f, nil)
		})
	}
	p.settle(added)
	return p
}

// apply applies the events of a datagram and tells how many of them concern the picture.
func (p *picture) apply(b []byte) (concern int) {
	messages(b, func(h header, body []byte) {
		if p.event(h, body) {
			concern++
		}
	})
	return concern
}

// A bridge tells that an interface is no longer its port in the words in which an
// interface is deleted.
func TestAPortIsNotTheInterface(t *testing.T) {
	p := pictureOf("eth0")
	if p.apply(linkEvent(unix.RTM_DELLINK, unix.AF_BRIDGE, 1, "eth0")) != 0 || !p.names["eth0"].there {
		t.Error("the interface went with the port")
	}
	if p.apply(linkEvent(unix.RTM_DELLINK, unix.AF_UNSPEC, 1, "eth0")) != 1 || p.names["eth0"].there {
		t.Error("it stayed")
	}
	if changed := p.changes(); len(changed) != 1 {
		t.Errorf("changed: %v", changed)
	}
}

// Events of others concern nobody, and cost no memory.
func TestForeignEventsCostNothing(t *testing.T) {
	p := pictureOf("eth0")
	foreign := linkEvent(unix.RTM_NEWLINK, unix.AF_UNSPEC, 77, "veth77")
	foreign = append(foreign, appendAdd(nil, 0, 77, netip.MustParsePrefix("192.0.2.1/24"))...)
	foreign = append(foreign, linkEvent(unix.RTM_DELLINK, unix.AF_UNSPEC, 77, "veth77")...)
	allocations := testing.AllocsPerRun(100, func() {
		if p.apply(foreign) != 0 {
			t.Fatal("they concern us")
		}
	})
	if allocations != 0 {
		t.Errorf("%v allocations", allocations)
	}
	if len(p.changes()) != 0 || len(p.unread()) != 0 {
		t.Error("they changed something")
	}
}

// Where names and numbers disagree with the picture, the kernel is asked, and until it has
// answered nothing is told.
func TestWhatTheKernelIsAskedAbout(t *testing.T) {
	tests := []struct {
		name  string
		index int
		now   string
		ask   []string
	}{
		{"nothing new", 1, "eth0", nil},
		{"renamed away", 1, "lan0", []string{"eth0"}},
		{"made again", 9, "eth0", []string{"eth0"}},
		{"made", 9, "eth9", nil},
		{"swapped", 1, "eth1", []string{"eth0", "eth1"}},
	}
	for _, test := range tests {
		p := pictureOf("eth0", "eth1")
		p.apply(linkEvent(unix.RTM_NEWLINK, unix.AF_UNSPEC, test.index, test.now))
		asked := make(map[string]bool)
		for _, e := range p.unread() {
			asked[e.name] = true
		}
		if len(asked) != len(test.ask) {
			t.Errorf("%s: asked about %v", test.name, asked)
		}
		for _, name := range test.ask {
			if !asked[name] {
				t.Errorf("%s: not asked about %s", test.name, name)
			}
		}
		if changed := p.changes(); len(changed) != 0 {
			t.Errorf("%s: told of %v", test.name, changed)
		}
		for _, e := range p.unread() {
			p.load(e, nil, nil)
		}
		if changed := p.changes(); len(changed) != len(test.ask) {
			t.Errorf("%s: then told of %v", test.name, changed)
		}
	}
}

// Whatever the bytes, there is no panic, and the picture agrees with itself.
func FuzzMessages(f *testing.F) {
	f.Add(linkEvent(unix.RTM_NEWLINK, unix.AF_UNSPEC, 1, "eth0"))
	f.Add(linkEvent(unix.RTM_NEWLINK, unix.AF_UNSPEC, 1, "eth1"))
	f.Add(linkEvent(unix.RTM_DELLINK, unix.AF_UNSPEC, 2, "eth1"))
	f.Add(linkEvent(unix.RTM_DELLINK, unix.AF_BRIDGE, 1, "eth0"))
	f.Add(appendAdd(nil, 1, 1, netip.MustParsePrefix("192.0.2.1/24")))
	f.Add(appendRemove(appendAdd(nil, 1, 2, netip.MustParsePrefix("2001:db8::1/64")), 2, 2, netip.MustParsePrefix("2001:db8::1/128")))
	f.Add(begin(nil, unix.NLMSG_ERROR, unix.NLM_F_ACK_TLVS, 1, make([]byte, 30)).end())
	f.Fuzz(func(t *testing.T, b []byte) {
		p := pictureOf("eth0", "eth1")
		messages(b, func(h header, body []byte) {
			p.event(h, body)
			refusalOf(h, body)
		})
		for index, e := range p.indexes {
			if !e.there || e.index != index || p.names[e.name] != e {
				t.Errorf("number %d: %+v", index, e)
			}
		}
		for name, e := range p.names {
			if e.there && p.indexes[e.index] != e {
				t.Errorf("name %s: %+v", name, e)
			}
			for _, r := range append(e.ipv4, e.ipv6...) {
				if !r.Prefix.IsValid() {
					t.Errorf("name %s has the address %v", name, r)
				}
			}
		}
		p.changes()
	})
}
