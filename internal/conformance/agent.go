package conformance

import (
	"regexp"
	"strings"
	"time"
)

// agentChecks are section 5, the agent line, all of which is optional.
var agentChecks = []check{
	{clause: "5.1", title: "a connection that is silent for 1 second gets an agent line", should: true, when: withoutSecret, try: agentAfterSilence},
	{clause: "5.1", title: "a first line that is not MONITOR gets an agent line", should: true, when: withoutSecret, try: agentAfterHello},
	{clause: "5.2", title: "with a secret no agent line is sent", when: withSecret, try: noAgent},
	{clause: "5.3", title: "a connection that has sent a MONITOR line gets no agent line", when: always, try: noAgentAfterMonitor},
	{clause: "5.4", title: "an agent line is one of the five forms, and then the connection is closed", when: withoutSecret, try: agentForm},
}

// quiet is how long a silent connection waits for its agent line: the second, and what a busy machine may need.
func (t *trial) quiet() time.Duration { return time.Second + t.Timeout }

var agentLine = regexp.MustCompile(`^(up ready ([0-9]|[1-9][0-9]|100)%|up drain|maint|down|down #starting|down #[ -~]+)$`)

// firstLine connects, sends what is given, and returns the first line that comes, "" where none does.
func (t *trial) firstLine(text string) (*peer, string, error) {
	p, err := t.dial()
	if err != nil {
		return nil, "", err
	}
	if text != "" {
		if err := p.send(text); err != nil {
			return nil, "", err
		}
	}
	line, err := p.line(t.quiet())
	if err != nil {
		return p, "", nil
	}
	return p, line, nil
}

func agentAfterSilence(t *trial) error {
	_, line, err := t.firstLine("")
	if err == nil && line == "" {
		return failf("sent nothing, and for %s read no line, wanted an agent line such as up ready 100%%", t.quiet())
	}
	return err
}

func agentAfterHello(t *trial) error {
	_, line, err := t.firstLine("hello\n")
	if err == nil && (line == "" || strings.HasPrefix(line, "MONITOR/")) {
		return failf("sent hello, read %s, wanted an agent line such as up ready 100%%", show(line))
	}
	return err
}

func agentForm(t *trial) error {
	for _, text := range []string{"", "hello\n"} {
		p, line, err := t.firstLine(text)
		if err != nil {
			return err
		}
		if line == "" || strings.HasPrefix(line, "MONITOR/1 error") {
			continue // there are none
		}
		if !agentLine.MatchString(line) {
			return failf("sent %s, read %s, wanted an agent line such as up ready 100%%", show(text), show(line))
		}
		if err := p.ends(t.Timeout); err != nil {
			return err
		}
	}
	return nil
}

func noAgent(t *trial) error {
	for _, text := range []string{"", "hello\n"} {
		_, line, err := t.firstLine(text)
		if err != nil {
			return err
		}
		if line != "" && !strings.HasPrefix(line, "MONITOR/1 error") {
			return failf("sent %s, read %s, wanted an error or the end of the connection: nobody signs an agent line", show(text), show(line))
		}
	}
	return nil
}

func noAgentAfterMonitor(t *trial) error {
	for _, then := range []string{"", "hello\n"} {
		p, err := t.dial()
		if err != nil {
			return err
		}
		if _, _, err := p.ask(t.poll(t.Service)); err != nil {
			return err
		}
		patience := time.Second + t.Timeout/2
		if then != "" {
			patience = t.Timeout
			if err := p.send(then); err != nil {
				return err
			}
		}
		if line, err := p.line(patience); err == nil && !strings.HasPrefix(line, "MONITOR/1 error") {
			return failf("sent a poll and then %s, read %s after the answer, wanted no agent line", show(then), show(line))
		}
	}
	return nil
}
