package checker

import (
	"net"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"
)

// A server that is slow, drips, floods, hangs or lies costs its own check only: the
// run ends, with a reason, in bounded time and space.
func TestHostileServers(t *testing.T) {
	server := netip.MustParseAddrPort("192.0.2.1:80")
	all := map[string]Options{
		"tls":      TLS{},
		"http":     HTTP{Method: "GET", Path: "/", Status: []StatusRange{{200, 200}}, Body: regexp.MustCompile("ok")},
		"https":    HTTP{Method: "GET", Path: "/", Status: []StatusRange{{200, 200}}, TLS: &TLS{}},
		"exchange": Exchange{Steps: []Step{{Expect: regexp.MustCompile(`^ready\n`)}, {Send: []byte("bye")}}},
		"bytes":    Exchange{Steps: []Step{{ExpectBytes: []byte("ready"), Mask: []byte("\xff\xff\xff\xff\xff")}}},
		"monitor":  Monitor{Server: server, Service: "a"},
		"signed":   Monitor{Server: server, Service: "a", Secrets: [][]byte{[]byte("0123456789abcdef")}},
	}
	const head = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
	const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	for _, c := range []struct {
		name   string
		handle func(net.Conn)
		timing Timing
		want   map[string]string // reasons by options
	}{
		{"silence", silent, hasty, map[string]string{
			"tls": "no end of the TLS handshake within 1s", "https": "no end of the TLS handshake within 1s",
			"http": "no answer within 1s", "exchange": "step 1: no answer within 1s", "bytes": "no answer within 1s",
			"monitor": "no answer within 1s", "signed": "no answer within 1s",
		}},
		{"closing at once", hangingUp(""), patient, map[string]string{
			"tls": "connection closed in the TLS handshake", "https": "connection closed in the TLS handshake",
			"http": "connection closed while waiting for the answer", "exchange": "step 1: connection closed while waiting for the answer",
			"bytes": "connection closed while waiting for the answer", "monitor": "connection closed while waiting for the answer",
			"signed": "connection closed while waiting for the answer",
		}},
		{"reset", resetting, patient, map[string]string{
			"tls":  "connection reset in the TLS handshake",
			"http": "connection reset while waiting for the answer", "monitor": "connection reset while waiting for the answer",
		}},
		{"garbage", telling("SSH-2.0-OpenSSH_9.2\r\n\x00\xff"), patient, map[string]string{
			"tls": "the server does not speak TLS", "https": "the server does not speak TLS",
			"http":    `the answer is not HTTP/1.1: it begins with "SSH-2.0-OpenSSH_9.2\r\n\x00\xff"`,
			"bytes":   "expected 7265616479, got 5353482d32",
			"monitor": `answer is not a MONITOR line: it is "SSH-2.0-OpenSSH_9.2"`,
			"signed":  `answer is not a MONITOR line: it is "SSH-2.0-OpenSSH_9.2"`,
		}},
		{"garbage without an end", hangingUp("SSH"), patient, map[string]string{
			"exchange": `step 1: connection closed before match for ^ready\n, got "SSH"`,
		}},
		{"dripping", dripping("", 'a'), hasty, map[string]string{
			"monitor": "no end of the answer within 1s",
		}},
		{"dripping a head", dripping("HTTP/1.1 200 OK\r\nA: ", 'a'), hasty, map[string]string{"http": "no end of the answer within 1s"}},
		{"dripping a body", func(c net.Conn) { c.Write([]byte(head)); dripping("", 'a')(c) }, Timing{
			Interval: time.Second, Timeout: 30 * time.Millisecond, FastInterval: time.Second, Fall: 1, Rise: 1,
		}, map[string]string{"http": "no end of the answer within 30ms"}},
		{"flooding", flooding("", "aaaaaaaa"), patient, map[string]string{
			"tls": "the server does not speak TLS", "https": "the server does not speak TLS",
			"http":     `the answer is not HTTP/1.1: it begins with "` + strings.Repeat("a", 40) + `"`,
			"exchange": `step 1: no match for ^ready\n in the first 64 KiB`, "bytes": "expected 7265616479, got 6161616161",
			"monitor": "answer is longer than 1024 bytes", "signed": "answer is longer than 1024 bytes",
		}},
		{"a head without end", flooding("HTTP/1.1 200 OK\r\n", "A: aaaaaaaa\r\n"), patient, map[string]string{
			"http": "the answer's head is longer than 64 KiB",
		}},
		{"a line of the head without end", flooding("HTTP/1.1 200 OK\r\nA: ", "aaaaaaaa"), patient, map[string]string{
			"http": "the answer's head is longer than 64 KiB",
		}},
		{"interim answers without end", flooding("", "HTTP/1.1 103 Early Hints\r\n\r\n"), patient, map[string]string{
			"http": "the answer's head is longer than 64 KiB",
		}},
		{"a body without end", flooding("HTTP/1.1 200 OK\r\n\r\n", "aaaaaaaa"), patient, map[string]string{
			"http": "answered 200, but its body does not match ok",
		}},
		{"chunks of a byte, and long extensions", flooding(chunked, "1;"+strings.Repeat("x", 10)+"\r\na\r\n"), patient, map[string]string{
			"http": "answered 200, but the body's chunks are too small",
		}},
		{"a chunk without end", flooding(chunked, "1;x=xxxxxxxx"), patient, map[string]string{
			"http": "the answer is malformed HTTP: header line too long",
		}},
		{"a body cut short", hangingUp(head + "ok"), patient, map[string]string{
			"http": "connection closed in the middle of the answer",
		}},
		{"a head cut short", hangingUp("HTTP/1.1 200 OK\r\nA: b"), patient, map[string]string{
			"http": "connection closed in the middle of the answer",
		}},
		{"a malformed head", telling("HTTP/1.1 abc OK\r\n\r\n"), patient, map[string]string{
			"http": `the answer is malformed HTTP: malformed HTTP status code "abc"`,
		}},
		{"a header without a colon", telling("HTTP/1.1 200 OK\r\nABC\r\n\r\n"), patient, map[string]string{
			"http": `the answer is malformed HTTP: malformed MIME header: missing colon: "ABC"`,
		}},
	} {
		for options, reason := range c.want {
			t.Run(c.name+"/"+options, func(t *testing.T) {
				target := serve(t, c.handle)
				r := once(Spec{Target: target, Options: all[options], Timing: c.timing})
				expect(t, r, Failure, reason)
				if len(r.Sent) > maxTranscript || len(r.Read) > maxTranscript || len(r.Reason) > 300 {
					t.Errorf("%d bytes sent, %d read, and a reason of %d are kept", len(r.Sent), len(r.Read), len(r.Reason))
				}
			})
		}
	}
}

// What a server sends byte by byte is not searched anew with each byte for ever.
func TestSearchingIsBounded(t *testing.T) {
	in := inbox{effort: maxEffort}
	want := regexp.MustCompile("never")
	searched, work := -1, 0
	for range maxExchange {
		in.unread = append(in.unread, 'a')
		if in.worthwhile(searched) {
			work += len(in.unread)
			in.find(want)
			searched = len(in.unread)
		}
	}
	if work > maxEffort+10*maxExchange {
		t.Errorf("%d bytes were searched for %d that came", work, maxExchange)
	}
}
