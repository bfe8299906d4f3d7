package conformance

import (
	"errors"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/wire"
)

const (
	// pause is the interval of the watches that are tried.
	pause = 250 * time.Millisecond
	// sleepy is the interval of those that are not to say anything more.
	sleepy = time.Hour
)

// watchChecks are section 3, watches.
var watchChecks = []check{
	{clause: "3.2", title: "a watch is answered at once, and so is a further one on the connection", when: always, try: atOnce},
	{clause: "3.3", title: "a watch is answered at least each interval", when: always, needs: []string{"3.2"}, try: eachInterval},
	{clause: "3.6", title: "a further watch takes the former one's place", when: always, needs: []string{"3.2"}, try: replaced},
	{clause: "3.6", title: "a poll on a watched connection is answered, and ends the watch", when: always, needs: []string{"3.2"}, try: endedByPoll},
	{clause: "3.7", title: "within an interval answers belong to the line that renews the nonce", when: withSecret, needs: []string{"3.2", "3.3", "4.5"}, try: renewed},
	{clause: "3.9", title: "a watch ends when the director ends its side, and the connection with it", when: always, needs: []string{"3.2"}, try: endedByEnd},
	{clause: "3.11", title: "a service that the program does not have is down each interval", when: always, needs: []string{"2.7", "3.2", "3.3"}, try: watchesGhost},
	{clause: "2.4", title: "the instance is the same within a watch", when: always, needs: []string{"3.2"}, try: sameInstanceWithin},
	{clause: "2.5", title: "seq grows within a watch, and between it and other connections", when: always, needs: []string{"3.2"}, try: seqGrowsWithin},
	{clause: "1.12", title: "an interval is a whole number with ms or s, from 10ms to 3600s", when: always, needs: []string{"3.2"}, try: intervals},
	{clause: "4.6", title: "the mac of a watch's answers covers the watch line", when: withSecret, needs: []string{"4.5", "3.2"}, try: coversWatch},
}

// observe sends a watch and returns its connection when the first answer was read.
func (t *trial) observe(service string, interval time.Duration) (*peer, wire.Answer, error) {
	p, err := t.dial()
	if err != nil {
		return nil, wire.Answer{}, err
	}
	a, _, err := p.ask(t.watch(service, interval))
	return p, a, err
}

func atOnce(t *trial) error {
	p, _, err := t.observe(t.Service, sleepy)
	if err != nil {
		return err
	}
	_, _, err = p.ask(t.watch(t.Service, sleepy))
	return err
}

// eachInterval allows for a machine that is busy: it fails only when it has failed three times.
func eachInterval(t *trial) error {
	var err error
	for range 3 {
		if err = t.punctual(); err == nil {
			break
		}
	}
	return err
}

// punctual watches for some answers: one may be late by as much as a director would forgive, all together by less.
func (t *trial) punctual() error {
	const answers = 6
	p, _, err := t.observe(t.Service, pause)
	if err != nil {
		return err
	}
	began := time.Now()
	for range answers {
		line, err := p.line(2 * pause)
		if err != nil {
			return failf("sent %s, read %s for two intervals, wanted an answer each %s", show(p.sent), said(err), pause)
		}
		if _, err := judge(line); err != nil {
			return err
		}
	}
	if took := time.Since(began); took > answers*pause*7/5 {
		return failf("sent %s, and %d further answers took %s, wanted one each %s", show(p.sent), answers, took.Round(time.Millisecond), pause)
	}
	return nil
}

func replaced(t *trial) error {
	p, _, err := t.observe(t.Service, pause)
	if err != nil {
		return err
	}
	other := t.ghost("other")
	if err := p.send(t.watch(other, pause) + "\n"); err != nil {
		return err
	}
	turned := false
	for end := time.Now().Add(4 * pause); time.Now().Before(end) || !turned; {
		line, err := p.line(t.Timeout)
		if err != nil && turned {
			return nil // that it says no more is for another check
		}
		if err != nil {
			return failf("sent %s on a watched connection, read %s, wanted an answer", show(p.sent), said(err))
		}
		a, err := judge(line)
		switch {
		case err != nil:
			return err
		case a.Service == other:
			turned = true
		case turned, time.Now().After(end):
			return failf("sent %s on a connection that watched %s, read %s, wanted service=%s from then on", show(p.sent), t.Service, show(line), other)
		}
	}
	return nil
}

func endedByPoll(t *trial) error {
	p, _, err := t.observe(t.Service, pause)
	if err != nil {
		return err
	}
	other := t.ghost("other")
	request := t.poll(other)
	if err := p.send(request + "\n"); err != nil {
		return err
	}
	for end := time.Now().Add(t.Timeout); ; {
		a, _, err := p.answer()
		if err != nil {
			return err
		}
		if a.Service == other {
			break
		}
		if time.Now().After(end) {
			return failf("sent %s on a watched connection, and only answers of the watch came", show(request))
		}
	}
	if line, err := p.line(4 * pause); err == nil {
		return failf("sent %s on a watched connection, and after its answer came %s, wanted nothing more", show(request), show(line))
	}
	return nil
}

func renewed(t *trial) error {
	former := t.watch(t.Service, pause)
	p, err := t.dial()
	if err != nil {
		return err
	}
	if _, _, err := p.ask(former); err != nil {
		return err
	}
	renewal := t.watch(t.Service, pause)
	if err := p.send(renewal + "\n"); err != nil {
		return err
	}
	sent := time.Now()
	for n := 0; n < 3; {
		_, line, err := p.answer()
		if err != nil {
			return err
		}
		if wire.Verify([]byte(renewal), []byte(line), t.Secret) == nil {
			n++
			continue
		}
		// A director forgives what is late by an interval.
		if n > 0 || time.Since(sent) > 2*pause {
			return failf("sent %s as the renewal of %s, and %s later read %s, wanted a mac over the renewal", show(renewal), show(former),
				time.Since(sent).Round(time.Millisecond), show(line))
		}
	}
	return nil
}

func endedByEnd(t *trial) error {
	p, _, err := t.observe(t.Service, pause)
	if err != nil {
		return err
	}
	if err := p.closeWrite(); err != nil {
		return err
	}
	if err := p.ends(t.Timeout + 2*pause); err != nil {
		return failf("sent %s and the end of the stream, and the program goes on", show(p.sent))
	}
	return nil
}

// closeWrite ends the director's side of the connection.
func (p *peer) closeWrite() error {
	half, ok := p.Conn.(interface{ CloseWrite() error })
	if !ok {
		return errors.New("this connection can't be half closed")
	}
	return half.CloseWrite()
}

func watchesGhost(t *trial) error {
	service := t.ghost("service")
	p, a, err := t.observe(service, pause)
	for range 2 {
		if err != nil {
			return err
		}
		if a.State != wire.Down || a.Service != service || a.Reason != "no such service" {
			return failf(`sent %s, read %s, wanted down and reason="no such service"`, show(p.sent), a)
		}
		a, _, err = p.answer()
	}
	return err
}

func sameInstanceWithin(t *trial) error {
	p, first, err := t.observe(t.Service, 10*time.Millisecond)
	if err != nil {
		return err
	}
	for range 5 {
		line, err := p.line(t.Timeout)
		if err != nil {
			return nil // that it says no more is for another check
		}
		a, err := judge(line)
		if err != nil {
			return err
		}
		if a.Instance != first.Instance {
			return failf("sent %s, read %s, wanted instance=%s as before", show(p.sent), show(line), first.Instance)
		}
	}
	return nil
}

func seqGrowsWithin(t *trial) error {
	p, before, err := t.observe(t.Service, 10*time.Millisecond)
	if err != nil {
		return err
	}
	for i := range 6 {
		line, err := p.line(t.Timeout)
		if err != nil {
			return nil // that it says no more is for another check
		}
		a, err := judge(line)
		if err != nil {
			return err
		}
		if a.Seq <= before.Seq {
			return failf("sent %s, read %s, wanted a seq over %d, that of the answer before", show(p.sent), show(line), before.Seq)
		}
		before = a
		if i != 2 {
			continue
		}
		between, line, err := t.ask(t.poll(t.Service))
		if err != nil {
			return err
		}
		if between.Seq <= before.Seq {
			return failf("read %s on another connection, wanted a seq over %d, that of an answer of the watch before", show(line), before.Seq)
		}
	}
	return nil
}
