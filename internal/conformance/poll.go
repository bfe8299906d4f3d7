package conformance

import (
	"errors"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/wire"
)

// basicChecks are what everything else needs.
var basicChecks = []check{
	{clause: "2.2", title: "a poll is answered as soon as it has arrived", when: always, try: inTime},
	{clause: "2.1", title: "a poll gets one well-formed answer that gives a state", when: always, try: wellFormed},
}

// pollChecks are section 2, polls.
var pollChecks = []check{
	{clause: "2.1", title: "a request that comes byte by byte is answered", when: always, try: byteByByte},
	{clause: "2.1", title: "two requests in one segment get two answers, in their order", when: always, try: twoAtOnce},
	{clause: "2.1", title: "requests one after the other on a connection are answered, once each", when: always, try: oneByOne},
	{clause: "2.3", title: "an answer names the service that was asked for", when: always, try: echoesService},
	{clause: "2.4", title: "the instance is the same in all answers", when: always, try: sameInstance},
	{clause: "2.5", title: "seq is higher in each answer, over all connections and services", when: always, try: seqGrows},
	{clause: "2.7", title: `a service that the program does not have is down, with the reason "no such service"`, when: always, try: noSuchService},
	{clause: "2.9", title: "a request without target is answered", when: always, try: withoutTarget},
	{clause: "2.10", title: "what can't be answered gets MONITOR/1 error with a reason, and no state", when: always, try: refusals},
	{clause: "2.11", title: "after a malformed line the connection is closed, after the error was sent", should: true, when: always, try: closedAfterMalformed},
	{clause: "2.11", title: "after an unknown method the connection is kept", should: true, when: always, needs: []string{"2.10"}, try: keptAfterUnknownMethod},
}

// inTime wants anything at all: whatever comes within the time is for the next check to judge.
func inTime(t *trial) error {
	p, err := t.dial()
	if err != nil {
		return err
	}
	if err := p.send(t.poll(t.Service) + "\n"); err != nil {
		return err
	}
	if err := p.SetReadDeadline(time.Now().Add(t.Timeout)); err != nil {
		return err
	}
	if n, err := p.Read(make([]byte, 1)); n == 0 {
		if timeout, ok := errors.AsType[interface {
			error
			Timeout() bool
		}](err); ok && timeout.Timeout() {
			err = errSilent
		}
		return failf("sent %s, read %s, wanted an answer within %s", show(p.sent), said(err), t.Timeout)
	}
	return nil
}

func wellFormed(t *trial) error {
	a, line, err := t.ask(t.poll(t.Service))
	if err == nil && a.State == wire.Down && a.Reason == "no such service" {
		return failf("read %s: name a service that the program has", show(line))
	}
	return err
}

func byteByByte(t *trial) error {
	p, err := t.dial()
	if err != nil {
		return err
	}
	request := t.poll(t.Service)
	for _, c := range []byte(request + "\n") {
		if err := p.send(string(c)); err != nil {
			return err
		}
		time.Sleep(time.Millisecond) // so that it goes out in a segment of its own
	}
	p.sent = request
	_, _, err = p.answer()
	return err
}

func twoAtOnce(t *trial) error {
	p, err := t.dial()
	if err != nil {
		return err
	}
	first, second := t.ghost("first"), t.ghost("second")
	if err := p.send(t.poll(first) + "\n" + t.poll(second) + "\n"); err != nil {
		return err
	}
	for _, service := range []string{first, second} {
		a, line, err := p.answer()
		if err != nil {
			return err
		}
		if a.Service != service {
			return failf("sent %s, read %s, wanted service=%s", show(p.sent), show(line), service)
		}
	}
	return nil
}

func oneByOne(t *trial) error {
	p, err := t.dial()
	if err != nil {
		return err
	}
	for range 3 {
		if _, _, err := p.ask(t.poll(t.Service)); err != nil {
			return err
		}
	}
	if line, err := p.line(t.Timeout / 8); err == nil {
		return failf("sent three polls, read three answers and then %s, wanted nothing more", show(line))
	}
	return nil
}

func echoesService(t *trial) error {
	for _, service := range []string{t.Service, t.ghost("service"), `two words, "quoted"`} {
		request := t.poll(service)
		a, line, err := t.ask(request)
		if err != nil {
			return err
		}
		if a.Service != service {
			return failf("sent %s, read %s, wanted service=%s", show(request), show(line), quoted(service))
		}
	}
	return nil
}

// several asks about both kinds of services over two connections by turns, and hands out each answer.
func (t *trial) several(see func(a wire.Answer, line string) error) error {
	one, err := t.dial()
	if err != nil {
		return err
	}
	other, err := t.dial()
	if err != nil {
		return err
	}
	for i := range 8 {
		p, service := one, t.Service
		if i%2 == 1 {
			p = other
		}
		if i%4 >= 2 {
			service = t.ghost("service")
		}
		a, line, err := p.ask(t.poll(service))
		if err != nil {
			return err
		}
		if err := see(a, line); err != nil {
			return err
		}
	}
	return nil
}

func sameInstance(t *trial) error {
	first := ""
	return t.several(func(a wire.Answer, line string) error {
		if first == "" {
			first = a.Instance
		}
		if a.Instance != first {
			return failf("read %s, wanted instance=%s as before", show(line), first)
		}
		return nil
	})
}

func seqGrows(t *trial) error {
	var before wire.Answer
	return t.several(func(a wire.Answer, line string) error {
		if before.Instance != "" && a.Seq <= before.Seq {
			return failf("read %s, wanted a seq over %d, that of the answer before", show(line), before.Seq)
		}
		before = a
		return nil
	})
}

func noSuchService(t *trial) error {
	request := t.poll(t.ghost("service"))
	a, line, err := t.ask(request)
	if err == nil && (a.State != wire.Down || a.Reason != "no such service") {
		return failf(`sent %s, read %s, wanted down and reason="no such service"`, show(request), show(line))
	}
	return err
}

func withoutTarget(t *trial) error {
	_, _, err := t.ask("MONITOR/1 poll service=" + quoted(t.Service) + t.tail())
	return err
}

func refusals(t *trial) error {
	for _, request := range []string{
		"MONITOR/1 stream service=" + quoted(t.Service) + t.tail(),
		"MONITOR/1 error service=" + quoted(t.Service) + t.tail(),
		"MONITOR/1 service=" + quoted(t.Service) + t.tail(),
		"MONITOR/1 poll" + t.tail(),
		"MONITOR/2 poll service=" + quoted(t.Service) + t.tail(),
	} {
		p, err := t.dial()
		if err != nil {
			return err
		}
		if err := p.send(request + "\n"); err != nil {
			return err
		}
		line, err := p.line(t.Timeout)
		if err != nil {
			return failf("sent %s, read %s, wanted MONITOR/1 error with a reason", show(request), said(err))
		}
		_, err = wire.ParseAnswer([]byte(line))
		if refused, ok := errors.AsType[*wire.RefusalError](err); !ok || refused.Reason == "" {
			return failf("sent %s, read %s, wanted MONITOR/1 error with a reason", show(request), show(line))
		}
		p.Close()
	}
	return nil
}

func closedAfterMalformed(t *trial) error {
	p, err := t.dial()
	if err != nil {
		return err
	}
	if err := p.send("MONITOR/1 poll\n"); err != nil {
		return err
	}
	if _, err := p.line(t.Timeout); err != nil {
		return failf("sent %s, read %s, wanted an error and then the end", show(p.sent), said(err))
	}
	return p.ends(t.Timeout)
}

func keptAfterUnknownMethod(t *trial) error {
	p, err := t.dial()
	if err != nil {
		return err
	}
	if err := p.send("MONITOR/1 stream service=" + quoted(t.Service) + t.tail() + "\n"); err != nil {
		return err
	}
	if _, err := p.line(t.Timeout); err != nil {
		return failf("sent %s, read %s, wanted MONITOR/1 error", show(p.sent), said(err))
	}
	_, _, err = p.ask(t.poll(t.Service))
	return err
}
