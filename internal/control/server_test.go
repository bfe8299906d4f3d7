package control

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
)

// ask sends a request as it is to a control socket and returns the answer's code,
// header and body.
func ask(t *testing.T, socket, method, path, body string) (int, http.Header, string) {
	t.Helper()
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s", method, path, len(body), body)
	response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header, strings.TrimSuffix(string(text), "\n")
}

const (
	overridePath = "/v1/services/web/servers/192.0.2.21:80/override"
	failoverPath = "/v1/routers/edge/failover"
)

// The control socket as programs see it: a request, what the daemon hears of it,
// and the answer.
func TestRequests(t *testing.T) {
	backend := &fake{warnings: []string{"m.yaml:8:5: no checks"}}
	socket := serve(t, backend)
	tests := []struct {
		name, method, path, body string
		heard                    string // by the backend; empty: nothing
		code                     int
		answer                   string
	}{
		{
			"status: lists are never null", "GET", "/v1/status", "",
			"status", 200,
			`{"director":{"name":"","version":"","ready":false,"observe":false,"config_file":"","config_loaded_at":"0001-01-01T00:00:00Z","config_error":"","warnings":[]},"virtual_routers":[],"virtual_services":[]}`,
		},
		{
			"explain", "GET", "/v1/explain?service=web&server=192.0.2.21:80", "",
			`explain "web" "192.0.2.21:80"`, 200,
			`{"service":"","server":{"address":"","state":"","weight":{"configured":0,"effective":0},"in_table":false,"why":"","connections":{"active":0,"inactive":0},"checks":[]},"changes":[]}`,
		},
		{
			"explain, IPv6, escaped and not", "GET", "/v1/explain?server=[2001:db8::21]%3A80&service=web", "",
			`explain "web" "[2001:db8::21]:80"`, 200,
			`{"service":"","server":{"address":"","state":"","weight":{"configured":0,"effective":0},"in_table":false,"why":"","connections":{"active":0,"inactive":0},"checks":[]},"changes":[]}`,
		},
		{
			"explain without a service", "GET", "/v1/explain?server=192.0.2.21:80", "",
			"", 400, `{"error":"the service is missing: name it as mainstay status does"}`,
		},
		{
			"explain without a server", "GET", "/v1/explain?service=web", "",
			"", 400, `{"error":"the server is missing: name it as mainstay status does"}`,
		},
		{
			"explain of nothing", "GET", "/v1/explain", "",
			"", 400, `{"error":"explain is of either a server or a router: service=web&server=192.0.2.21:80, or router=edge"}`,
		},
		{
			"explain of a router", "GET", "/v1/explain?router=edge", "",
			`explain "edge"`, 200,
			`{"router":{"name":"","interface":"","vrid":0,"version":0,"state":"","since":"0001-01-01T00:00:00Z","why":"","priority":0,"effective_priority":0,"advert_interval_ms":0,"addresses":[],"holding":false,"master":"","transitions":0,"standing_by":false,"penalties":[],"adverts":{"sent":0,"received":0,"dropped":{}},"warnings":[]},"changes":[]}`,
		},
		{
			"explain of a router and a server", "GET", "/v1/explain?router=edge&service=web&server=192.0.2.21:80", "",
			"", 400, `{"error":"explain is of either a server or a router: service=web&server=192.0.2.21:80, or router=edge"}`,
		},
		{
			"explain of a router and half a server", "GET", "/v1/explain?router=edge&server=", "",
			"", 400, `{"error":"explain is of either a server or a router: service=web&server=192.0.2.21:80, or router=edge"}`,
		},
		{
			"explain of a router without a name", "GET", "/v1/explain?router=", "",
			"", 400, `{"error":"the router is missing: name it as mainstay status does"}`,
		},
		{
			"explain of a router with a slash", "GET", "/v1/explain?router=a/b", "",
			"", 400, `{"error":"there is no router \"a/b\": name it as mainstay status does"}`,
		},
		{
			"explain with a zone", "GET", "/v1/explain?service=web&server=[fe80::1%25eth0]:80", "",
			"", 400, `{"error":"the server \"[fe80::1%eth0]:80\" has a zone: name it as mainstay status does, without %"}`,
		},
		{
			"explain with a query that is no query", "GET", "/v1/explain?service=%zz", "",
			"", 400, `{"error":"the query of /v1/explain: invalid URL escape \"%zz\""}`,
		},
		{
			"explain with a newline", "GET", "/v1/explain?service=web%0a&server=x", "",
			"", 400, `{"error":"there is no service \"web\\n\": name it as mainstay status does"}`,
		},
		{
			"explain with a name beyond all names", "GET", "/v1/explain?server=x&service=" + strings.Repeat("w", 129), "",
			"", 400, `{"error":"the name of the service has 129 bytes: 128 at most"}`,
		},
		{
			"reload", "POST", "/v1/reload", "",
			"reload", 200, `{"warnings":["m.yaml:8:5: no checks"]}`,
		},
		{
			"plan", "POST", "/v1/plan", `{"file": "/etc/mainstay/mainstay.yaml"}`,
			`plan "/etc/mainstay/mainstay.yaml"`, 200, `{"changes":[],"foreign":[],"notes":[]}`,
		},
		{
			"plan of a relative path", "POST", "/v1/plan", `{"file": "mainstay.yaml"}`,
			"", 400, `{"error":"the file \"mainstay.yaml\" is not an absolute path: the daemon's folder is another"}`,
		},
		{
			"plan of nothing", "POST", "/v1/plan", "",
			"", 400, `{"error":"the request has no body: it wants a JSON object"}`,
		},
		{
			"drain", "PUT", overridePath, `{"state": "drain"}`,
			`override "web" "192.0.2.21:80" drain`, 204, "",
		},
		{
			"weight", "PUT", overridePath, `{"weight": "65535"}`,
			`override "web" "192.0.2.21:80" weight 65535`, 204, "",
		},
		{
			"weight of the file", "PUT", overridePath, `{"weight": "auto"}`,
			`override "web" "192.0.2.21:80" weight auto`, 204, "",
		},
		{
			"an address without its port is the daemon's to understand", "PUT", "/v1/services/web/servers/192.0.2.21/override", `{"state": "enable"}`,
			`override "web" "192.0.2.21" enable`, 204, "",
		},
		{
			"brackets and colons, escaped", "PUT", "/v1/services/web/servers/%5B2001%3Adb8%3A%3A21%5D%3A80/override", `{"state": "maint"}`,
			`override "web" "[2001:db8::21]:80" maint`, 204, "",
		},
		{
			"brackets and colons as they are", "PUT", "/v1/services/web/servers/[2001:db8::21]:80/override", `{"state": "maint"}`,
			`override "web" "[2001:db8::21]:80" maint`, 204, "",
		},
		{
			"no name has a slash", "PUT", "/v1/services/a%2Fb/servers/x/override", `{"state": "maint"}`,
			"", 400, `{"error":"there is no service \"a/b\": name it as mainstay status does"}`,
		},
		{
			"an override of a zone", "PUT", "/v1/services/web/servers/%5Bfe80::1%25eth0%5D:80/override", `{"state": "maint"}`,
			"", 400, `{"error":"the server \"[fe80::1%eth0]:80\" has a zone: name it as mainstay status does, without %"}`,
		},
		{
			"an unknown key", "PUT", overridePath, `{"state": "drain", "since": "now"}`,
			"", 400, `{"error":"the request's body is not right: json: unknown field \"since\""}`,
		},
		{
			"two orders in one", "PUT", overridePath, `{"state": "drain", "weight": "5"}`,
			"", 400, `{"error":"an override has either a state or a weight: {\"state\": \"drain\"} or {\"weight\": \"10\"}"}`,
		},
		{
			"no order", "PUT", overridePath, `{}`,
			"", 400, `{"error":"an override has either a state or a weight: {\"state\": \"drain\"} or {\"weight\": \"10\"}"}`,
		},
		{
			"an unknown state", "PUT", overridePath, `{"state": "down"}`,
			"", 400, `{"error":"there is no state \"down\": it is drain, maint or enable"}`,
		},
		{
			"a weight beyond all weights", "PUT", overridePath, `{"weight": "65536"}`,
			"", 400, `{"error":"\"65536\" is not a weight: it is a number from 0 to 65535, or auto for the configured one"}`,
		},
		{
			"a weight that is a number", "PUT", overridePath, `{"weight": 5}`,
			"", 400, `{"error":"the request's body is not right: json: cannot unmarshal number into Go struct field Override.weight of type string"}`,
		},
		{
			"two values", "PUT", overridePath, `{"state": "drain"} {"state": "maint"}`,
			"", 400, `{"error":"the request's body is not right: there is more after its end"}`,
		},
		{
			"half a value", "PUT", overridePath, `{"state": "dr`,
			"", 400, `{"error":"the request's body is not right: unexpected EOF"}`,
		},
		{
			"no body", "PUT", overridePath, "",
			"", 400, `{"error":"the request has no body: it wants a JSON object"}`,
		},
		{
			"a body that is too large", "PUT", overridePath, `{"state": "` + strings.Repeat("x", maxRequest) + `"}`,
			"", 413, `{"error":"the request's body is over 16384 bytes"}`,
		},
		{
			"failover", "POST", failoverPath, `{"cancel": false}`,
			`failover "edge" cancel=false`, 200, `{"router":"","state":"","master":""}`,
		},
		{
			"the end of a failover", "POST", failoverPath, `{"cancel": true}`,
			`failover "edge" cancel=true`, 200, `{"router":"","state":"","master":""}`,
		},
		{
			"failover, in fewer words", "POST", failoverPath, `{}`,
			`failover "edge" cancel=false`, 200, `{"router":"","state":"","master":""}`,
		},
		{
			"failover without a body", "POST", failoverPath, "",
			"", 400, `{"error":"the request has no body: it wants a JSON object"}`,
		},
		{
			"failover with an unknown key", "POST", failoverPath, `{"to": "192.0.2.12"}`,
			"", 400, `{"error":"the request's body is not right: json: unknown field \"to\""}`,
		},
		{
			"failover of a name with a newline", "POST", "/v1/routers/edge%0a/failover", `{"cancel": false}`,
			"", 400, `{"error":"there is no router \"edge\\n\": name it as mainstay status does"}`,
		},
		{
			"failover of a name beyond all names", "POST", "/v1/routers/" + strings.Repeat("e", 129) + "/failover", `{"cancel": false}`,
			"", 400, `{"error":"the name of the router has 129 bytes: 128 at most"}`,
		},
		{
			"a failover is not a thing to read", "GET", failoverPath, "",
			"", 405, `{"error":"/v1/routers/edge/failover takes POST, not GET"}`,
		},
		{
			"an unknown path", "GET", "/v2/status", "",
			"", 404, `{"error":"there is no path /v2/status here"}`,
		},
		{
			"the root", "GET", "/", "",
			"", 404, `{"error":"there is no path / here"}`,
		},
		{
			"a path too long by one part", "GET", "/v1/status/", "",
			"", 404, `{"error":"there is no path /v1/status/ here"}`,
		},
		{
			"a path that isn't clean", "GET", "/v1//status", "",
			"", 404, `{"error":"there is no path /v1//status here"}`,
		},
		{
			"no path at all", "OPTIONS", "*", "",
			"", 404, `{"error":"there is no path * here"}`,
		},
		{
			"a wrong method", "POST", "/v1/status", "",
			"", 405, `{"error":"/v1/status takes GET, not POST"}`,
		},
		{
			"a reload is not a thing to read", "GET", "/v1/reload", "",
			"", 405, `{"error":"/v1/reload takes POST, not GET"}`,
		},
		{
			"an override is not a thing to delete", "DELETE", overridePath, "",
			"", 405, `{"error":"/v1/services/web/servers/192.0.2.21:80/override takes PUT, not DELETE"}`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, header, answer := ask(t, socket, tt.method, tt.path, tt.body)
			if code != tt.code || answer != tt.answer {
				t.Errorf("got  %d %s\nwant %d %s", code, answer, tt.code, tt.answer)
			}
			if heard := strings.Join(backend.heard(), "; "); heard != tt.heard {
				t.Errorf("the daemon heard %q, want %q", heard, tt.heard)
			}
			if sort := header.Get("Content-Type"); code != 204 && sort != "application/json" {
				t.Errorf("the answer is of type %q", sort)
			}
			if code == 405 && !strings.Contains(tt.answer, "takes "+header.Get("Allow")+",") {
				t.Errorf("Allow is %q", header.Get("Allow"))
			}
		})
	}
}

// What the daemon says no to.
func TestFailures(t *testing.T) {
	for _, tt := range []struct {
		name   string
		err    error
		code   int
		answer string
	}{
		{"no such server", fmt.Errorf("web has no server 192.0.2.29:80: %w", ErrNotFound), 404, `{"error":"web has no server 192.0.2.29:80: not found"}`},
		{"a wrong file", &Refused{Lines: []string{"m.yaml:1:1: a", "m.yaml:2:2: b"}}, 422, `{"error":"the configuration file is not right","lines":["m.yaml:1:1: a","m.yaml:2:2: b"]}`},
		{"a wrong file, wrapped", fmt.Errorf("reload: %w", &Refused{Lines: []string{"m.yaml:1:1: a"}}), 422, `{"error":"the configuration file is not right","lines":["m.yaml:1:1: a"]}`},
		{"too slow", fmt.Errorf("reading the table: %w", context.DeadlineExceeded), 503, `{"error":"the daemon had no answer within 30s"}`},
		{"stopping", context.Canceled, 503, `{"error":"this mainstay is stopping"}`},
		{"nobody took over", errors.New("edge: no router took over"), 500, `{"error":"edge: no router took over"}`},
		{"anything else", errors.New("this kernel has no IPVS: modprobe ip_vs"), 500, `{"error":"this kernel has no IPVS: modprobe ip_vs"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			socket := serve(t, &fake{err: tt.err})
			for _, r := range []struct{ method, path, body string }{
				{"GET", "/v1/status", ""},
				{"GET", "/v1/explain?service=web&server=x", ""},
				{"GET", "/v1/explain?router=edge", ""},
				{"POST", failoverPath, `{"cancel":true}`},
				{"POST", "/v1/reload", ""},
				{"POST", "/v1/plan", `{"file":"/m.yaml"}`},
				{"PUT", overridePath, `{"state":"drain"}`},
			} {
				if code, _, answer := ask(t, socket, r.method, r.path, r.body); code != tt.code || answer != tt.answer {
					t.Errorf("%s %s: got %d %s\nwant %d %s", r.method, r.path, code, answer, tt.code, tt.answer)
				}
			}
		})
	}
}

// Orders are logged with the user whom the kernel names; questions are not.
func TestOrdersAreLogged(t *testing.T) {
	var log bytes.Buffer
	socket := socketIn(t)
	l, err := Listen(socket)
	if err != nil {
		t.Fatal(err)
	}
	backend := &fake{}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- NewServer(backend, slog.New(slog.NewTextHandler(&log, nil))).Serve(ctx, l) }()
	ask(t, socket, "GET", "/v1/status", "")
	ask(t, socket, "PUT", overridePath, `{"state":"drain"}`)
	ask(t, socket, "POST", failoverPath, `{"cancel":true}`)
	backend.mu.Lock()
	backend.err = errors.New("no")
	backend.mu.Unlock()
	ask(t, socket, "POST", "/v1/reload", "")
	ask(t, socket, "POST", failoverPath, `{"cancel":false}`)
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	want := []string{
		fmt.Sprintf(`level=INFO msg="an order on the control socket was carried out" order=drain virtual_service=web real_server=192.0.2.21:80 uid=%d`, os.Getuid()),
		fmt.Sprintf(`level=INFO msg="an order on the control socket was carried out" order="failover --cancel" virtual_router=edge uid=%d`, os.Getuid()),
		fmt.Sprintf(`level=WARN msg="an order on the control socket was not carried out" order=reload uid=%d error=no`, os.Getuid()),
		fmt.Sprintf(`level=WARN msg="an order on the control socket was not carried out" order=failover virtual_router=edge uid=%d error=no`, os.Getuid()),
	}
	if len(lines) != len(want) {
		t.Fatalf("got %d lines, want %d:\n%s", len(lines), len(want), log.String())
	}
	for i := range want {
		if !strings.HasSuffix(lines[i], want[i]) {
			t.Errorf("got  %s\nwant %s", lines[i], want[i])
		}
	}
}

func TestStoppingRemovesTheSocket(t *testing.T) {
	socket := socketIn(t)
	l, err := Listen(socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- NewServer(&fake{}, slog.New(slog.DiscardHandler)).Serve(ctx, l) }()
	ask(t, socket, "GET", "/v1/status", "")
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(socket); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}
}

func TestServeFailsWithItsListener(t *testing.T) {
	l, err := Listen(socketIn(t))
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	err = NewServer(&fake{}, slog.New(slog.DiscardHandler)).Serve(t.Context(), l)
	if err == nil || !strings.HasPrefix(err.Error(), "the control socket: ") {
		t.Errorf("Serve on a closed listener: %v", err)
	}
}

// Whatever is asked, the answer is a JSON object, and a daemon that is well says
// nothing worse than that the request is wrong.
func FuzzRequests(f *testing.F) {
	f.Add("GET", "/v1/status", "")
	f.Add("GET", "/v1/explain?service=web&server=x", "")
	f.Add("PUT", overridePath, `{"state":"drain"}`)
	f.Add("PUT", "/v1/services/%2e%2e/servers/%00/override", `{"weight":"0"}`)
	f.Add("POST", "/v1/plan", `{"file":"/\u0000"}`)
	f.Add("CONNECT", "//v1//status", "{}")
	f.Add("GET", "/v1/explain?service=%ff&server=%ff", "")
	f.Add("GET", "/v1/explain?router=edge", "")
	f.Add("GET", "/v1/explain?router=edge&service=web", "")
	f.Add("POST", failoverPath, `{"cancel":true}`)
	f.Add("POST", "/v1/routers/%2e/failover", `{"cancel":0}`)
	handler := NewServer(&fake{}, slog.New(slog.DiscardHandler)).handler(f.Context(), &gate{})
	f.Fuzz(func(t *testing.T, method, path, body string) {
		text := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s", method, path, len(body), body)
		request, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text)))
		if err != nil {
			return // net/http refuses it before we see it
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, request)
		if w.Code >= 500 {
			t.Errorf("%s %s: %d %s", method, path, w.Code, w.Body)
		}
		if w.Code != 204 && !strings.HasPrefix(w.Body.String(), "{") {
			t.Errorf("%s %s: %d %q is not JSON", method, path, w.Code, w.Body)
		}
	})
}
