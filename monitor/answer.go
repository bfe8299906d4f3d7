package monitor

import (
	"fmt"
	"time"

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
	a, _ := m.answer(service)
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
// A watch is refused: it takes a connection that Serve has accepted.
func (m *Monitor) Respond(request []byte) []byte {
	r, refusal, _ := m.understand(request, pollOnly)
	if refusal != "" {
		return wire.AppendRefusal(nil, refusal)
	}
	answer, _ := m.appendAnswer(nil, request, r.Service)
	return answer
}

// The methods that there are, and what to say of others.
const (
	pollAndWatch = "poll and watch are"
	pollOnly     = "poll is: answers without a request come on a connection of the monitor's own only"
)

// understand reads a request. A refusal says why it gets no answer, and wellFormed whether it was a request at all:
// whoever sends something else is not worth a further line.
func (m *Monitor) understand(line []byte, supported string) (r wire.Request, refusal string, wellFormed bool) {
	r, err := wire.ParseRequest(line)
	switch {
	case err != nil:
		return r, err.Error(), false
	case r.Method != wire.Poll && (r.Method != wire.Watch || supported != pollAndWatch):
		return r, fmt.Sprintf("the method %s is not supported (%s)", r.Method, supported), true
	case m.secret != nil && r.Nonce == "":
		return r, "nonce wanted", true
	}
	return r, "", true
}

// appendAnswer appends to dst the line that answers request, and returns where the service stands by it.
func (m *Monitor) appendAnswer(dst, request []byte, service string) ([]byte, standing) {
	a, now := m.answer(service)
	line, err := a.AppendText(dst)
	if err == nil && m.secret != nil {
		line, err = wire.Sign(request, line, m.secret)
	}
	if err != nil {
		// Names are checked and reasons are cleaned, so that every answer can be printed; if not, better no state.
		line = wire.AppendRefusal(dst, err.Error())
	}
	return line, now
}

// standing is that part of what is told of a service whose change is told at once.
type standing struct {
	state   wire.State
	percent int
	leaving bool
}

// answer puts the next answer about a service together. The program's logger is called when other answers need not
// wait for it any more.
func (m *Monitor) answer(service string) (wire.Answer, standing) {
	m.answering.Lock()
	a, now, changed := m.describe(service)
	m.seq++
	a.Instance, a.Seq = m.instance, m.seq
	m.answering.Unlock()
	changed()
	return a, now
}

// describe makes an answer without instance and seq, and what logs the change of state that it tells of. The caller
// holds m.answering, and calls that when it doesn't any more.
func (m *Monitor) describe(service string) (a wire.Answer, now standing, changed func()) {
	leaving := m.leaving.Load()
	a, changed = wire.Answer{State: wire.Down, Service: service, Reason: noSuchService}, func() {}
	if s := m.byName[service]; s != nil {
		verdict := s.verdict(leaving)
		a, changed = s.describe(verdict), s.change(verdict)
	}
	return a, standing{a.State, a.Percent(), leaving}, changed
}

// standing returns where a service stands now, which is no answer.
func (m *Monitor) standing(service string) standing {
	leaving, s := m.leaving.Load(), m.byName[service]
	if s == nil {
		return standing{wire.Down, 100, leaving}
	}
	return standing{onWire[s.verdict(leaving).state], s.percent(), leaving}
}

// turns is the first moment after now at which the passing of time alone can change where a service stands; zero: never.
func (m *Monitor) turns(service string, now time.Time) time.Time {
	first := m.evidence.turns(now)
	if s := m.byName[service]; s != nil {
		first = earlier(first, s.evidence.turns(now))
	}
	return first
}

// verdict judges the service by its own evidence and the program's.
func (s *Service) verdict(leaving bool) statement {
	failed, pending := s.m.evidence.findings()
	ownFailed, ownPending := s.evidence.findings()
	return judge(leaving, s.statement(), append(failed, ownFailed...), append(pending, ownPending...))
}

// percent is the share of its weight that the service asks for.
func (s *Service) percent() int {
	if weight := s.weight.Load(); weight != unsaid {
		return int(weight)
	}
	return 100
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

// change returns what logs a state that differs from that of the answer before, and does nothing where it is the same.
// The caller holds Monitor.answering.
func (s *Service) change(verdict statement) func() {
	if verdict.state == s.logged {
		return func() {}
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
	leaving := m.leaving.Load()
	for _, s := range m.services {
		verdict := s.verdict(leaving)
		if worse(verdict.state, worst.state) {
			worst = verdict
		}
		if a := s.describe(verdict); a.Percent() < lowest.Percent() {
			lowest = a
		}
	}
	return wire.AppendAgent(nil, wire.Answer{State: onWire[worst.state], Weight: lowest.Weight, Reason: worst.reason})
}
