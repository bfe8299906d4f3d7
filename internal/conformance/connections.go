package conformance

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/wire"
)

const (
	// fewest is how many connections a program must be able to hold.
	fewest = 16
	// crowd is more connections than a program is expected to hold.
	crowd = 100
	// keep is how long a connection must be kept, and lineLimit how long a line may take at the very most.
	keep      = 60 * time.Second
	lineLimit = 30 * time.Second
)

// connectionChecks are section 6, connections and bounds.
var connectionChecks = []check{
	{clause: "6.1", title: "the connection stays open after an answer", when: always, try: func(t *trial) error { return stays(t, time.Second+t.Timeout/4) }},
	{clause: "6.1", title: "a connection that has asked is kept for 60 seconds", when: long, try: func(t *trial) error { return stays(t, keep) }},
	{clause: "6.3", title: "16 connections that ask are kept", when: always, needs: []string{"6.1"}, try: holdsSixteen},
	{clause: "6.3", title: "a connection that asks outlives silent ones, however many come", when: always, needs: []string{"6.1"}, try: outlives},
	{clause: "6.4", title: "however many connections are open and silent, a new one is answered", when: always, try: answersInCrowd},
	{clause: "6.5", title: "a line that does not end ends its connection", when: long, try: unendedLine},
	{clause: "6.5", title: "a peer that does not take its answers loses its connection", when: long, try: unreadAnswers},
	{clause: "6.6", title: "polls before the end of the stream are answered, then the connection is closed", when: always, try: halfClosed},
	{clause: "6.7", title: "slow and hostile connections do not delay answers on another one", when: always, try: besideOthers},
	{clause: "6.8", title: "nothing that comes over a connection ends the program", when: always, needs: []string{"2.4"}, try: survives},
}

func stays(t *trial, idle time.Duration) error {
	p, err := t.dial()
	if err != nil {
		return err
	}
	if _, _, err := p.ask(t.poll(t.Service)); err != nil {
		return err
	}
	if line, err := p.line(idle); err == nil || !errors.Is(err, errSilent) {
		if err != nil {
			line = said(err)
		}
		return failf("sent a poll, read its answer, and within %s %s, wanted the connection to stay", idle, line)
	}
	_, _, err = p.ask(t.poll(t.Service))
	return err
}

func holdsSixteen(t *trial) error {
	var all []*peer
	for range fewest {
		p, err := t.dial()
		if err != nil {
			return err
		}
		all = append(all, p)
	}
	for range 2 {
		for i, p := range all {
			if _, _, err := p.ask(t.poll(t.Service)); err != nil {
				return failf("connection %d of %d: %v", i+1, fewest, err)
			}
		}
	}
	return nil
}

func outlives(t *trial) error {
	p, err := t.dial()
	if err != nil {
		return err
	}
	if _, _, err := p.ask(t.poll(t.Service)); err != nil {
		return err
	}
	for range crowd {
		if _, err := t.dial(); err != nil {
			return err
		}
	}
	_, _, _ = t.ask(t.poll(t.Service)) // when it is answered, all before it were taken; that it must be is another clause
	if _, _, err := p.ask(t.poll(t.Service)); err != nil {
		return failf("a connection that has asked, after %d silent ones had come: %v", crowd, err)
	}
	return nil
}

func answersInCrowd(t *trial) error {
	for range crowd {
		if _, err := t.dial(); err != nil {
			return err
		}
	}
	if _, _, err := t.ask(t.poll(t.Service)); err != nil {
		return failf("behind %d silent connections: %v", crowd, err)
	}
	return nil
}

func unendedLine(t *trial) error {
	p, err := t.dial()
	if err != nil {
		return err
	}
	if err := p.send("MONITOR/1 poll serv"); err != nil {
		return err
	}
	return p.ends(lineLimit)
}

// stuff sends polls with long answers for a while, and reads none of them. It returns early, with what went wrong, where
// the connection is closed.
func (p *peer) stuff(within time.Duration) error {
	if small, ok := p.Conn.(interface{ SetReadBuffer(int) error }); ok {
		_ = small.SetReadBuffer(1) // as small as the system has it: what the program sends comes back on it sooner
	}
	polls := bytes.Repeat([]byte(p.t.poll(strings.Repeat(`"`, wire.MaxName))+"\n"), 100)
	rest := polls
	for end := time.Now().Add(within); time.Now().Before(end) && p.t.ctx.Err() == nil; {
		if err := p.SetWriteDeadline(time.Now().Add(p.t.Timeout / 4)); err != nil {
			return err
		}
		n, err := p.Write(rest)
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		if rest = rest[n:]; len(rest) == 0 {
			rest = polls
		}
	}
	return nil
}

// unreadAnswers takes long, because a system may hold megabytes of answers and a program may make a peer wait that asks
// too often.
func unreadAnswers(t *trial) error {
	p, err := t.dial()
	if err != nil {
		return err
	}
	if err := p.stuff(4 * lineLimit); err != nil {
		return nil // it was closed
	}
	return failf("sent polls without reading an answer, and %s later the connection is still open", 4*lineLimit)
}

func halfClosed(t *trial) error {
	p, err := t.dial()
	if err != nil {
		return err
	}
	first, second := t.ghost("first"), t.ghost("second")
	if err := p.send(t.poll(first) + "\n" + t.poll(second) + "\nMONITOR/1 poll serv"); err != nil {
		return err
	}
	if err := p.closeWrite(); err != nil {
		return err
	}
	for _, service := range []string{first, second} {
		a, line, err := p.answer()
		if err != nil {
			return err
		}
		if a.Service != service {
			return failf("sent two polls and the end of the stream, read %s, wanted service=%s", show(line), service)
		}
	}
	if line, err := p.line(t.Timeout); err == nil {
		return failf("sent two polls, a line without end and the end of the stream, read two answers and then %s", show(line))
	} else if errors.Is(err, errSilent) {
		return failf("sent two polls, a line without end and the end of the stream, and %s later the connection is still open", t.Timeout)
	}
	return nil
}

func besideOthers(t *trial) error {
	for range 4 {
		p, err := t.dial()
		if err != nil {
			return err
		}
		if err := p.send("MONITOR/1 poll serv"); err != nil {
			return err
		}
	}
	p, err := t.dial()
	if err != nil {
		return err
	}
	_ = p.stuff(t.Timeout) // that it is closed is right
	for range 3 {
		if _, _, err := t.ask(t.poll(t.Service)); err != nil {
			return failf("beside lines without end and a peer that does not take its answers: %v", err)
		}
	}
	return nil
}

func survives(t *trial) error {
	before, _, err := t.ask(t.poll(t.Service))
	if err != nil {
		return err
	}
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	for _, garbage := range [][]byte{
		bytes.Repeat(all, 1<<12), // a megabyte
		bytes.Repeat([]byte{'\n'}, 1<<12),
		bytes.Repeat([]byte{0}, 1<<12),
		bytes.Repeat([]byte("MONITOR/1 "), 1<<12),
		[]byte("MONITOR/1 poll service=\"\xff\xfe\n"),
		[]byte("MONITOR/1 poll a=\"\\\n"),
		[]byte("MONITOR/1 watch interval=99999999999999999999s service=a\n"),
		[]byte("GET / HTTP/1.1\r\nHost: monitor\r\n\r\n"),
		{},
	} {
		p, err := t.dial()
		if err != nil {
			return failf("after garbage: %v", err)
		}
		if err := p.SetWriteDeadline(time.Now().Add(t.Timeout)); err != nil {
			return err
		}
		_, _ = p.Write(garbage) // that it is closed before all was sent is right
		p.Close()
	}
	after, line, err := t.ask(t.poll(t.Service))
	if err != nil {
		return failf("after garbage: %v", err)
	}
	if after.Instance != before.Instance {
		return failf("after garbage read %s: the program has started again", show(line))
	}
	return nil
}
