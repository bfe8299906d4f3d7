package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// What the daemon says arrives as it was said.
func TestClientAndServerAgree(t *testing.T) {
	at := time.Date(2025, 11, 21, 22, 14, 3, 0, time.FixedZone("", 3600))
	check := Check{Name: "bastion", Kind: "monitor", OK: true, Streak: 41, LatencyMS: 0.4, Error: "<&> \x1b[2J \u202e", At: at}
	server := Server{
		Address: "[2001:db8::21]:80", State: "drain", Weight: Weight{100, 0}, InTable: true, Why: "drain: by the operator",
		Override: "drain, weight 5", Connections: Connections{4294967295, 9}, Checks: []Check{check},
	}
	router := Router{
		Name: "edge", Interface: "eth0", VRID: 51, Version: 3, State: "retiring", Since: at, Why: "retiring: \x1b[2J", Priority: 150, Effective: 90,
		AdvertIntervalMS: 10, Addresses: []string{"192.0.2.100/32"}, Holding: true, Master: "192.0.2.11", Transitions: 3, StandingBy: true,
		SyncGroup: "pair", Penalties: []Penalty{{For: "virtual service web", Penalty: 60}},
		Adverts:  Adverts{Sent: 18446744073709551615, Received: 1, Dropped: map[string]uint64{"wrong VRID": 7}},
		Warnings: []string{"two masters"},
	}
	backend := &fake{
		status: Status{
			Director: DirectorStatus{
				Name: "lb-a", Version: "1", Ready: true, ConfigFile: "/m.yaml", ConfigLoadedAt: at, Warnings: []string{"w"},
				Mastership: &Mastership{Running: true, Restarts: 1, RealTime: true, LatenessP999MS: 0.3, LatenessWorstMS: 12.5},
			},
			VirtualRouters: []Router{router},
			VirtualServices: []Service{{
				Name: "web", Address: "fwmark 7 ipv4", Scheduler: "mh", Quorum: Quorum{Met: true, Weight: 2, Needed: 1},
				Sorry: true, RealServers: []Server{server},
			}},
		},
		explains: Explanation{Service: "web", Server: server, Changes: []Change{{At: at, To: "up, weight 100", Cause: "up: tcp ok"}}},
		router:   RouterExplanation{Router: router, Changes: []Change{{At: at, From: "master", To: "retiring", Cause: "failover"}}},
		failed:   FailoverResult{Router: "edge", State: "backup", Master: "192.0.2.12"},
		plans:    Plan{Changes: []string{"-A -t 192.0.2.100:80 -s wlc"}, Foreign: []string{"-f 7"}, Notes: []string{"n"}},
		warnings: []string{"m.yaml:8:5: no checks"},
	}
	client := NewClient(serve(t, backend))

	status, err := client.Status(t.Context())
	same(t, "Status", status, backend.status, err)
	explanation, err := client.Explain(t.Context(), "web", "[2001:db8::21]:80")
	same(t, "Explain", explanation, backend.explains, err)
	ofRouter, err := client.ExplainRouter(t.Context(), "edge")
	same(t, "ExplainRouter", ofRouter, backend.router, err)
	for _, cancel := range []bool{false, true} {
		failed, err := client.Failover(t.Context(), "edge", cancel)
		same(t, "Failover", failed, backend.failed, err)
	}
	warnings, err := client.Reload(t.Context())
	same(t, "Reload", warnings, backend.warnings, err)
	plan, err := client.Plan(t.Context(), "/etc/mainstay/mainstay.yaml")
	same(t, "Plan", plan, backend.plans, err)
	if err := client.Override(t.Context(), "web", "192.0.2.21:80", Override{Weight: "5"}); err != nil {
		t.Error(err)
	}
	same(t, "what the daemon heard", backend.heard(), []string{
		"status", `explain "web" "[2001:db8::21]:80"`, `explain "edge"`, `failover "edge" cancel=false`, `failover "edge" cancel=true`, "reload", `plan "/etc/mainstay/mainstay.yaml"`, `override "web" "192.0.2.21:80" weight 5`,
	}, nil)
}

func same(t *testing.T, what string, got, want any, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("%s: %v", what, err)
	} else if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// Any names that a client takes reach the daemon unharmed, in a query and in a path.
func TestNamesArriveUnharmed(t *testing.T) {
	backend := &fake{}
	client := NewClient(serve(t, backend))
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.OneOf(
			rapid.SampledFrom([]string{".", "..", "a/b", "/", "a b", "%2F", "?", "#", "&=+", "[2001:db8::21]:80", "192.0.2.21", "ü"}),
			rapid.String(),
		)
		service, server := name.Draw(t, "service"), name.Draw(t, "server")
		override := client.Override(t.Context(), service, server, Override{State: "drain"})
		_, explain := client.Explain(t.Context(), service, server)
		var want []string
		if err := checkNames(service, server); err == nil {
			want = []string{fmt.Sprintf("override %q %q drain", service, server), fmt.Sprintf("explain %q %q", service, server)}
		} else if override == nil || explain == nil {
			t.Fatalf("%v, and yet there is no error", err)
		}
		if diff := cmp.Diff(want, backend.heard()); diff != "" {
			t.Fatalf("the daemon heard (-want +got):\n%s\n%v\n%v", diff, override, explain)
		}

		_, failover := client.Failover(t.Context(), service, false)
		_, explain = client.ExplainRouter(t.Context(), service)
		want = nil
		if err := checkRouter(service); err == nil {
			want = []string{fmt.Sprintf("failover %q cancel=false", service), fmt.Sprintf("explain %q", service)}
		} else if failover == nil || explain == nil {
			t.Fatalf("%v, and yet there is no error", err)
		}
		if diff := cmp.Diff(want, backend.heard()); diff != "" {
			t.Fatalf("of a router the daemon heard (-want +got):\n%s\n%v\n%v", diff, failover, explain)
		}
	})
}

func TestClientRefusesWhatTheDaemonWould(t *testing.T) {
	client := NewClient("/there/is/no/daemon")
	for _, o := range []Override{{}, {State: "drain", Weight: "5"}, {State: "up"}, {Weight: "-1"}, {Weight: "+1"}, {Weight: "007"}, {Weight: "65536"}, {Weight: "all"}} {
		if err := client.Override(t.Context(), "web", "x", o); err == nil || errors.Is(err, ErrNoDaemon) {
			t.Errorf("%+v: %v", o, err)
		}
	}
	for _, router := range []string{"", ".", "a/b", "edge\n", strings.Repeat("e", 129)} {
		_, explain := client.ExplainRouter(t.Context(), router)
		_, failover := client.Failover(t.Context(), router, false)
		for _, err := range []error{explain, failover} {
			if err == nil || errors.Is(err, ErrNoDaemon) {
				t.Errorf("the router %q: %v", router, err)
			}
		}
	}
	for _, o := range []Override{{State: "drain"}, {State: "maint"}, {State: "enable"}, {Weight: "0"}, {Weight: "65535"}, {Weight: "auto"}} {
		if err := client.Override(t.Context(), "web", "x", o); !errors.Is(err, ErrNoDaemon) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

func TestNoDaemon(t *testing.T) {
	dir := folder(t)
	leaveStale(t, dir+"/stale")
	writeFile(t, dir+"/file")
	for _, socket := range []string{"/none", "/none/none", "/stale", "/file/none"} {
		socket = dir + socket
		_, err := NewClient(socket).Status(t.Context())
		want := "no daemon listens on " + socket + ": is mainstay running? (systemctl status mainstay)"
		if !errors.Is(err, ErrNoDaemon) || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

// notOurs gives a file to a group that nobody who runs tests is a member of. Where
// the tests don't run as root, it is the owner who loses the rights of others.
func notOurs(path string) error {
	if os.Geteuid() == 0 {
		return os.Chown(path, 0, 65533)
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	mode := info.Mode().Perm()
	return os.Chmod(path, mode&^0o700|mode&0o007<<6)
}

func TestNoPermission(t *testing.T) {
	dir := folder(t)
	for _, tt := range []struct {
		folder, socket fs.FileMode
		what           string
		member         bool // being a member of the group would help
	}{
		{0o755, 0o660, "DIR/closed/s is for user ", true},
		{0o755, 0o600, "DIR/closed/s is for user ", false},
		{0o750, 0o660, "DIR/closed is for user ", true},
		{0o700, 0o660, "DIR/closed is for user ", false},
	} {
		closed := filepath.Join(dir, "closed")
		if err := os.Mkdir(closed, 0o755); err != nil {
			t.Fatal(err)
		}
		l, err := Listen(closed + "/s")
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.Chmod(closed+"/s", tt.socket), os.Chmod(closed, tt.folder), notOurs(closed+"/s"), notOurs(closed)); err != nil {
			t.Fatal(err)
		}
		asNobody(t, func() { _, err = dial(t.Context(), closed+"/s") })
		if err == nil || !errors.Is(err, fs.ErrPermission) || errors.Is(err, ErrNoDaemon) {
			t.Errorf("folder %o, socket %o: %v", tt.folder, tt.socket, err)
		} else {
			text := strings.ReplaceAll(err.Error(), dir, "DIR")
			if want := "no permission to ask the daemon on DIR/closed/s: " + tt.what; !strings.HasPrefix(text, want) {
				t.Errorf("got  %s\nwant %s", text, want)
			}
			if got := strings.HasSuffix(text, ": use sudo, or become a member of that group"); got != tt.member {
				t.Errorf("folder %o, socket %o: %s", tt.folder, tt.socket, text)
			}
		}
		if err := os.Chmod(closed, 0o755); err != nil {
			t.Fatal(err)
		}
		l.Close()
		if err := os.Remove(closed); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheClientHearsWhatIsWrong(t *testing.T) {
	backend := &fake{}
	client := NewClient(serve(t, backend))

	backend.err = fmt.Errorf("web has no server 192.0.2.29:80: %w", ErrNotFound)
	_, err := client.Explain(t.Context(), "web", "192.0.2.29:80")
	if !errors.Is(err, ErrNotFound) || err.Error() != "web has no server 192.0.2.29:80: not found" {
		t.Errorf("explain: %v", err)
	}

	backend.err = fmt.Errorf("virtual router \"egde\": %w (want edge)", ErrNotFound)
	_, err = client.ExplainRouter(t.Context(), "egde")
	if !errors.Is(err, ErrNotFound) || err.Error() != `virtual router "egde": not found (want edge)` {
		t.Errorf("explain a router: %v", err)
	}

	backend.err = errors.New("edge: no router took over: it is master again")
	_, err = client.Failover(t.Context(), "edge", false)
	if err == nil || err.Error() != "edge: no router took over: it is master again" {
		t.Errorf("failover: %v", err)
	}

	lines := []string{"m.yaml:1:1: a", "m.yaml:2:2: b"}
	backend.err = &Refused{Lines: lines}
	_, err = client.Reload(t.Context())
	if refused, ok := errors.AsType[*Refused](err); !ok || !cmp.Equal(refused.Lines, lines) {
		t.Errorf("reload: %v", err)
	}

	backend.err = errors.New("this kernel has no IPVS: modprobe ip_vs")
	_, err = client.Plan(t.Context(), "/m.yaml")
	if err == nil || err.Error() != "this kernel has no IPVS: modprobe ip_vs" {
		t.Errorf("plan: %v", err)
	}
}

// Somebody else listens on the socket.
func TestStrangers(t *testing.T) {
	for _, tt := range []struct {
		name    string
		handler http.HandlerFunc
		want    string
	}{
		{
			"another program",
			func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "what?", http.StatusTeapot) },
			"the answer on SOCKET is 418 I'm a teapot, which is not a mainstay's: who listens there?",
		},
		{
			"one that sends us on",
			func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) },
			"the answer on SOCKET is 302 Found, which is not a mainstay's: who listens there?",
		},
		{
			"a mainstay of another version",
			func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"director": 5}`) },
			"the answer on SOCKET is not of a mainstay of this version: ",
		},
		{
			"one that hangs up",
			func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
			"the daemon on SOCKET hung up without an answer: did it stop? (journalctl -u mainstay)",
		},
		{
			"one that hangs up in the middle",
			func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", "100")
				fmt.Fprint(w, "{")
				panic(http.ErrAbortHandler)
			},
			"the daemon on SOCKET hung up without an answer: did it stop? (journalctl -u mainstay)",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			socket := socketIn(t)
			l, err := net.Listen("unix", socket)
			if err != nil {
				t.Fatal(err)
			}
			server := &http.Server{Handler: tt.handler}
			done := make(chan error)
			go func() { done <- server.Serve(l) }()
			_, err = NewClient(socket).Status(context.Background())
			if err == nil || !strings.HasPrefix(strings.ReplaceAll(err.Error(), socket, "SOCKET"), tt.want) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
			server.Close()
			<-done
		})
	}
}
