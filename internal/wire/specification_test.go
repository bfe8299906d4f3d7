package wire

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// docs/monitor-protocol.md is what implementations in other languages are written from: what it shows is held by this
// package, to the byte.
const specification = "../../docs/monitor-protocol.md"

// pageSecret is the secret of all macs of the page.
var pageSecret = []byte("correct horse battery staple")

func readSpecification(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(specification)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// example is a fenced block of the page.
type example struct {
	kind, text string
	line       int    // of the page, counted from 1
	before     string // the page up to the block
	step       bool   // a step of a calculation, indented in a list
}

// examples are the blocks of the page whose kind is one of these.
func examples(t *testing.T, kinds ...string) []example {
	t.Helper()
	page := readSpecification(t)
	var found []example
	for _, m := range regexp.MustCompile("(?ms)^( *)```([a-z ]+)\n(.*?)^ *```$").FindAllStringSubmatchIndex(page, -1) {
		e := example{
			kind: page[m[4]:m[5]], text: page[m[6]:m[7]], before: page[:m[0]],
			line: strings.Count(page[:m[0]], "\n") + 2, step: m[3] > m[2],
		}
		e.text = strings.ReplaceAll("\n"+e.text, "\n"+page[m[2]:m[3]], "\n")[1:]
		if slices.Contains(kinds, e.kind) {
			found = append(found, e)
		}
	}
	if len(found) == 0 {
		t.Fatalf("%s has no block of %q", specification, kinds)
	}
	return found
}

func (e example) lines() []string { return strings.Split(strings.TrimSuffix(e.text, "\n"), "\n") }

// isAnswer tells an answer from a request by the word after the protocol.
func isAnswer(l Line) bool { return l.Verb == refusal || State(l.Verb).Valid() }

// checkLine holds one line of the page against this package, with the request in force before it, and returns the one
// after it.
func checkLine(line, request string) (next string, err error) {
	l, err := ParseLine([]byte(line))
	if err != nil {
		return request, err
	}
	switch {
	case l.Protocol == heartbeat1:
		return request, checkHeartbeatLine(line)
	case l.Protocol == relay1:
		_, err := parseRelayLine([]byte(line))
		return request, err
	case !isAnswer(l):
		_, err := ParseRequest([]byte(line))
		return line, err
	case l.Verb == refusal:
		if _, err := ParseAnswer([]byte(line)); errorOf(err) != "refused" {
			return request, fmt.Errorf("it is not a refusal: %w", err)
		}
		return request, nil
	}
	r, err := ParseRequest([]byte(request))
	if err != nil {
		return request, fmt.Errorf("it answers no request: %w", err)
	}
	var secrets [][]byte
	if _, given := l.Get(macKey); given {
		secrets = append(secrets, pageSecret)
	}
	_, err = Accept([]byte(request), []byte(line), r.Service, secrets...)
	return request, err
}

func checkHeartbeatLine(line string) error {
	h, err := ParseHeartbeat([]byte(line))
	if err != nil || h.MAC == "" {
		return err
	}
	return VerifyHeartbeat([]byte(line), DeriveKey(pageSecret, h.ID))
}

func TestSpecificationLinesHold(t *testing.T) {
	signed := 0
	for _, e := range examples(t, "text") {
		request := ""
		for i, line := range e.lines() {
			var err error
			if e.step && isStepAnswer(line) {
				_, err = ParseAnswer([]byte(line))
			} else {
				request, err = checkLine(line, request)
			}
			if err != nil {
				t.Errorf("%s:%d: %v\n%s", specification, e.line+i, err, line)
			}
			if strings.Contains(line, " mac=") {
				signed++
			}
		}
	}
	if signed < 6 {
		t.Errorf("only %d lines are signed", signed)
	}
}

// isStepAnswer tells whether a line of a calculation is an answer before it gets its mac.
func isStepAnswer(line string) bool {
	return strings.HasPrefix(line, "MONITOR/1 up") && !strings.Contains(line, " mac=")
}

func TestSpecificationRefusedLinesAreRefused(t *testing.T) {
	for _, e := range examples(t, "text refused") {
		for i, line := range e.lines() {
			parse := func() error { _, err := ParseRequest([]byte(line)); return err }
			if strings.HasPrefix(line, "MONITOR/1 up ") {
				parse = func() error { _, err := ParseAnswer([]byte(line)); return err }
			}
			if err := parse(); errorOf(err) != "malformed" {
				t.Errorf("%s:%d: error %v, wanted malformed\n%s", specification, e.line+i, err, line)
			}
		}
	}
}

func TestSpecificationAgentLinesAreThoseSent(t *testing.T) {
	for _, e := range examples(t, "text agent") {
		shown := e.lines()
		for _, a := range []Answer{
			{State: Up, Weight: Some(80)},
			{State: Up},
			{State: Drain},
			{State: Maint},
			{State: Down, Reason: "stuck: worker-1 no progress for 5.2 s"},
			{State: Down},
			{State: Starting, Reason: "loading"},
		} {
			if line := string(AppendAgent(nil, a)); !slices.Contains(shown, line) {
				t.Errorf("%s:%d: %q is not shown", specification, e.line, line)
			}
		}
		for _, line := range shown {
			if _, err := ParseAgent([]byte(line)); err != nil {
				t.Errorf("%s:%d: %v", specification, e.line, err)
			}
		}
	}
}

// The relays' datagrams of the page hold, and so do their children's lines; the parts of a round are all there.
func TestSpecificationRelaysHold(t *testing.T) {
	type round struct {
		id            string
		instance, seq uint64
	}
	parts, children := make(map[round]int), make(map[round]int)
	for _, e := range examples(t, "text relay") {
		r, lines, err := ParseRelay([]byte(e.text))
		if err == nil {
			err = VerifyRelay([]byte(e.text), DeriveKey(pageSecret, r.ID))
		}
		if err != nil {
			t.Errorf("%s:%d: %v", specification, e.line, err)
			continue
		}
		of := round{r.ID, r.Instance, r.Seq}
		if _, known := parts[of]; !known {
			parts[of], children[of] = r.Parts, r.Children
		}
		parts[of]--
		for i, line := range lines {
			children[of]--
			h, err := ParseHeartbeat(line)
			if err == nil {
				err = VerifyHeartbeat(line, DeriveKey(pageSecret, h.ID))
			}
			if err != nil || !h.Age.Given {
				t.Errorf("%s:%d: child %d: error %v, age %v", specification, e.line, i+1, err, h.Age)
			}
		}
	}
	for of, n := range parts {
		if n != 0 || children[of] != 0 {
			t.Errorf("of the round %+v %d parts and %d children are missing", of, n, children[of])
		}
	}
	if len(parts) < 2 {
		t.Errorf("only %d rounds are shown", len(parts))
	}
}

// Each number of 64 digits on the page is one that this package works out: a line's mac, a sender's key, or the inner
// digest of the first mac.
func TestSpecificationDigestsAreRight(t *testing.T) {
	page := readSpecification(t)
	known := make(map[string]string)
	for _, m := range regexp.MustCompile(` mac=([0-9a-f]{64})`).FindAllStringSubmatch(page, -1) {
		known[m[1]] = "a mac, which the other tests verify"
	}
	for _, m := range regexp.MustCompile(` id=([^ ]+)`).FindAllStringSubmatch(page, -1) {
		known[FormatKey(DeriveKey(pageSecret, m[1]))] = "the key of " + m[1]
	}
	block := make([]byte, 64)
	copy(block, pageSecret)
	for i := range block {
		block[i] ^= 0x36
	}
	var steps []string
	for _, e := range examples(t, "text") {
		if e.step {
			steps = append(steps, e.text)
		}
	}
	inner := sha256.Sum256(append(block, strings.TrimSuffix(steps[0], "\n")...))
	known[hex.EncodeToString(inner[:])] = "the inner digest of the first calculation"
	digests := regexp.MustCompile(`\b[0-9a-f]{64}\b`).FindAllString(page, -1)
	seen := make(map[string]bool)
	for _, digest := range digests {
		seen[known[digest]] = true
		if known[digest] == "" {
			t.Errorf("nothing makes %s", digest)
		}
	}
	for _, want := range []string{"the inner digest of the first calculation", "the key of rack7", "the key of 192.0.2.21:2222", "the key of 192.0.2.23:2222"} {
		if !seen[want] {
			t.Errorf("%s is not shown", want)
		}
	}
	if digits := fmt.Sprintf("% x", pageSecret); !strings.Contains(page, "`"+digits+"`") {
		t.Errorf("the secret is not shown as %s", digits)
	}
}

// The calculations say how long each message is and lead to the mac of a line of the page.
func TestSpecificationCalculationsAreRight(t *testing.T) {
	length := regexp.MustCompile(`is (\d+) bytes`)
	macs := 0
	for _, e := range examples(t, "text") {
		if !e.step {
			continue
		}
		message := strings.TrimSuffix(e.text, "\n")
		if strings.HasPrefix(message, "RELAY") {
			message = e.text
		}
		said := length.FindAllStringSubmatch(e.before, -1)
		if want := strconv.Itoa(len(message)); said[len(said)-1][1] != want {
			t.Errorf("%s:%d: the message has %s bytes, the page says %s", specification, e.line, want, said[len(said)-1][1])
		}
		key := pageSecret
		if l, err := ParseLine([]byte(e.lines()[0])); err == nil {
			if id, given := l.Get("id"); given {
				key = DeriveKey(pageSecret, id)
			}
		}
		after := readSpecification(t)[len(e.before)+len(e.text):]
		if sum := hex.EncodeToString(mac(key, []byte(message))); !strings.Contains(after, "`"+sum+"`") {
			t.Errorf("%s:%d: the mac of the message is %s, which the page does not say", specification, e.line, sum)
		} else {
			macs++
		}
	}
	if macs != 3 {
		t.Errorf("%d macs are worked out, wanted 3", macs)
	}
	page := readSpecification(t)
	for _, m := range regexp.MustCompile("(\\d+) bytes,? `(HEARTBEAT/1 [^`]+)`").FindAllStringSubmatch(page, -1) {
		if want := strconv.Itoa(len(m[2])); m[1] != want {
			t.Errorf("%q has %s bytes, the page says %s", m[2], want, m[1])
		}
	}
}

// Clauses are numbered without gaps, say whom they bind and how much, and refer to clauses that are there.
func TestSpecificationClauses(t *testing.T) {
	page := readSpecification(t)
	known := make(map[string]bool)
	section, clause := 0, 0
	for i, line := range strings.Split(page, "\n") {
		if n := regexp.MustCompile(`^## (\d+) `).FindStringSubmatch(line); n != nil {
			section, clause = section+1, 0
			if n[1] != strconv.Itoa(section) {
				t.Errorf("%s:%d: section %s, wanted %d", specification, i+1, n[1], section)
			}
		}
		if !strings.HasPrefix(line, "**") {
			continue
		}
		clause++
		number := fmt.Sprintf("%d.%d", section, clause)
		known[number] = true
		if !regexp.MustCompile(`^\*\*` + regexp.QuoteMeta(number) + `\*\* (Both|Program|Director|Sender|Relay): \S`).MatchString(line) {
			t.Errorf("%s:%d: is not clause %s of somebody: %.60s", specification, i+1, number, line)
		}
		if !regexp.MustCompile(`\b(must|should|may)\b`).MatchString(line) {
			t.Errorf("%s:%d: clause %s binds nobody", specification, i+1, number)
		}
	}
	if section != 10 || len(known) < 90 {
		t.Errorf("%d sections, %d clauses", section, len(known))
	}
	prose := regexp.MustCompile("(?s)```.*?```|`[^`]*`").ReplaceAllString(page, "")
	for _, number := range regexp.MustCompile(`\b\d\.\d+\b`).FindAllString(prose, -1) {
		if !known[number] {
			t.Errorf("there is no clause %s", number)
		}
	}
}

// The page's signed lines are test vectors, so that whoever runs those has tried what the page shows.
func TestSpecificationSignedLinesAreVectors(t *testing.T) {
	var vectors []byte
	for _, name := range []string{"testdata/monitor1.json", "testdata/heartbeat1.json"} {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		vectors = append(vectors, data...)
	}
	vectors = bytes.ReplaceAll(vectors, []byte(`\"`), []byte(`"`))
	for _, e := range examples(t, "text", "text relay") {
		for i, line := range e.lines() {
			if strings.Contains(line, " mac=") && !bytes.Contains(vectors, []byte(line)) {
				t.Errorf("%s:%d: no vector has this line: %s", specification, e.line+i, line)
			}
		}
	}
}
