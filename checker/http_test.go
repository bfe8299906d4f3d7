package checker

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"
)

// answering reads one request, keeps it, and sends text.
func answeringWith(text string, requests chan<- string) func(net.Conn) {
	return func(c net.Conn) {
		r := bufio.NewReader(c)
		request := ""
		for !strings.HasSuffix(request, "\r\n\r\n") {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			request += line
		}
		if requests != nil {
			requests <- request
		}
		io.WriteString(c, text)
	}
}

func get() HTTP { return HTTP{Method: "GET", Path: "/", Status: []StatusRange{{200, 299}}} }

func TestHTTPJudgesTheAnswer(t *testing.T) {
	body := func(want string, more ...StatusRange) HTTP {
		h := get()
		h.Body = regexp.MustCompile(want)
		h.Status = append(h.Status, more...)
		return h
	}
	status := func(ranges ...StatusRange) HTTP { h := get(); h.Status = ranges; return h }
	head := get()
	head.Method = "HEAD"
	long := strings.Repeat("x", maxBody)
	for _, c := range []struct {
		name    string
		options HTTP
		text    string
		answer  Answer
		reason  string
	}{
		{"right", get(), "HTTP/1.1 200 OK\r\n\r\n", Success, ""},
		{"HTTP/1.0", get(), "HTTP/1.0 200 OK\r\n\r\n", Success, ""},
		{"without a text", get(), "HTTP/1.1 200\r\n\r\n", Success, ""},
		{"wrong status", get(), "HTTP/1.1 503 No\r\n\r\n", Failure, "answered 503, want 200-299"},
		{"one of several", status(StatusRange{200, 200}, StatusRange{404, 404}), "HTTP/1.1 404 No\r\n\r\n", Success, ""},
		{"none of several", status(StatusRange{200, 200}, StatusRange{400, 404}), "HTTP/1.1 500 No\r\n\r\n", Failure, "answered 500, want 200 or 400-404"},
		{"redirects are judged, not followed", get(), "HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n", Failure, "answered 302, want 200-299"},
		{"redirects may be right", status(StatusRange{302, 302}), "HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n", Success, ""},
		{"interim answers are skipped", get(), "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", Success, ""},
		{"a switch of protocols is final", get(), "HTTP/1.1 101 Switching\r\n\r\n", Failure, "answered 101, want 200-299"},
		{"an answer to HEAD", head, "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", Success, ""},
		{"HTTP/2", get(), "HTTP/2.0 200 OK\r\n\r\n", Failure, `the answer is not HTTP/1.1: it begins with "HTTP/2.0 200 OK\r\n\r\n"`},

		{"a body", body("o+k"), "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nit ok", Success, ""},
		{"a body in chunks", body("i?t ok$"), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nit \r\n2\r\nok\r\n0\r\n\r\n", Success, ""},
		{"a body until the end", body("^it ok$"), "HTTP/1.1 200 OK\r\n\r\nit ok", Success, ""},
		{"another body", body("ok"), "HTTP/1.1 200 OK\r\n\r\nno", Failure, "answered 200, but its body does not match ok"},
		{"no body", body("ok", StatusRange{204, 204}), "HTTP/1.1 204 No\r\n\r\n", Failure, "answered 204, but its body does not match ok"},
		{"the status comes first", body("ok"), "HTTP/1.1 500 No\r\n\r\nok", Failure, "answered 500, want 200-299"},
		{"within 64 KiB", body("ok"), "HTTP/1.1 200 OK\r\n\r\n" + long[2:] + "ok", Success, ""},
		{"beyond 64 KiB", body("ok"), "HTTP/1.1 200 OK\r\n\r\n" + long[1:] + "ok", Failure, "answered 200, but its body does not match ok"},
	} {
		t.Run(c.name, func(t *testing.T) {
			target := serve(t, answeringWith(c.text, nil))
			expect(t, once(Spec{Target: target, Options: c.options, Timing: patient}), c.answer, c.reason)
		})
	}
}

func TestHTTPSendsTheRequest(t *testing.T) {
	requests := make(chan string, 1)
	target := serve(t, answeringWith("HTTP/1.1 200 OK\r\n\r\n", requests))
	for _, c := range []struct {
		change func(*HTTP)
		want   string
	}{
		{func(*HTTP) {}, "GET / HTTP/1.1\r\nHost: " + target.String() + "\r\nUser-Agent: mainstay\r\nConnection: close\r\n\r\n"},
		{
			func(h *HTTP) {
				h.Method, h.Path, h.Host = "POST", "/a?b=c", "a.example"
				h.Headers = []Header{{"user-agent", "x"}, {"X-A", "b  c"}}
			},
			"POST /a?b=c HTTP/1.1\r\nHost: a.example\r\nuser-agent: x\r\nX-A: b  c\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
		},
	} {
		options := get()
		c.change(&options)
		r := once(Spec{Target: target, Options: options, Timing: patient})
		expect(t, r, Success, "")
		if got := <-requests; got != c.want {
			t.Errorf("the server got %q\nwant %q", got, c.want)
		}
		if string(r.Sent) != c.want || string(r.Read) != "HTTP/1.1 200 OK\r\n\r\n" {
			t.Errorf("the transcript has %q and %q", r.Sent, r.Read)
		}
	}
}

func TestHTTPHostOfTheTarget(t *testing.T) {
	for target, want := range map[string]string{
		"192.0.2.1:80": "192.0.2.1", "192.0.2.1:443": "192.0.2.1:443", "[2001:db8::1]:80": "[2001:db8::1]",
		"[2001:db8::1]:8080": "[2001:db8::1]:8080", "[fe80::1%eth0]:81": "[fe80::1]:81", "[::ffff:192.0.2.1]:80": "192.0.2.1",
	} {
		if got := get().host(netip.MustParseAddrPort(target)); got != want {
			t.Errorf("%s: %s, want %s", target, got, want)
		}
	}
	secure := get()
	secure.TLS = &TLS{}
	if got := secure.host(netip.MustParseAddrPort("192.0.2.1:443")); got != "192.0.2.1" {
		t.Errorf("over TLS: %s", got)
	}
}

// The environment's proxy is for others.
func TestHTTPUsesNoProxy(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://"+nobodyThere(t).String())
	t.Setenv("http_proxy", "http://"+nobodyThere(t).String())
	target := serve(t, answeringWith("HTTP/1.1 200 OK\r\n\r\n", nil))
	expect(t, once(Spec{Target: target, Options: get(), Timing: patient}), Success, "")
}

// What net/http's server takes and answers is right.
func TestHTTPWithARealServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s as %s", r.Method, r.URL, r.UserAgent())
	})}
	ended := make(chan error)
	go func() { ended <- server.Serve(l) }()
	options := get()
	options.Path, options.Body = "/health?x=1", regexp.MustCompile(`^GET /health\?x=1 as mainstay$`)
	target := netip.MustParseAddrPort(l.Addr().String())
	expect(t, once(Spec{Target: target, Options: options, Timing: patient}), Success, "")
	server.Close()
	<-ended
}

// A deadline in the middle of the head is a deadline, wherever it cuts, and whatever
// comes after it.
func TestADeadlineInTheHead(t *testing.T) {
	for _, cut := range []string{"HTTP/1.1 2", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nServ", "HTTP/1.1 200 OK\r\nServer: a"} {
		pieces := []string{cut, "", "a"}
		source := &sticky{Reader: readerFunc(func(b []byte) (int, error) {
			if len(pieces) == 0 {
				return 0, io.EOF
			}
			piece := pieces[0]
			pieces = pieces[1:]
			if piece == "" {
				return 0, silence{time.Second}
			}
			return copy(b, piece), nil
		})}
		p := &request{transport: transport{timeout: time.Second}, origin: &http.Request{Method: "GET"}}
		limited := &io.LimitedReader{R: source, N: maxHead}
		answer, bad := p.head(bufio.NewReader(limited), limited, source)
		if answer != nil || bad.Answer != Failure || bad.Reason != "no end of the answer within 1s" {
			t.Errorf("after %q: answer %v, %+v", cut, answer, bad)
		}
	}
}

// readerFunc is a reader made of one function.
type readerFunc func(b []byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }
