package config

import (
	"strings"
	"time"

	"github.com/mainstay-lvs/mainstay/checker"
)

func (r *resolver) monitor(c *CheckKeys) checker.Monitor {
	m := &c.Monitor.V
	if m.Mode.V == checker.Watch {
		for _, told := range []Value[time.Duration]{c.Interval, c.FastInterval} {
			if err := canBeTold(told.V); err != nil && told.Given && !told.bad {
				r.errorf(told.at, "%v", err)
			}
		}
	}
	return checker.Monitor{Service: m.Service.V, Mode: m.Mode.V, Secrets: r.secret(m.Secret)}
}

func agentOf(a *AgentKeys) checker.Agent {
	return checker.Agent{Send: a.Send.V, Expires: a.Expires.V}
}

func (r *resolver) udp(u *UDPKeys) checker.UDP {
	options := checker.UDP{
		RequireReply: u.RequireReply.V,
		Expect:       u.Expect.V.Regexp,
		ExpectBytes:  u.ExpectHex.V.Bytes,
		Mask:         u.ExpectHex.V.Mask,
	}
	switch {
	case u.SendHex.Given && u.Send.Given:
		r.errorf(u.SendHex.at, "is given beside send (want one of the two)")
	case u.SendHex.Given:
		options.Send = u.SendHex.V.Bytes
	case u.Send.Given:
		options.Send = []byte(u.Send.V)
	}
	if u.ExpectHex.Given && u.Expect.Given {
		r.errorf(u.ExpectHex.at, "is given beside expect (want one of the two)")
	}
	r.warnOfEmptyMatch(u.Expect)
	if u.Expect.Given || u.ExpectHex.Given {
		if u.RequireReply.Given && !u.RequireReply.bad && !u.RequireReply.V {
			r.errorf(u.RequireReply.at, "is false, and a reply is expected (want true, or this left out)")
		}
		options.RequireReply = true
	}
	return options
}

// warnOfEmptyMatch warns of an expression that holds before anything is read.
func (r *resolver) warnOfEmptyMatch(p Value[Pattern]) {
	if p.V.Regexp != nil && p.V.MatchString("") {
		r.warnf(p.at, "matches nothing at all, so that it holds before anything is read (want an expression that needs a character)")
	}
}

func (r *resolver) dns(d *DNSKeys) checker.DNS {
	options := checker.DNS{
		Name:     strings.TrimSuffix(d.Name.V, ".") + ".",
		Type:     d.Type.V,
		Protocol: d.Protocol.V,
		Answer:   d.AnswerRegexp.V.Regexp,
	}
	if d.RCodes.Given && !d.RCodes.bad && len(d.RCodes.V) == 0 {
		r.errorf(d.RCodes.at, "is an empty list (want at least one response code)")
	}
	for _, code := range d.RCodes.V {
		options.RCodes = append(options.RCodes, code.V)
	}
	return options
}

func (r *resolver) grpc(g *GRPCKeys) checker.GRPC {
	options := checker.GRPC{Service: g.Service.V, Watch: g.Mode.V == GRPCWatch, Authority: g.Authority.V}
	if g.TLS.Given {
		for _, protocol := range g.TLS.V.ALPN.V {
			if protocol.V != "h2" && !protocol.bad {
				r.errorf(protocol.at, "the check speaks HTTP/2 only (want %s left out)", shown(protocol.V))
			}
		}
		t := r.tls(g.TLS.V)
		options.TLS = &t
	}
	return options
}
