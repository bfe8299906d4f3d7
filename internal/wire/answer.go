package wire

import (
	"fmt"
	"strconv"
)

// Answer is what a program says about a service.
type Answer struct {
	// State is one of the five states.
	State State
	// Service is the service that was asked for; 1..128 bytes.
	Service string
	// Instance is new each time the program starts; 1..128 bytes.
	Instance string
	// Seq grows with each answer of an instance.
	Seq uint64
	// Weight is the share of its configured weight that the service wants, in percent, 0..100; see Percent.
	Weight Optional
	// Conns is the number of connections open now.
	Conns Optional
	// Served counts what was served since the instance started.
	Served Optional
	// Failed counts what failed since the instance started.
	Failed Optional
	// Reason is a sentence for the operator; printable ASCII, see CleanReason. Empty is the same as absent.
	Reason string
	// MAC is 64 lower-case hex digits, or empty. A parsed mac is not yet a right one: see Verify.
	MAC string
}

// Percent returns the share of its configured weight that the service wants, 0..100; 100 where the answer doesn't say.
func (a Answer) Percent() int { return int(a.Weight.Or(100)) }

// refusal is the verb of an answer that gives no state.
const refusal = "error"

// ParseAnswer reads an answer, given without its line end. Unknown keys are ignored. The error wraps ErrTooLong,
// ErrNotMonitor, ErrVersion or ErrMalformed, or is a *RefusalError where the program answered MONITOR/1 error.
//
// ParseAnswer judges neither the mac nor the service: Accept does it all.
func ParseAnswer(line []byte) (Answer, error) {
	l, err := parseMonitor(line)
	if err != nil {
		return Answer{}, err
	}
	if l.Verb == refusal {
		reason, _ := l.Get("reason")
		return Answer{}, &RefusalError{Reason: reason}
	}
	var a Answer
	if a.State, err = stateOf(l); err != nil {
		return Answer{}, err
	}
	if a.Service, err = nameOf(l, "service", true); err != nil {
		return Answer{}, err
	}
	if a.Instance, err = nameOf(l, "instance", true); err != nil {
		return Answer{}, err
	}
	if a.Seq, err = numberOf(l, "seq"); err != nil {
		return Answer{}, err
	}
	err = readNumbers(l, numberField{"weight", &a.Weight}, numberField{"conns", &a.Conns},
		numberField{"served", &a.Served}, numberField{"failed", &a.Failed})
	if err != nil {
		return Answer{}, err
	}
	if err := checkWeight(a.Weight); err != nil {
		return Answer{}, err
	}
	a.Reason, _ = l.Get("reason")
	if a.MAC, err = macOf(l); err != nil {
		return Answer{}, err
	}
	return a, nil
}

// AppendText appends the answer without a line end to dst, its mac last where it has one. The error wraps ErrMalformed
// and names the part that can't be sent, or is ErrTooLong.
func (a Answer) AppendText(dst []byte) ([]byte, error) {
	if err := checkState(a.State); err != nil {
		return dst, err
	}
	if err := checkName("service", a.Service); err != nil {
		return dst, err
	}
	if err := checkName("instance", a.Instance); err != nil {
		return dst, err
	}
	if err := checkWeight(a.Weight); err != nil {
		return dst, err
	}
	if err := checkMAC(a.MAC); err != nil {
		return dst, err
	}
	l := Line{Protocol: monitor1, Verb: string(a.State), Fields: make([]Field, 0, 9)}
	number := func(key string, n Optional) {
		if n.Given {
			l.Fields = append(l.Fields, Field{Key: key, Value: strconv.FormatUint(n.Value, 10)})
		}
	}
	l.Fields = append(l.Fields, Field{Key: "service", Value: a.Service}, Field{Key: "instance", Value: a.Instance})
	number("seq", Some(a.Seq))
	number("weight", a.Weight)
	number("conns", a.Conns)
	number("served", a.Served)
	number("failed", a.Failed)
	if a.Reason != "" {
		l.Fields = append(l.Fields, Field{Key: "reason", Value: a.Reason, Quoted: true})
	}
	if a.MAC != "" {
		l.Fields = append(l.Fields, Field{Key: macKey, Value: a.MAC})
	}
	return l.AppendText(dst)
}

// String returns the answer's line, or in parentheses why there is none.
func (a Answer) String() string { return textOf(a.AppendText(nil)) }

// AppendRefusal appends MONITOR/1 error with the reason, as CleanReason leaves it, and without a line end to dst.
func AppendRefusal(dst []byte, reason string) []byte {
	dst = append(dst, monitor1+" "+refusal+" reason="...)
	return appendQuoted(dst, CleanReason(reason))
}

// Accept reads received, the answer to the line request, and returns it only if it holds in every respect: it is well
// formed, it is about the service asked for, and, where secrets are given, its mac fits one of them. Both lines are
// the exact bytes sent and received, without their ends. The error is that of ParseAnswer or Verify, or wraps
// ErrWrongService.
func Accept(request, received []byte, service string, secrets ...[]byte) (Answer, error) {
	a, err := ParseAnswer(received)
	if err != nil {
		return Answer{}, err
	}
	if len(secrets) > 0 {
		if err := Verify(request, received, secrets...); err != nil {
			return Answer{}, err
		}
	}
	if a.Service != service {
		return Answer{}, fmt.Errorf("%w: asked for %s, got %s", ErrWrongService, clip(service), clip(a.Service))
	}
	return a, nil
}
