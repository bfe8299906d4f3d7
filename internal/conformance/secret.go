package conformance

import (
	"errors"
	"strings"

	"github.com/mainstay-lvs/mainstay/internal/wire"
)

// secretChecks are section 4, secrets and macs.
var secretChecks = []check{
	{clause: "4.3", title: `a request without a nonce gets MONITOR/1 error reason="nonce wanted"`, when: withSecret, try: nonceWanted},
	{clause: "4.3", title: "a nonce that is not 32 lower-case hex digits makes a request malformed", when: always, try: func(t *trial) error {
		return t.refusedAsTheyAre(
			"MONITOR/1 poll service=$ nonce=9F86D081884C7D659A2FEAA0C55AD015",
			"MONITOR/1 poll service=$ nonce=9f86d081884c7d659a2feaa0c55ad01",
			"MONITOR/1 poll service=$ nonce=9f86d081884c7d659a2feaa0c55ad0150",
			`MONITOR/1 poll service=$ nonce=""`,
		)
	}},
	{clause: "4.4", title: "an answer has a mac", when: withSecret, try: hasMAC},
	{clause: "4.4", title: "an answer has no mac, and a nonce does not keep it from being given", when: withoutSecret, try: noMAC},
	{clause: "4.5", title: "the mac of a poll's answer is HMAC-SHA256 over request and answer", when: withSecret, needs: []string{"4.4"}, try: rightMAC},
	{clause: "4.6", title: "the mac covers the request byte for byte, its unknown keys and all", when: withSecret, needs: []string{"4.5"}, try: coversBytes},
	{clause: "4.9", title: "MONITOR/1 error has no mac", when: always, try: errorHasNoMAC},
}

// refusedAsTheyAre is refused without a nonce added.
func (t *trial) refusedAsTheyAre(lines ...string) error {
	signed := t.Secret
	defer func() { t.Secret = signed }()
	for _, line := range lines {
		t.Secret = nil
		if err := t.refused(line); err != nil {
			return err
		}
	}
	return nil
}

func nonceWanted(t *trial) error {
	for _, request := range []string{
		"MONITOR/1 poll service=" + quoted(t.Service),
		"MONITOR/1 watch service=" + quoted(t.Service) + " interval=1s",
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
			return failf(`sent %s, read %s, wanted MONITOR/1 error reason="nonce wanted"`, show(request), said(err))
		}
		_, err = wire.ParseAnswer([]byte(line))
		if refused, ok := errors.AsType[*wire.RefusalError](err); !ok || refused.Reason != "nonce wanted" {
			return failf(`sent %s, read %s, wanted MONITOR/1 error reason="nonce wanted"`, show(request), show(line))
		}
		p.Close()
	}
	return nil
}

func hasMAC(t *trial) error {
	for _, service := range []string{t.Service, t.ghost("service")} {
		request := t.poll(service)
		a, line, err := t.ask(request)
		if err != nil {
			return err
		}
		if a.MAC == "" {
			return failf("sent %s, read %s, wanted a mac at its end", show(request), show(line))
		}
	}
	return nil
}

func noMAC(t *trial) error {
	request := "MONITOR/1 poll service=" + quoted(t.Service) + " nonce=" + t.nonce()
	a, line, err := t.ask(request)
	if err == nil && a.MAC != "" {
		return failf("sent %s, read %s, wanted no mac: no secret was given to this command", show(request), show(line))
	}
	return err
}

// verified asks, and holds the answer's mac against the request.
func (t *trial) verified(p *peer, request string) error {
	_, line, err := p.ask(request)
	if err != nil {
		return err
	}
	return t.holds(request, line)
}

func (t *trial) holds(request, line string) error {
	if err := wire.Verify([]byte(request), []byte(line), t.Secret); err != nil {
		covered := line
		if i := strings.LastIndex(line, " mac="); i >= 0 {
			covered = line[:i]
		}
		signed, signErr := wire.Sign([]byte(request), []byte(covered), t.Secret)
		if signErr != nil {
			return signErr
		}
		return failf("sent %s, read %s, wanted %s", show(request), line, signed[len(covered)+1:])
	}
	return nil
}

func rightMAC(t *trial) error {
	p, err := t.dial()
	if err != nil {
		return err
	}
	for _, service := range []string{t.Service, t.ghost("service")} {
		for range 2 {
			if err := t.verified(p, t.poll(service)); err != nil {
				return err
			}
		}
	}
	return nil
}

func coversBytes(t *trial) error {
	for _, request := range []string{
		`MONITOR/1 poll zone="a b" nonce=` + t.nonce() + " service=" + quoted(t.Service) + ` x=1 target="` + `somewhere"`,
		"MONITOR/1 poll nonce=" + t.nonce() + " service=" + quoted(t.Service),
	} {
		p, err := t.dial()
		if err != nil {
			return err
		}
		if err := t.verified(p, request); err != nil {
			return err
		}
	}
	return nil
}

func coversWatch(t *trial) error {
	p, err := t.dial()
	if err != nil {
		return err
	}
	request := t.watch(t.Service, pause) + ` x="unknown key"`
	if err := t.verified(p, request); err != nil {
		return err
	}
	line, err := p.line(t.Timeout)
	if err != nil {
		return nil // that it says no more is for another check
	}
	return t.holds(request, line)
}

func errorHasNoMAC(t *trial) error {
	request := "MONITOR/1 stream service=" + quoted(t.Service) + " nonce=" + t.nonce()
	p, err := t.dial()
	if err != nil {
		return err
	}
	if err := p.send(request + "\n"); err != nil {
		return err
	}
	line, err := p.line(t.Timeout)
	if err != nil {
		return nil // that nothing came is for another check
	}
	if strings.Contains(line, " mac=") {
		return failf("sent %s, read %s, wanted no mac", show(request), show(line))
	}
	return nil
}
