package checker

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"
)

// nameServer answers over UDP and TCP, on one port, with what handle returns; what it
// does not return is not answered.
func nameServer(t *testing.T, handle func(q *dns.Msg, tcp bool) []byte) netip.AddrPort {
	t.Helper()
	ask := func(b []byte, tcp bool) []byte {
		q := new(dns.Msg)
		if err := q.Unpack(b); err != nil {
			t.Errorf("the question can't be read: %v", err)
			return nil
		}
		return handle(q, tcp)
	}
	target := serveUDP(t, func(b []byte, reply func([]byte)) {
		if answer := ask(b, false); answer != nil {
			reply(answer)
		}
	})
	l, err := net.Listen("tcp", target.String())
	if err != nil {
		t.Fatal(err)
	}
	return serveOn(t, l, func(c net.Conn) {
		var length [2]byte
		if _, err := io.ReadFull(c, length[:]); err != nil {
			return
		}
		b := make([]byte, binary.BigEndian.Uint16(length[:]))
		if _, err := io.ReadFull(c, b); err != nil {
			return
		}
		if answer := ask(b, true); answer != nil {
			_, _ = c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...))
		}
		silent(c)
	})
}

// packed is the answer to a question with these records, as change makes it.
func packed(t *testing.T, q *dns.Msg, change func(*dns.Msg), records ...string) []byte {
	m := new(dns.Msg).SetReply(q)
	for _, text := range records {
		record, err := dns.NewRR(text)
		if err != nil {
			t.Error(err)
			return nil
		}
		m.Answer = append(m.Answer, record)
	}
	if change != nil {
		change(m)
	}
	b, err := m.Pack()
	if err != nil {
		t.Error(err)
	}
	return b
}

func dnsSpec(target netip.AddrPort, timing Timing, change func(*DNS)) Spec {
	o := DNS{Name: "www.example.", Type: "A", Protocol: "udp", RCodes: []string{"NOERROR"}}
	if change != nil {
		change(&o)
	}
	return Spec{Target: target, Options: o, Timing: timing}
}

func TestDNS(t *testing.T) {
	const a, b = "www.example. 300 IN CNAME a.example.", "a.example. 60 IN A 192.0.2.7"
	answers := func(change func(*dns.Msg), records ...string) func(*testing.T, *dns.Msg) []byte {
		return func(t *testing.T, q *dns.Msg) []byte { return packed(t, q, change, records...) }
	}
	rcode := func(code int) func(*dns.Msg) { return func(m *dns.Msg) { m.Rcode = code } }
	match := func(s string) func(*DNS) { return func(o *DNS) { o.Answer = regexp.MustCompile(s) } }
	for _, c := range []struct {
		name   string
		server func(*testing.T, *dns.Msg) []byte
		change func(*DNS)
		answer Answer
		reason string
	}{
		{"a record", answers(nil, a, b), nil, Success, ""},
		{"no record", answers(nil), nil, Success, ""},
		{"one that matches, with spaces between fields", answers(nil, a, b), match(`^a\.example\. 60 IN A 192\.0\.2\.7$`), Success, ""},
		{"none that matches", answers(nil, a, b), match(`192\.0\.2\.8`), Failure, `no record matches 192\.0\.2\.8, got www.example. 300 IN CNAME a.example.`},
		{"no record to match", answers(nil), match("A"), Failure, "answered NOERROR without a record, want a match for A"},
		{"another code", answers(rcode(dns.RcodeServerFailure)), nil, Failure, "answered SERVFAIL, want NOERROR"},
		{"a code without a name", answers(rcode(14)), nil, Failure, "answered RCODE14, want NOERROR"},
		{"one of two codes", answers(rcode(dns.RcodeNameError)), func(o *DNS) { o.RCodes = []string{"NOERROR", "NXDOMAIN"} }, Success, ""},
		{"neither of two codes", answers(rcode(dns.RcodeRefused)), func(o *DNS) { o.RCodes = []string{"NOERROR", "NXDOMAIN"} }, Failure, "answered REFUSED, want NOERROR or NXDOMAIN"},
		{"a header only", func(t *testing.T, q *dns.Msg) []byte {
			return packed(t, q, func(m *dns.Msg) { m.Question, m.Rcode = nil, dns.RcodeRefused })
		}, func(o *DNS) { o.RCodes = []string{"REFUSED"} }, Success, ""},
		{"another type", answers(nil, `www.example. 1 IN TXT "a	b"`), func(o *DNS) { o.Type, o.Answer = "TXT", regexp.MustCompile(`TXT "a\\009b"$`) }, Success, ""},
		{"the case of the name does not matter", answers(func(m *dns.Msg) { m.Question[0].Name = "WWW.example." }), nil, Success, ""},
		{"a name without its dot", answers(nil), func(o *DNS) { o.Name = "www.example" }, Success, ""},
		{"a record cut short", func(t *testing.T, q *dns.Msg) []byte { b := packed(t, q, nil, b); return b[:len(b)-1] }, nil, Failure, "the answer is malformed: overflowing header size"},
	} {
		for _, protocol := range []string{"udp", "tcp"} {
			t.Run(c.name+"/"+protocol, func(t *testing.T) {
				target := nameServer(t, func(q *dns.Msg, tcp bool) []byte {
					if tcp != (protocol == "tcp") || !q.RecursionDesired || q.Question[0].Name != "www.example." {
						t.Errorf("over TCP: %t\n%s", tcp, q)
					}
					return c.server(t, q)
				})
				spec := dnsSpec(target, patient, func(o *DNS) {
					if o.Protocol = protocol; c.change != nil {
						c.change(o)
					}
				})
				expect(t, once(spec), c.answer, c.reason)
			})
		}
	}
}

// An answer that does not fit in a datagram is asked for over TCP.
func TestDNSTruncated(t *testing.T) {
	target := nameServer(t, func(q *dns.Msg, tcp bool) []byte {
		if tcp {
			return packed(t, q, nil, "www.example. 60 IN A 192.0.2.7")
		}
		return packed(t, q, func(m *dns.Msg) { m.Truncated = true })
	})
	r := once(dnsSpec(target, patient, func(o *DNS) { o.Answer = regexp.MustCompile("192.0.2.7") }))
	expect(t, r, Success, "")
	if got := string(r.Sent); got != ";www.example.\tIN\t A\n" || !strings.Contains(string(r.Read), "192.0.2.7") {
		t.Errorf("sent %q, read %q", got, r.Read)
	}
}

func TestDNSTruncatedWithoutTCP(t *testing.T) {
	target := serveUDP(t, func(b []byte, reply func([]byte)) {
		b[2] |= 0x82 // a response, truncated
		reply(b)
	})
	expect(t, once(dnsSpec(target, patient, nil)), Failure, "connection refused")
}

// A question that was lost is asked again, within the same deadline.
func TestDNSAsksAgain(t *testing.T) {
	var asked atomic.Int32
	target := nameServer(t, func(q *dns.Msg, _ bool) []byte {
		if asked.Add(1) <= repeats {
			return nil
		}
		return packed(t, q, nil)
	})
	timing := hasty
	expect(t, once(dnsSpec(target, timing, nil)), Success, "")
	if n := asked.Load(); n != repeats+1 {
		t.Errorf("asked %d times", n)
	}
}

// What is no answer to the question does not count, and is told.
func TestDNSAnswersToOthers(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*dns.Msg)
		reason string
	}{
		{"another ID", func(m *dns.Msg) { m.Id++ }, "what came has another ID than the question"},
		{"no response", func(m *dns.Msg) { m.Response = false }, "what came is no response"},
		{"another name", func(m *dns.Msg) { m.Question[0].Name = "other.example." }, "what came answers another question"},
		{"another type", func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeMX }, "what came answers another question"},
		{"no question", func(m *dns.Msg) { m.Question = nil }, "what came answers another question"},
	} {
		for _, tcp := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/tcp=%t", c.name, tcp), func(t *testing.T) {
				t.Parallel()
				target := nameServer(t, func(q *dns.Msg, _ bool) []byte { return packed(t, q, c.change) })
				if tcp {
					expect(t, once(dnsSpec(target, patient, func(o *DNS) { o.Protocol = "tcp" })), Failure, c.reason)
				} else {
					expect(t, once(dnsSpec(target, hasty, nil)), Failure, "no answer within 1s: "+c.reason)
				}
			})
		}
	}
}

// The right answer counts after any others, but for a flood of them.
func TestDNSForgedAnswers(t *testing.T) {
	for forged, c := range map[int]struct {
		answer Answer
		reason string
	}{
		maxReplies - 1: {Success, ""},
		maxReplies:     {Failure, "no answer among the first 64 datagrams: what came has 3 bytes and is no DNS message"},
	} {
		target := serveUDP(t, func(b []byte, reply func([]byte)) {
			for range forged {
				reply([]byte("abc"))
			}
			b[2] |= 0x80
			reply(b)
		})
		expect(t, once(dnsSpec(target, patient, nil)), c.answer, c.reason)
	}
}

func TestDNSNobodyThere(t *testing.T) {
	target := noUDP(t, "127.0.0.1:0")
	for _, protocol := range []string{"udp", "tcp"} {
		expect(t, once(dnsSpec(target, patient, func(o *DNS) { o.Protocol = protocol })), Failure, "connection refused")
	}
	silentTarget := serveUDP(t, replying())
	expect(t, once(dnsSpec(silentTarget, hasty, nil)), Failure, "no answer within 1s")
}

// However large an answer is, it is searched in bounded time.
func TestDNSSearchIsBounded(t *testing.T) {
	m := new(dns.Msg)
	long := strings.Repeat(strings.Repeat("a", 63)+".", 3)
	for range 12000 {
		m.Answer = append(m.Answer, &dns.NS{Hdr: dns.RR_Header{Name: long, Rrtype: dns.TypeNS, Class: dns.ClassINET}, Ns: long})
	}
	p := &question{rcodes: []string{"NOERROR"}, answer: regexp.MustCompile("b")}
	expect(t, p.judge(m), Failure, "no record matches b in the first 2 MiB of the answer")
}

// Whatever a server sends, it is an answer, not one, or malformed.
func FuzzDNSParse(f *testing.F) {
	p, err := prepareDNS(dnsSpec(netip.MustParseAddrPort("127.0.0.1:53"), patient, nil), DNS{
		Name: "www.example.", Type: "A", Protocol: "udp", RCodes: []string{"NOERROR"}, Answer: regexp.MustCompile("x"),
	}, Config{})
	if err != nil {
		f.Fatal(err)
	}
	q := p.(*question)
	m := new(dns.Msg).SetQuestion("www.example.", dns.TypeA)
	m.Id, m.Response = 7, true
	record, err := dns.NewRR("www.example. 60 IN A 192.0.2.7")
	if err != nil {
		f.Fatal(err)
	}
	m.Answer = append(m.Answer, record)
	b, err := m.Pack()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(b[:20])
	f.Add(append(b[:12:12], 0xc0, 12))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := q.parse(b, 7)
		if (m == nil) != (err != nil) {
			t.Fatalf("%v and %v", m, err)
		}
		if m != nil {
			if r := q.judge(m); r.Answer != Success && (r.Answer != Failure || r.Reason == "" || len(r.Reason) > 600) {
				t.Errorf("%+v", r)
			}
		}
	})
}
