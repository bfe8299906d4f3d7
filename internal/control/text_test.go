package control

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares a text with a file under testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got); go test ./internal/control -update writes it anew:\n%s", file, diff)
	}
	tame(t, got)
	if strings.Contains(got, " \n") {
		t.Errorf("%s: a line ends with a space", file)
	}
}

// tame fails where a text has what a terminal acts upon.
func tame(t *testing.T, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		line, ended := strings.CutSuffix(line, "\n")
		if !ended {
			t.Errorf("%q has no end", line)
		}
		if strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%q would reach the terminal raw", line)
		}
	}
}

func TestText(t *testing.T) {
	for name, s := range pictures {
		t.Run("status_"+name, func(t *testing.T) { golden(t, "status_"+name, s.Text()) })
	}
	for name, e := range explanations {
		t.Run("explain_"+name, func(t *testing.T) { golden(t, "explain_"+name, e.Text()) })
	}
	for name, e := range routerExplanations {
		t.Run("router_"+name, func(t *testing.T) { golden(t, "router_"+name, e.Text()) })
	}
	for name, p := range plans {
		t.Run("plan_"+name, func(t *testing.T) { golden(t, "plan_"+name, p.Text()) })
	}
	for name, p := range probes {
		t.Run("probe_"+name, func(t *testing.T) { golden(t, "probe_"+name, ProbesText(p)) })
	}
}

func TestFailoverText(t *testing.T) {
	for _, tt := range failovers {
		got := tt.result.Text(tt.cancelled)
		if got != tt.want {
			t.Errorf("got  %swant %s", got, tt.want)
		}
		tame(t, got)
	}
}

func TestPlain(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"", ""},
		{`connection refused, "quoted", \d and ü 日本`, `connection refused, "quoted", \d and ü 日本`},
		{"two\nlines\r\n", `two\nlines\r\n`},
		{"\x1b[2J\a\x00\x7f", `\x1b[2J\a\x00\x7f`},
		{"\u009b31m", `\u009b31m`},
		{"\u202eexe", `\u202eexe`},
		{"\xff\xfeok", `\xff\xfeok`},
		{"\ufffd is what was sent", "\ufffd is what was sent"},
		{"\U000e0001", `\U000e0001`},
	} {
		if got := Plain(tt.text); got != tt.want {
			t.Errorf("Plain(%q) = %q, want %q", tt.text, got, tt.want)
		}
	}
}

func FuzzPlain(f *testing.F) {
	f.Add("down: tcp: connection refused")
	f.Add("\x1b[2J\n\u009b\u202e\xff")
	f.Fuzz(func(t *testing.T, text string) {
		plain := Plain(text)
		tame(t, plain+"\n")
		if again := Plain(plain); again != plain {
			t.Errorf("Plain(%q) = %q, and of that %q", text, plain, again)
		}
	})
}

// Whatever comes from the network, the picture has as many lines as it should.
func FuzzStatusText(f *testing.F) {
	f.Add("192.0.2.21:80", "down: tcp: connection refused", "a warning")
	f.Add("192.0.2.100/32", "fault: eth0 is down", "192.0.2.12 says that it is master too")
	f.Add("\n", "\x1b[2J\n\n", "\r\n")
	f.Fuzz(func(t *testing.T, address, why, warning string) {
		s := Status{
			Director: DirectorStatus{Warnings: []string{warning}},
			VirtualRouters: []Router{{
				Name: address, Interface: address, State: "fault", Why: why, Master: address, Addresses: []string{address}, Warnings: []string{warning},
			}},
			VirtualServices: []Service{web(met(1, 1), Server{Address: address, State: "down", Why: why})},
		}
		text := s.Text()
		tame(t, text)
		if got := strings.Count(text, "\n"); got != 13 {
			t.Errorf("%d lines, want 13:\n%s", got, text)
		}
	})
}

// The same for a router's own page.
func FuzzRouterText(f *testing.F) {
	f.Add("192.0.2.100/32", "master: 192.0.2.12 was not heard for 3.4 s", 1000.0)
	f.Add("\n", "\x1b[2J\n\n", -1e300)
	f.Fuzz(func(t *testing.T, name, why string, interval float64) {
		e := RouterExplanation{
			Router: Router{
				Name: name, Interface: name, State: why, Why: why, AdvertIntervalMS: interval, Addresses: []string{name}, Master: name,
				StandingBy: true, Penalties: []Penalty{{For: name}}, Warnings: []string{why}, SyncGroup: "pair",
				Adverts: Adverts{Dropped: map[string]uint64{why: 1}},
			},
			Changes: []Change{{From: why, To: why, Cause: why}},
		}
		text := e.Text()
		tame(t, text)
		if got := strings.Count(text, "\n"); got != 16 {
			t.Errorf("%d lines, want 16:\n%s", got, text)
		}
	})
}

// The JSON that is printed means what was said, and is tame as well.
func FuzzJSON(f *testing.F) {
	f.Add("down: tcp: connection refused <&>")
	f.Add("\x1b[2J\n\u009b\u202e\U000e0001\x7f\u2028")
	f.Fuzz(func(t *testing.T, text string) {
		text = strings.ToValidUTF8(text, "?")
		printed, err := JSON(Server{Why: text})
		if err != nil {
			t.Fatal(err)
		}
		tame(t, string(printed))
		var back Server
		if err := json.Unmarshal(printed, &back); err != nil {
			t.Fatalf("%v in %s", err, printed)
		}
		if back.Why != text {
			t.Errorf("%q became %q", text, back.Why)
		}
	})
}
