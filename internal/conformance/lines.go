package conformance

import (
	"errors"
	"strings"

	"github.com/mainstay-lvs/mainstay/internal/wire"
)

// lineChecks are section 1, lines.
var lineChecks = []check{
	{clause: "1.1", title: `a line that ends with \r\n is taken as one that ends with \n`, when: always, try: carriageReturn},
	{clause: "1.2", title: "a line of 1024 bytes is taken, a longer one is not", when: always, try: length},
	{clause: "1.3", title: "a byte that is not printable ASCII makes a line malformed", when: always, try: func(t *trial) error {
		return t.refused(
			"MONITOR/1 poll service=$ x=\"caf\xc3\xa9\"",
			"MONITOR/1 poll service=$ x=\"a\tb\"",
			"MONITOR/1 poll service=$ x=\"\x7f\"",
			"MONITOR/1 poll service=$ x=\"a\x00b\"",
		)
	}},
	{clause: "1.4", title: "exactly one space stands between two parts of a line", when: always, try: func(t *trial) error {
		return t.refused("MONITOR/1  poll service=$", "MONITOR/1 poll  service=$", "MONITOR/1 poll service=$ ", " MONITOR/1 poll service=$")
	}},
	{clause: "1.5", title: "a value may stand in quotes always, and needs them for other bytes than A-Z a-z 0-9 . _ : / + - [ ]", when: always, try: quotes},
	{clause: "1.6", title: `within quotes \" and \\ are " and \, and any other \ makes a line malformed`, when: always, try: escapes},
	{clause: "1.7", title: "unknown keys are ignored, and the order of fields is free", when: always, try: unknownKeys},
	{clause: "1.8", title: "a key given twice makes a line malformed, known or not", when: always, try: func(t *trial) error {
		return t.refused("MONITOR/1 poll service=$ service=$", "MONITOR/1 poll service=$ x=1 x=1", "MONITOR/1 poll x=1 service=$ y=2 x=3")
	}},
	{clause: "1.10", title: "a name has 1 to 128 bytes", when: always, try: names},
	{clause: "1.11", title: "a line of another version is no request, whatever its grammar", when: always, try: func(t *trial) error {
		return t.refused("MONITOR/2 poll service=$", `MONITOR/2 {"poll": "$"}`, "MONITOR/10 poll service=$", "MONITOR/01 poll service=$")
	}},
}

// refused sends each of the lines, with a service that the program may take for a name in the place of $, and fails
// where one is answered with a state. The good line behind it tells a program that says nothing of the bad one.
func (t *trial) refused(lines ...string) error {
	for _, line := range lines {
		p, err := t.dial()
		if err != nil {
			return err
		}
		bad := strings.ReplaceAll(line, "$", t.ghost("line"))
		if t.Secret != nil && !strings.HasSuffix(bad, " ") {
			bad += t.tail()
		}
		after := t.ghost("after")
		if err := p.send(bad + "\n" + t.poll(after) + "\n"); err != nil {
			continue // it was closed: refused
		}
		answer, err := p.line(t.Timeout)
		if err != nil {
			p.Close()
			continue
		}
		if a, err := wire.ParseAnswer([]byte(answer)); err == nil && a.Service != after {
			return failf("sent %s, read %s, wanted MONITOR/1 error", show(bad), show(answer))
		}
		p.Close()
	}
	return nil
}

func carriageReturn(t *trial) error {
	p, err := t.dial()
	if err != nil {
		return err
	}
	request := t.poll(t.Service)
	if err := p.send(request + "\r\n"); err != nil {
		return err
	}
	_, line, err := p.answer()
	if err != nil || t.Secret == nil {
		return err
	}
	if err := wire.Verify([]byte(request+"\r"), []byte(line), t.Secret); err == nil {
		return failf(`sent %s, read %s: its mac covers the \r, which is not part of the line`, show(p.sent), show(line))
	}
	return nil
}

func length(t *trial) error {
	padded := func(size int) string {
		head := "MONITOR/1 poll service=" + t.ghost("long") + t.tail() + ` x="`
		return head + strings.Repeat("y", size-len(head)-2) + `"` + "\n"
	}
	p, err := t.dial()
	if err != nil {
		return err
	}
	if err := p.send(padded(wire.MaxLine)); err != nil {
		return err
	}
	if _, _, err := p.answer(); err != nil {
		return failf("a line of %d bytes, its end included: %v", wire.MaxLine, err)
	}
	if p, err = t.dial(); err != nil {
		return err
	}
	if err := p.send(padded(wire.MaxLine + 1)); err != nil {
		return nil // it was closed: refused
	}
	line, err := p.line(t.Timeout)
	if err == nil && !isError(line) {
		return failf("sent a line of %d bytes, its end included, read %s, wanted MONITOR/1 error", wire.MaxLine+1, show(line))
	}
	return nil
}

func quotes(t *trial) error {
	service := wire.Field{Key: "service", Value: t.Service, Quoted: true}
	line, err := wire.Line{Protocol: "MONITOR/1", Verb: "poll", Fields: []wire.Field{service}}.AppendText(nil)
	if err != nil {
		return err
	}
	a, answer, err := t.ask(string(line) + t.tail())
	if err != nil {
		return err
	}
	if a.Service != t.Service {
		return failf("sent %s, read %s, wanted service=%s", show(line), show(answer), t.Service)
	}
	return t.refused("MONITOR/1 poll service=$,in", "MONITOR/1 poll service=", "MONITOR/1 poll service=$ x=a=b", `MONITOR/1 poll service="$`,
		`MONITOR/1 poll service="$"x`, "MONITOR/1 poll service=$ x="+strings.Repeat("y", 129))
}

func escapes(t *trial) error {
	name := `gh"o\st`
	request := `MONITOR/1 poll service="gh\"o\\st"` + t.tail()
	a, line, err := t.ask(request)
	if err != nil {
		return err
	}
	if a.Service != name {
		return failf(`sent %s, read %s, wanted service="gh\"o\\st"`, show(request), show(line))
	}
	return t.refused(`MONITOR/1 poll service="$\n"`, `MONITOR/1 poll service="$\"`, `MONITOR/1 poll service=$ x="\x41"`)
}

func unknownKeys(t *trial) error {
	request := `MONITOR/1 poll colour="light blue" service=` + quoted(t.Service) + ` x-1=2 y_=z target=` + quoted(t.Target) + t.tail() + " z=1"
	a, line, err := t.ask(request)
	if err == nil && a.Service != t.Service {
		return failf("sent %s, read %s, wanted service=%s", show(request), show(line), t.Service)
	}
	return err
}

// quoted is a name as it may stand in a line always.
func quoted(name string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name) + `"`
}

func names(t *trial) error {
	longest := strings.Repeat(`s"`, wire.MaxName/2)
	request := "MONITOR/1 poll service=" + quoted(longest) + t.tail()
	a, line, err := t.ask(request)
	if err != nil {
		return err
	}
	if a.Service != longest {
		return failf("sent %s, read %s, wanted the same service", show(request), show(line))
	}
	return t.refused(`MONITOR/1 poll service=""`, `MONITOR/1 poll service="`+strings.Repeat("s", wire.MaxName+1)+`"`,
		`MONITOR/1 poll service=$ target=""`, `MONITOR/1 poll service=$ target="`+strings.Repeat("t", wire.MaxName+1)+`"`)
}

func intervals(t *trial) error {
	for _, good := range []string{"10ms", "1000ms", "1s", "3600s", "3600000ms"} {
		request := "MONITOR/1 watch service=" + t.ghost("watch") + " interval=" + good + t.tail()
		if _, _, err := t.ask(request); err != nil {
			if f, ok := errors.AsType[*failure](err); ok {
				f.clause = ""
			}
			return err
		}
	}
	return t.refused("MONITOR/1 watch service=$ interval=5ms", "MONITOR/1 watch service=$ interval=3601s", "MONITOR/1 watch service=$ interval=0.5s",
		"MONITOR/1 watch service=$ interval=01s", "MONITOR/1 watch service=$ interval=1m", "MONITOR/1 watch service=$ interval=500",
		"MONITOR/1 watch service=$ interval=+1s", "MONITOR/1 watch service=$")
}
