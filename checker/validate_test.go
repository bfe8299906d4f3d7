package checker

import (
	"net/netip"
	"regexp"
	"testing"
	"time"
)

type strange struct{}

func (strange) Kind() string { return "strange" }

func TestValidateSaysWhatIsWrong(t *testing.T) {
	target := netip.MustParseAddrPort("192.0.2.1:80")
	options := func(o Options) Spec { return Spec{Target: target, Options: o, Timing: DefaultTiming()} }
	at := func(text string) Spec { s := options(TCP{}); s.Target = netip.MustParseAddrPort(text); return s }
	timing := func(change func(*Timing)) Spec { s := options(TCP{}); change(&s.Timing); return s }
	http := func(change func(*HTTP)) Spec {
		h := HTTP{Method: "GET", Path: "/", Status: []StatusRange{{200, 299}}}
		change(&h)
		return options(h)
	}
	udp := func(change func(*UDP)) Spec {
		o := UDP{RequireReply: true, Expect: regexp.MustCompile("a")}
		change(&o)
		return options(o)
	}
	dns := func(change func(*DNS)) Spec {
		o := DNS{Name: "example.", Type: "SOA", Protocol: "tcp", RCodes: []string{"NOERROR"}}
		change(&o)
		return options(o)
	}
	step := func(s Step) Spec { return options(Exchange{Steps: []Step{{Send: []byte("a")}, s}}) }
	for _, c := range []struct {
		spec Spec
		want string // "": nothing
	}{
		{options(TCP{}), ""},
		{at("[2001:db8::1]:80"), ""},
		{options(TLS{}), ""},
		{http(func(h *HTTP) {}), ""},
		{http(func(h *HTTP) { h.Method, h.Path = "OPTIONS", "*" }), ""},
		{options(Command{Argv: []string{"/no/such/file"}}), ""},
		{Spec{Target: netip.MustParseAddrPort("192.0.2.1:0"), Options: Command{Argv: []string{"/a"}}, Timing: DefaultTiming()}, ""},
		{options(Monitor{Server: target, Service: "a"}), ""},

		{Spec{Options: TCP{}, Timing: DefaultTiming()}, "the check has no address to connect to"},
		{at("0.0.0.0:80"), "0.0.0.0 is not the address of a server"},
		{at("224.0.0.1:80"), "224.0.0.1 is not the address of a server"},
		{at("192.0.2.1:0"), "the check has no port of 192.0.2.1 to connect to"},
		{at("[fe80::1]:80"), "fe80::1 is link-local: name its interface, as in fe80::1%eth0"},
		{options(nil), "the check has no kind"},
		{options(strange{}), `there is no kind of check named "strange"`},
		{options(&TCP{}), "options of kind tcp are a *checker.TCP, not a checker.TCP"},

		{timing(func(t *Timing) { t.Interval = 0 }), "interval 0s is shorter than 1ms"},
		{timing(func(t *Timing) { t.Timeout = 0 }), "timeout 0s is not above 0"},
		{timing(func(t *Timing) { t.Timeout = 2 * time.Second }), "timeout 2s is longer than interval 1s"},
		{timing(func(t *Timing) { t.FastInterval = 0 }), "fast interval 0s is shorter than 1ms"},
		{timing(func(t *Timing) { t.FastInterval = time.Minute }), "fast interval 1m0s is longer than interval 1s"},
		{timing(func(t *Timing) { t.Fall = 0 }), "fall 0 is less than 1"},
		{timing(func(t *Timing) { t.Rise = 0 }), "rise 0 is less than 1"},

		{options(TLS{RootCAs: []byte("x")}), "the root certificates hold no certificate in PEM"},
		{options(TLS{Certificate: []byte("x")}), "the client's certificate and key are no pair in PEM: tls: failed to find any PEM data in certificate input"},
		{options(TLS{ALPN: []string{""}}), `the ALPN protocol "" is not 1 to 255 bytes long`},

		{http(func(h *HTTP) { h.Method = "" }), `the method "" is not a word such as GET`},
		{http(func(h *HTTP) { h.Method = "GET /" }), `the method "GET /" is not a word such as GET`},
		{http(func(h *HTTP) { h.Method = "CONNECT" }), "the method CONNECT is no way to check a server: use GET or HEAD"},
		{http(func(h *HTTP) { h.Method, h.Body = "HEAD", regexp.MustCompile("x") }), "an answer to HEAD has no body to search: use GET"},
		{http(func(h *HTTP) { h.Path = "" }), `the path "" does not begin with /`},
		{http(func(h *HTTP) { h.Path = "/a b" }), `the path "/a b" has characters that must be written as %xx`},
		{http(func(h *HTTP) { h.Path = "/\r\nX: y" }), `the path "/\r\nX: y" has characters that must be written as %xx`},
		{http(func(h *HTTP) { h.Host = "a\n" }), `the host "a\n" has characters that no host's name has`},
		{http(func(h *HTTP) { h.Status = nil }), "no status is right: name one at least"},
		{http(func(h *HTTP) { h.Status = []StatusRange{{299, 200}} }), "the status 299-200 is no code or range of codes within 100-599"},
		{http(func(h *HTTP) { h.Status = []StatusRange{{600, 600}} }), "the status 600 is no code or range of codes within 100-599"},
		{http(func(h *HTTP) { h.Headers = []Header{{"A b", ""}} }), `the header "A b" has characters that no header's name has`},
		{http(func(h *HTTP) { h.Headers = []Header{{"A", "b\r\nC: d"}} }), "the value of the header A has control characters"},
		{http(func(h *HTTP) { h.Headers = []Header{{"content-LENGTH", "1"}} }), "the header content-LENGTH is set by the check itself"},
		{http(func(h *HTTP) { h.TLS = &TLS{ALPN: []string{"h2"}} }), "the check speaks HTTP/1.1: it can't offer h2 in ALPN"},

		{options(Exchange{}), "an exchange needs a step at least"},
		{step(Step{}), "step 2 sends and expects 0 things, not one"},
		{step(Step{Send: []byte("a"), Expect: regexp.MustCompile("b")}), "step 2 sends and expects 2 things, not one"},
		{step(Step{ExpectBytes: []byte("ab"), Mask: []byte{0}}), "step 2 has a mask of 1 bytes for 2 expected ones"},
		{step(Step{ExpectBytes: []byte("a"), Mask: []byte{1}}), "step 2 has a mask of other bytes than 00 and ff"},
		{step(Step{ExpectBytes: make([]byte, 1<<17), Mask: make([]byte, 1<<17)}), "step 2 expects 131072 bytes: at most 64 KiB are read"},

		{options(Command{}), "the command names no program"},
		{options(Command{Argv: []string{"true"}}), `the command's program "true" is not an absolute path`},
		{options(Command{Argv: []string{"/a", "b\x00"}}), `the command's argument "b\x00" has a zero byte`},

		{udp(func(o *UDP) {}), ""},
		{udp(func(o *UDP) { o.Send = make([]byte, 65508) }), "a datagram of 65508 bytes is to be sent: at most 65507 fit in one"},
		{udp(func(o *UDP) { o.RequireReply = false }), "a reply is expected but not required: require it"},
		{udp(func(o *UDP) { o.ExpectBytes, o.Mask = []byte("a"), []byte{0xff} }), "the reply is expected both to match an expression and to begin with bytes: name one"},
		{udp(func(o *UDP) { o.Expect, o.ExpectBytes, o.Mask = nil, []byte("a"), nil }), "the reply has a mask of 0 bytes for 1 expected ones"},
		{udp(func(o *UDP) { o.Expect, o.ExpectBytes, o.Mask = nil, []byte("a"), []byte{1} }), "the reply has a mask of other bytes than 00 and ff"},
		{udp(func(o *UDP) { o.Expect, o.Mask = nil, []byte{0xff} }), "the reply has a mask and no expected bytes"},

		{dns(func(o *DNS) {}), ""},
		{dns(func(o *DNS) { o.Name = "" }), `the name "" is no domain name`},
		{dns(func(o *DNS) { o.Name = "a..b." }), `the name "a..b." is no domain name`},
		{dns(func(o *DNS) { o.Type = "a" }), `the type "a" is no type of record that can be asked for, such as A or SOA`},
		{dns(func(o *DNS) { o.Type = "AXFR" }), `the type "AXFR" is no type of record that can be asked for, such as A or SOA`},
		{dns(func(o *DNS) { o.Protocol = "tls" }), `the protocol "tls" is neither udp nor tcp`},
		{dns(func(o *DNS) { o.RCodes = nil }), "no response code is right: name one at least, such as NOERROR"},
		{dns(func(o *DNS) { o.RCodes = []string{"BADVERS"} }), `"BADVERS" is no response code such as NOERROR or NXDOMAIN`},

		{Spec{Target: netip.MustParseAddrPort("192.0.2.1:0"), Options: Ping{}, Timing: DefaultTiming()}, ""},

		{options(GRPC{}), ""},
		{options(GRPC{Service: "a.b", Authority: "a.example:443", TLS: &TLS{ServerName: "b.example", ALPN: []string{"h2"}}}), ""},
		{options(GRPC{Service: "a\xff"}), `the service "a?" is no name of a service: UTF-8, at most 1024 bytes`},
		{options(GRPC{Authority: "a b"}), `the authority "a b" has characters that no host's name has`},
		{options(GRPC{TLS: &TLS{ALPN: []string{"http/1.1"}}}), "the check speaks HTTP/2: it can't offer anything but h2 in ALPN"},

		{options(Agent{Expires: time.Minute}), ""},
		{options(Agent{}), "expires 0s is not above 0"},
		{options(Agent{Expires: time.Minute, Send: string(make([]byte, 1025))}), "1025 bytes are to be sent to the agent: at most 1024 may be"},

		{options(Monitor{Service: "a"}), "the monitor is asked about no real server"},
		{options(Monitor{Server: target}), "the monitor can't be asked: malformed line: the service is empty"},
		{options(Monitor{Server: target, Service: "a", Secrets: [][]byte{nil}}), "secret 1 is empty"},
	} {
		got := ""
		if err := c.spec.Validate(); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%+v\n got %q\nwant %q", c.spec, got, c.want)
		}
	}
}
