package language

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/mainstay-lvs/mainstay/internal/wire"
)

// notForPrograms are the parts of the vectors that a program has no use for, each with the reason.
var notForPrograms = map[string]string{
	"about":            "it is a text",
	"macs_refused":     "directors verify",
	"agent_lines":      "directors read agent lines",
	"not_agent_lines":  "directors read agent lines",
	"agent_parsed":     "directors read agent lines",
	"agent_refused":    "directors read agent lines",
	"keys":             "directors derive keys",
	"aged":             "relays put ages",
	"datagrams":        "directors and relays read heartbeats",
	"relays":           "it is for relays",
	"relays_taken":     "it is for relays",
	"relays_refused":   "it is for relays",
	"relay_overhead":   "it is for relays",
	"relays_malformed": "it is for relays",
}

// forPrograms are the others.
var forPrograms = map[string]func(*vectors, json.RawMessage){
	"lines":             (*vectors).lines,
	"requests":          (*vectors).requests,
	"answers":           (*vectors).answers,
	"macs":              (*vectors).macs,
	"agent":             (*vectors).agent,
	"key_files":         (*vectors).keyFiles,
	"intervals":         (*vectors).intervals,
	"intervals_refused": (*vectors).intervalsRefused,
	"heartbeats":        (*vectors).heartbeats,
}

// testVectors runs every vector that is for programs through the implementation.
func testVectors(t *testing.T, command []string) {
	for _, name := range []string{"monitor1", "heartbeat1"} {
		v := &vectors{t: t, file: name}
		v.start(command)
		data, err := os.ReadFile(filepath.Join(root(), "internal/wire/testdata", name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		var parts map[string]json.RawMessage
		if err := json.Unmarshal(data, &parts); err != nil {
			t.Fatal(err)
		}
		for part, text := range parts {
			run, known := forPrograms[part]
			if !known && notForPrograms[part] == "" {
				t.Errorf("%s.json has the part %s: run it, or say why not", name, part)
			}
			if known {
				run(v, text)
			}
		}
		if v.n < 30 {
			t.Errorf("%s.json: only %d vectors were run", name, v.n)
		}
	}
}

// root is the module's folder.
func root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "../../..")
}

// vectors is a running program, and a file whose vectors it runs.
type vectors struct {
	t    *testing.T
	file string
	in   io.Writer
	out  *bufio.Reader
	n    int
}

func (v *vectors) start(command []string) {
	v.t.Helper()
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		v.t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		v.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		v.t.Fatal(err)
	}
	v.t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			v.t.Errorf("%s: %v", command, err)
		}
	})
	v.in, v.out = in, bufio.NewReader(out)
}

// expect runs a command and expects a result; words that are not words of an error are texts.
func (v *vectors) expect(want []string, command string, args ...string) {
	v.t.Helper()
	v.n++
	words := []string{command}
	for _, a := range args {
		words = append(words, digits(a))
	}
	if _, err := fmt.Fprintln(v.in, strings.Join(words, " ")); err != nil {
		v.t.Fatalf("%s: %s %q: %v", v.file, command, args, err)
	}
	line, err := v.out.ReadString('\n')
	if err != nil {
		v.t.Fatalf("%s: %s %q: %v", v.file, command, args, err)
	}
	if got := strings.TrimSuffix(line, "\n"); got != strings.Join(want, " ") {
		v.t.Errorf("%s: %s %q\n  gives %s\n wanted %s", v.file, command, args, readable(got), readable(strings.Join(want, " ")))
	}
}

func digits(text string) string {
	if text == "" {
		return "-"
	}
	return hex.EncodeToString([]byte(text))
}

func texts(all ...string) []string {
	for i, text := range all {
		all[i] = digits(text)
	}
	return all
}

// readable is a result as people read it.
func readable(result string) string {
	words := strings.Fields(result)
	for i, w := range words {
		if text, err := hex.DecodeString(w); err == nil {
			words[i] = strconv.Quote(string(text))
		}
	}
	return strings.Join(words, " ")
}

func parse[T any](v *vectors, text json.RawMessage) T {
	v.t.Helper()
	var to T
	if err := json.Unmarshal(text, &to); err != nil {
		v.t.Fatalf("%s: %v", v.file, err)
	}
	return to
}

func (v *vectors) bytes(hexDigits string) string {
	v.t.Helper()
	b, err := hex.DecodeString(hexDigits)
	if err != nil {
		v.t.Fatal(err)
	}
	return string(b)
}

func (v *vectors) lines(text json.RawMessage) {
	all := parse[struct{ Valid, Invalid []string }](v, text)
	for _, line := range all.Valid {
		v.expect([]string{"ok"}, "line", line)
	}
	for _, line := range all.Invalid {
		want := "malformed"
		if len(line) >= wire.MaxLine {
			want = "too-long"
		}
		v.expect([]string{want}, "line", line)
	}
}

func (v *vectors) requests(text json.RawMessage) {
	for _, r := range parse[[]struct {
		Line, Error string
		Request     struct {
			Method, Target, Service, Nonce string
			IntervalMS                     int `json:"interval_ms"`
		}
	}](v, text) {
		if r.Error != "" {
			v.expect([]string{r.Error}, "request", r.Line)
			continue
		}
		ms := ""
		if r.Request.IntervalMS > 0 {
			ms = strconv.Itoa(r.Request.IntervalMS)
		}
		v.expect(texts(r.Request.Method, r.Request.Target, r.Request.Service, ms, r.Request.Nonce), "request", r.Line)
	}
}

// said is what a line says, and how it is printed.
type said struct {
	Line, Canonical, Error string
}

// unsigned is the line as a program prints it before it signs.
func (s said) unsigned() string {
	line := s.Line
	if s.Canonical != "" {
		line = s.Canonical
	}
	if i := strings.LastIndex(line, " mac="); i >= 0 && !strings.HasSuffix(line, `"`) {
		line = line[:i]
	}
	return line
}

// answers prints what the valid ones say: programs read none.
func (v *vectors) answers(text json.RawMessage) {
	for _, a := range parse[[]struct {
		said
		Answer struct{ State, Service, Instance, Seq, Weight, Conns, Served, Failed, Reason string }
	}](v, text) {
		if w := a.Answer; a.Error == "" {
			v.expect(texts(a.unsigned()), "answer", w.State, w.Service, w.Instance, w.Seq, w.Weight, w.Conns, w.Served, w.Failed, w.Reason)
		}
	}
}

// heartbeats prints what the valid ones say, but for those that a relay has aged.
func (v *vectors) heartbeats(text json.RawMessage) {
	for _, h := range parse[[]struct {
		said
		Heartbeat struct {
			State, ID, Service, Instance, Seq, Weight, Conns, Served, Failed, Reason, Age string
			IntervalMS                                                                    int `json:"interval_ms"`
		}
	}](v, text) {
		w := h.Heartbeat
		if h.Error != "" || w.Age != "" {
			continue
		}
		start, err := strconv.ParseUint(w.Instance, 10, 64)
		if err != nil {
			v.t.Fatal(err)
		}
		v.expect(texts(h.unsigned()), "heartbeat", w.State, w.ID, w.Service, wire.FormatInstance(start), w.Seq, strconv.Itoa(w.IntervalMS),
			w.Weight, w.Conns, w.Served, w.Failed, w.Reason)
	}
}

// macs are those of answers, or of heartbeats.
func (v *vectors) macs(text json.RawMessage) {
	for _, m := range parse[[]struct {
		Request, Answer, Line, Signed string
		Secret                        string `json:"secret_hex"`
		Key                           string `json:"key_hex"`
	}](v, text) {
		if m.Key != "" {
			v.expect(texts(m.Signed), "sign-heartbeat", v.bytes(m.Key), m.Line)
		} else {
			v.expect(texts(m.Signed), "sign", v.bytes(m.Secret), m.Request, m.Answer)
		}
	}
}

func (v *vectors) agent(text json.RawMessage) {
	for _, a := range parse[[]struct{ State, Weight, Reason, Line string }](v, text) {
		v.expect(texts(a.Line), "agent", a.State, a.Weight, a.Reason)
	}
}

func (v *vectors) intervals(text json.RawMessage) {
	for _, i := range parse[[]struct {
		Text string
		MS   int
	}](v, text) {
		v.expect(texts(strconv.Itoa(i.MS)), "interval", i.Text)
	}
}

func (v *vectors) intervalsRefused(text json.RawMessage) {
	for _, refused := range parse[[]string](v, text) {
		v.expect([]string{"malformed"}, "interval", refused)
	}
}

func (v *vectors) keyFiles(text json.RawMessage) {
	path := filepath.Join(v.t.TempDir(), "key")
	for _, k := range parse[[]struct {
		Text, Error string
		Key         string `json:"key_hex"`
	}](v, text) {
		if err := os.WriteFile(path, []byte(k.Text), 0o600); err != nil {
			v.t.Fatal(err)
		}
		want := []string{"malformed"}
		if k.Error == "" {
			want = []string{k.Key}
		}
		v.expect(want, "key", path)
	}
	if err := os.Chmod(path, 0o604); err != nil {
		v.t.Fatal(err)
	}
	v.expect([]string{"malformed"}, "key", path) // others can read it
}
