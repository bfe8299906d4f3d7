package daemon

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mainstay-lvs/mainstay/checker"
	"github.com/mainstay-lvs/mainstay/internal/config"
	"github.com/mainstay-lvs/mainstay/internal/control"
	"github.com/mainstay-lvs/mainstay/internal/decide"
	"github.com/mainstay-lvs/mainstay/ipvs"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// web is a configuration with one service; more keys of the service can be given.
func web(t *testing.T, servers string, more ...string) *config.Config {
	t.Helper()
	text := `
director: {name: lb-a}
virtual_services:
  - name: web
    address: 192.0.2.100:80/tcp
    scheduler: rr
    forward: nat
    checks: [tcp]
    real_servers: [` + servers + `]
` + strings.Join(more, "")
	file, problems := config.Parse("web.yaml", []byte(text), config.ThisHost{})
	if file == nil {
		t.Fatal(problems.Err())
	}
	return file
}

// table parses what ipvsadm would save.
func parseTable(t *testing.T, text string) ipvs.Table {
	t.Helper()
	parsed, err := ipvs.ParseTable(strings.ReplaceAll(text, "\t", ""))
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// begin is a core that starts with a file on a kernel's table.
func begin(t *testing.T, file *config.Config, kernel string) *core {
	t.Helper()
	return newCore(start, file.Services, parseTable(t, kernel), nil, make(overrides), newHistory())
}

// result is an event of the tcp check of a server.
func (c *core) result(t *testing.T, now time.Time, server string, v checker.Verdict) {
	t.Helper()
	for _, s := range c.services {
		for i, known := range s.config.Servers {
			if known.Address.String() != server {
				continue
			}
			for _, named := range s.config.Checks[i] {
				e := checker.Event{Key: named.Spec.Key(), At: now, Verdict: v, Percent: 100, Streak: 3, Changed: true}
				e.Result = checker.Result{Answer: checker.Success, Percent: 100}
				if v == checker.Down {
					e.Result.Answer, e.Reason = checker.Failure, "connection refused"
				}
				c.event(now, e)
			}
			return
		}
	}
	t.Fatalf("no server %s", server)
}

const webEmpty = "-A -t 192.0.2.100:80 -s rr\n"

func server(address string) string { return "-a -t 192.0.2.100:80 -r " + address + " -m -w 1\n" }

func TestServersEnterOnTheirFirstSuccessAndTheServiceSettlesOnTheLast(t *testing.T) {
	c := begin(t, web(t, "192.0.2.21, 192.0.2.22"), "")
	c.decide(start)
	if c.settled() {
		t.Error("settled before any result")
	}
	c.result(t, start, "192.0.2.21:80", checker.Up)
	c.decide(start)
	if c.settled() {
		t.Error("settled with one result of two")
	}
	c.result(t, start, "192.0.2.22:80", checker.Unknown)
	wanted, _ := c.decide(start)
	if !c.settled() {
		t.Error("not settled with a result of each check")
	}
	if got := c.wanted().String(); got != webEmpty+server("192.0.2.21:80") {
		t.Errorf("wanted\n%s", got)
	}
	if len(wanted) != 0 {
		t.Errorf("nothing changed, yet %v", wanted)
	}
}

func TestAServiceSettlesAfterTenSecondsWithoutResults(t *testing.T) {
	c := begin(t, web(t, "192.0.2.21"), "")
	c.decide(start)
	if c.next != start.Add(settleTime) {
		t.Errorf("asks to be woken at %s", c.next)
	}
	c.decide(start.Add(settleTime))
	if !c.settled() {
		t.Error("not settled after 10 s")
	}
}

func TestAFoundServerStaysAsItIsUntilItsFirstVerdict(t *testing.T) {
	found := webEmpty + "-a -t 192.0.2.100:80 -r 192.0.2.21:80 -m -w 7\n"
	c := begin(t, web(t, "192.0.2.21"), found)
	c.decide(start.Add(settleTime))
	if got := c.wanted().String(); got != found {
		t.Errorf("wanted\n%s", got)
	}
	c.result(t, start, "192.0.2.21:80", checker.Down)
	c.decide(start.Add(settleTime))
	if got := c.wanted().String(); got != webEmpty {
		t.Errorf("wanted\n%s", got)
	}
}

func TestReloadKeepsWhatIsKnown(t *testing.T) {
	c := begin(t, web(t, "192.0.2.21, 192.0.2.22"), "")
	c.result(t, start, "192.0.2.21:80", checker.Up)
	c.result(t, start, "192.0.2.22:80", checker.Up)
	c.decide(start)

	gone := c.reload(start, web(t, "192.0.2.21, 192.0.2.23").Services, ipvs.Table{})
	wanted, _ := c.decide(start)
	if len(gone) != 0 || len(wanted) != 1 {
		t.Fatalf("gone %v, changed %v", gone, wanted)
	}
	// .21 goes on, .22 drains, .23 waits for its first success.
	want := webEmpty + server("192.0.2.21:80") + "-a -t 192.0.2.100:80 -r 192.0.2.22:80 -m -w 0\n"
	if got := c.wanted().String(); got != want {
		t.Errorf("wanted\n%s", got)
	}
	if len(c.draining) != 1 {
		t.Errorf("draining %v", c.draining)
	}
	// Its connections are counted, and when there are none it is out.
	key := c.services[0].config.Head.Key
	c.counted(start.Add(time.Second), map[ipvs.ServerKey]ipvs.Counters{
		{Service: key, Address: netip.MustParseAddrPort("192.0.2.22:80")}: {Inactive: 3},
	})
	c.decide(start.Add(time.Second))
	if got := c.wanted().String(); got != webEmpty+server("192.0.2.21:80") {
		t.Errorf("wanted\n%s", got)
	}
	if len(c.draining) != 0 {
		t.Errorf("draining %v", c.draining)
	}
}

func TestReloadTellsWhichServicesAreGone(t *testing.T) {
	second := "  - {name: second, address: '192.0.2.101:80/tcp', forward: nat, real_servers: [192.0.2.21]}\n"
	c := begin(t, web(t, "192.0.2.21", second), "")
	c.decide(start)
	gone := c.reload(start, web(t, "192.0.2.21").Services, ipvs.Table{})
	if len(gone) != 1 || gone[0].String() != "192.0.2.101:80/tcp" {
		t.Errorf("gone %v", gone)
	}
}

// Two services that ask for the same check share it, and both hear of it.
func TestOneCheckForTwoServices(t *testing.T) {
	second := `  - name: second
    address: 192.0.2.101:80/tcp
    forward: nat
    checks: [tcp]
    real_servers: [192.0.2.21]
`
	c := begin(t, web(t, "192.0.2.21", second), "")
	if specs := c.specs(); len(specs) != 1 {
		t.Fatalf("%d checks, want 1", len(specs))
	}
	c.result(t, start, "192.0.2.21:80", checker.Up)
	c.decide(start)
	want := webEmpty + server("192.0.2.21:80") + "-A -t 192.0.2.101:80 -s wlc\n-a -t 192.0.2.101:80 -r 192.0.2.21:80 -m -w 1\n"
	if got := c.wanted().String(); got != want {
		t.Errorf("wanted\n%s", got)
	}
}

func TestAHypotheticalCoreLeavesTheRealOneAlone(t *testing.T) {
	c := begin(t, web(t, "192.0.2.21, 192.0.2.22"), "")
	c.result(t, start, "192.0.2.21:80", checker.Up)
	c.result(t, start, "192.0.2.22:80", checker.Down)
	c.decide(start)
	before := c.wanted().String()

	h := c.hypothetical(start, web(t, "192.0.2.22, 192.0.2.23"), ipvs.Table{})
	if assumed := h.assume(); assumed != 1 {
		t.Errorf("%d checks assumed, want that of .23 only", assumed)
	}
	plan := h.plan(start, parseTable(t, before+"-A -t 203.0.113.1:80 -s rr"), nil)
	want := []string{
		"ipvsadm -a -t 192.0.2.100:80 -r 192.0.2.23:80 -m -w 1",
		"ipvsadm -e -t 192.0.2.100:80 -r 192.0.2.21:80 -m -w 0",
	}
	if !slices.Equal(plan.Changes, want) {
		t.Errorf("plan %q", plan.Changes)
	}
	if !slices.Equal(plan.Foreign, []string{"203.0.113.1:80/tcp (rr, 0 real servers)"}) {
		t.Errorf("foreign %q", plan.Foreign)
	}
	c.decide(start)
	if got := c.wanted().String(); got != before {
		t.Errorf("the real core now wants\n%s", got)
	}
	if len(c.history.of(ipvs.ServerKey{Service: c.services[0].config.Head.Key, Address: netip.MustParseAddrPort("192.0.2.23:80")})) != 0 {
		t.Error("the real history tells of what never was")
	}
}

func TestFindNamesWhatThereIs(t *testing.T) {
	c := begin(t, web(t, "192.0.2.21, {address: '192.0.2.22:81', checks: [tcp]}, 192.0.2.22"), "")
	for _, f := range []struct{ service, server, want string }{
		{"web", "192.0.2.21:80", "192.0.2.21:80"},
		{"web", "192.0.2.21", "192.0.2.21:80"},
		{"web", "192.0.2.22", "192.0.2.22:80"}, // the service's port goes first
		{"web", "192.0.2.23", `real server "192.0.2.23" of the virtual service web: not found (want 192.0.2.21:80, 192.0.2.22:81, 192.0.2.22:80)`},
		{"www", "192.0.2.21", `virtual service "www": not found (want web)`},
	} {
		_, key, err := c.find(f.service, f.server)
		got := key.Address.String()
		if err != nil {
			got = err.Error()
		}
		if got != f.want {
			t.Errorf("find(%s, %s) = %s, want %s", f.service, f.server, got, f.want)
		}
	}
}

func TestOverrides(t *testing.T) {
	key := ipvs.ServerKey{Service: ipvs.AddressKey(ipvs.TCP, netip.MustParseAddrPort("192.0.2.100:80")), Address: netip.MustParseAddrPort("192.0.2.21:80")}
	o := make(overrides)
	for i, step := range []struct {
		order control.Override
		want  string
	}{
		{control.Override{State: "drain"}, "drain since 0"},
		{control.Override{State: "drain"}, "drain since 0"}, // it keeps its time
		{control.Override{Weight: "5"}, "drain, weight 5 since 0"},
		{control.Override{State: "maint"}, "maint, weight 5 since 3"},
		{control.Override{State: "enable"}, "weight 5"},
		{control.Override{Weight: "0"}, "weight 0"},
		{control.Override{Weight: "65536"}, `"65536" is not a weight (want 0 to 65535, or auto)`},
		{control.Override{State: "stop"}, `"stop" is not a state to set (want drain, maint or enable)`},
		{control.Override{Weight: "auto"}, ""},
	} {
		err := o.set(start.Add(time.Duration(i)*time.Second), key, step.order)
		got := words(o.of(key))
		if since := o.of(key).Since; !since.IsZero() {
			got += " since " + string('0'+rune(since.Sub(start)/time.Second))
		}
		if err != nil {
			got = err.Error()
		}
		if got != step.want {
			t.Errorf("%+v: got %q, want %q", step.order, got, step.want)
		}
	}
	if len(o) != 0 {
		t.Errorf("what is empty is kept: %v", o)
	}
}

func TestHistory(t *testing.T) {
	c := begin(t, web(t, "192.0.2.21"), "")
	s := c.services[0]
	report := func(state decide.State, weight int, in bool) decide.ServerReport {
		return decide.ServerReport{Address: s.config.Servers[0].Address, State: state, Effective: weight, InTable: in, Why: string(state)}
	}
	h := newHistory()
	steps := []decide.ServerReport{
		{},
		report(decide.StateStarting, 0, false), report(decide.StateUp, 10, true), report(decide.StateUp, 20, true),
		report(decide.StateUp, 30, true), report(decide.StateDown, 0, false),
	}
	for i := range steps[1:] {
		h.add(start.Add(time.Duration(i)*time.Second), change{s, steps[i], steps[i+1]})
	}
	var got []string
	key := ipvs.ServerKey{Service: s.config.Head.Key, Address: s.config.Servers[0].Address}
	for _, c := range h.of(key) {
		got = append(got, c.From+" -> "+c.To)
	}
	want := []string{
		" -> starting, not in the table",
		"starting, not in the table -> up, weight 10",
		"up, weight 10 -> up, weight 30", // two steps of a ramp are one
		"up, weight 30 -> down, not in the table",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	for range 30 {
		h.add(start, change{s, report(decide.StateDown, 0, false), report(decide.StateUp, 1, true)})
	}
	if n := len(h.of(key)); n != historyLength {
		t.Errorf("%d changes are kept", n)
	}
	h.keep(func(ipvs.ServerKey) bool { return false })
	if len(h.Servers) != 0 {
		t.Errorf("unknown servers are kept: %v", h.Servers)
	}
}
