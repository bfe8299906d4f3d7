package monitor

import (
	"fmt"

	"github.com/mainstay-lvs/mainstay/internal/wire"
)

// Answer is what directors are told about a service.
type Answer struct {
	// State is the service's state, with all evidence taken into account.
	State State
	// Service is the service asked for.
	Service string
	// Instance names this start of the program.
	Instance string
	// Seq grows with each answer that the Monitor gives.
	Seq uint64
	// Weight is the share of its configured weight that the service asks for, 0..100 percent.
	Weight int
	// Conns is the number of client connections open now.
	Conns uint64
	// Served and Failed count since the program started.
	Served, Failed uint64
	// Reason is a sentence for the operator, possibly empty.
	Reason string
}

// noSuchService is the reason told about a service that Options.Services doesn't have.
const noSuchService = "no such service"

// Answer returns what a director that asks for the service now is told. For a service that the program doesn't have
// that is Down with the reason "no such service". Each call is an answer of its own and takes a Seq.
func (m *Monitor) Answer(service string) Answer {
	a := m.answer(service)
	state, err := ParseState(string(a.State))
	if err != nil {
		state = Down // can't be: every state that answer gives has a name
	}
	return Answer{
		State: state, Service: a.Service, Instance: a.Instance, Seq: a.Seq, Weight: a.Percent(),
		Conns: a.Conns.Value, Served: a.Served.Value, Failed: a.Failed.Value, Reason: a.Reason,
	}
}

// Respond returns the line that answers a line of MONITOR/1, both without their ends, for programs that carry MONITOR/1
// over a transport of their own. Whatever the request is, there is an answer; MONITOR/1 error says what is wrong with it.
func (m *Monitor) Respond(request []byte) []byte {
	answer, _ := m.respond(request)
	return answer
}

// respond also says whether the request was one: whoever sends something else is not worth a further line.
func (m *Monitor) respond(request []byte) (answer []byte, wellFormed bool) {
	r, err := wire.ParseRequest(request)
	switch {
	case err != nil:
		return wire.AppendRefusal(nil, err.Error()), false
	case r.Method != wire.Poll:
		return wire.AppendRefusal(nil, fmt.Sprintf("the method %s is not supported (poll is)", r.Method)), true
	case m.secret != nil && r.Nonce == "":
		return wire.AppendRefusal(nil, "nonce wanted"), true
	}
	line, err := m.answer(r.Service).AppendText(make([]byte, 0, wire.MaxLine))
	if err == nil && m.secret != nil {
		line, err = wire.Sign(request, line, m.secret)
	}
	if err != nil {
		// Names are checked and reasons are cleaned, so that every answer can be printed; if not, better no state.
		return wire.AppendRefusal(nil, err.Error()), true
	}
	return line, true
}

// answer puts the next answer about a service together. The program's logger is called when other answers need not
// wait for it any more.
func (m *Monitor) answer(service string) wire.Answer {
	a, changed := m.compose(service)
	if changed != nil {
		changed()
	}
	return a
}

// compose makes an answer, and what logs the change of state that it tells of; nil: none.
func (m *Monitor) compose(service string) (a wire.Answer, changed func()) {
	m.answering.Lock()
	defer m.answering.Unlock()
	m.seq++
	a = wire.Answer{State: wire.Down, Service: service, Reason: noSuchService}
	if s := m.byName[service]; s != nil {
		verdict := s.verdict()
		changed = s.change(verdict)
		a = s.describe(verdict)
	}
	a.Instance, a.Seq = m.instance, m.seq
	return a, changed
}

// verdict judges the service by its own evidence and the program's.
func (s *Service) verdict() statement {
	failed, pending := s.m.evidence.findings()
	ownFailed, ownPending := s.evidence.findings()
	return judge(s.m.leaving.Load(), s.statement(), append(failed, ownFailed...), append(pending, ownPending...))
}

// describe makes an answer, without instance and seq, of a verdict.
func (s *Service) describe(verdict statement) wire.Answer {
	a := wire.Answer{State: onWire[verdict.state], Service: s.name, Reason: wire.CleanReason(verdict.reason)}
	if weight := s.weight.Load(); weight != unsaid {
		a.Weight = wire.Some(uint64(weight))
	}
	if s.counters.touched.Load() {
		a.Conns = wire.Some(uint64(max(s.counters.conns.Load(), 0)))
		a.Served = wire.Some(s.counters.served.Load())
		a.Failed = wire.Some(s.counters.failed.Load())
	}
	return a
}

// change returns what logs a state that differs from that of the answer before; nil where it is the same. The caller
// holds Monitor.answering.
func (s *Service) change(verdict statement) func() {
	if verdict.state == s.logged {
		return nil
	}
	args := []any{"service", s.name, "from", s.logged.String(), "to", verdict.state.String(), "reason", verdict.reason}
	s.logged = verdict.state
	log := s.m.log.Warn
	if verdict.state == Up {
		log = s.m.log.Info
	}
	return func() { log("service changed", args...) }
}

// agentLine is the HAProxy agent line that speaks for all services: the worst state, and the lowest weight.
func (m *Monitor) agentLine() []byte {
	worst, lowest := statement{state: Up}, wire.Answer{}
	for _, s := range m.services {
		verdict := s.verdict()
		if worse(verdict.state, worst.state) {
			worst = verdict
		}
		if a := s.describe(verdict); a.Percent() < lowest.Percent() {
			lowest = a
		}
	}
	return wire.AppendAgent(nil, wire.Answer{State: onWire[worst.state], Weight: lowest.Weight, Reason: worst.reason})
}
