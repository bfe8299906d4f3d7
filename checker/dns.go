package checker

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sys/unix"
)

// question asks a name server once, over UDP or TCP. Over UDP it repeats itself while
// there is no answer, and asks over TCP where the answer was cut short (RFC 1035,
// section 4.2; RFC 7766, section 5).
type question struct {
	transport
	query    []byte // with an ID of 0
	question dns.Question
	stream   bool // ask over TCP only
	rcodes   []string
	answer   *regexp.Regexp
}

func prepareDNS(s Spec, o DNS, _ Config) (probe, error) {
	kind, known := dns.StringToType[o.Type]
	switch kind {
	case dns.TypeAXFR, dns.TypeIXFR, dns.TypeOPT, dns.TypeTSIG, dns.TypeTKEY:
		known = false
	}
	_, isName := dns.IsDomainName(o.Name)
	switch {
	case !isName:
		return nil, fmt.Errorf("the name %q is no domain name", o.Name)
	case !known:
		return nil, fmt.Errorf("the type %q is no type of record that can be asked for, such as A or SOA", o.Type)
	case o.Protocol != "udp" && o.Protocol != "tcp":
		return nil, fmt.Errorf("the protocol %q is neither udp nor tcp", o.Protocol)
	case len(o.RCodes) == 0:
		return nil, errors.New("no response code is right: name one at least, such as NOERROR")
	}
	for _, name := range o.RCodes {
		if code, known := dns.StringToRcode[name]; !known || code > 0xf { // all that a header has place for
			return nil, fmt.Errorf("%q is no response code such as NOERROR or NXDOMAIN", name)
		}
	}
	m := new(dns.Msg).SetQuestion(dns.Fqdn(o.Name), kind) // recursion desired
	m.Id = 0
	query, err := m.Pack()
	if err != nil {
		return nil, fmt.Errorf("the question can't be asked: %w", err)
	}
	t, err := newTransport(s, nil)
	if err != nil {
		return nil, err
	}
	return &question{
		transport: t, query: query, question: m.Question[0],
		stream: o.Protocol == "tcp", rcodes: o.RCodes, answer: o.Answer,
	}, nil
}

func (p *question) run(ctx context.Context, t *transcript) Result {
	query := slices.Clone(p.query)
	id := dns.Id()
	binary.BigEndian.PutUint16(query, id)
	t.addSent([]byte(p.question.String() + "\n")) // as text: it is for people
	ask := p.overUDP
	if p.stream {
		ask = p.overTCP
	}
	m, bad := ask(ctx, query, id)
	if m != nil && m.Truncated && !p.stream {
		m, bad = p.overTCP(ctx, query, id)
	}
	if m == nil {
		return bad
	}
	if t != nil {
		t.addRead([]byte(m.String()))
	}
	return p.judge(m)
}

// repeats is how often a question over UDP is repeated, spread over the time.
const repeats = 2

// overUDP returns the first datagram that answers the question. What does not is
// perhaps forged, or late, and does not end the wait.
func (p *question) overUDP(ctx context.Context, query []byte, id uint16) (*dns.Msg, Result) {
	c, err := dialUDP(ctx, p.target)
	if err != nil {
		return nil, trouble(err, connecting, p.timeout)
	}
	defer c.Close()
	if err := c.send(query); err != nil {
		return nil, trouble(err, sending, p.timeout)
	}
	for i := range repeats {
		timer := c.sendAfter(p.timeout*time.Duration(i+1)/(repeats+1), query)
		defer timer.Stop()
	}
	buf := datagrams.Get().(*[]byte)
	defer datagrams.Put(buf)
	var other error
	for range maxReplies {
		n, err := c.receive(*buf)
		if err != nil {
			r := trouble(err, answering, p.timeout)
			if r.Answer == Failure && other != nil {
				r.Reason += ": " + other.Error()
			}
			return nil, r
		}
		m, err := p.parse((*buf)[:n], id)
		var not *notAnswerError
		switch {
		case err == nil:
			return m, Result{}
		case errors.As(err, &not):
			other = not
		default:
			return nil, malformed(err)
		}
	}
	return nil, failed(fmt.Sprintf("no answer among the first %d datagrams: %s", maxReplies, other))
}

// sendAfter sends a datagram later, unless the timer is stopped or the socket closed
// before.
func (c *conn) sendAfter(d time.Duration, b []byte) *time.Timer {
	file := c.file
	return time.AfterFunc(d, func() {
		if raw, err := file.SyscallConn(); err == nil {
			raw.Control(func(fd uintptr) {
				unix.SendmsgN(int(fd), b, nil, nil, unix.MSG_NOSIGNAL) // whoever reads hears of errors
			})
		}
	})
}

// overTCP asks on a connection, where each message has its length before it.
func (p *question) overTCP(ctx context.Context, query []byte, id uint16) (*dns.Msg, Result) {
	c, bad := p.open(ctx, nil)
	if c == nil {
		return nil, bad
	}
	defer c.Close()
	if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(query))), query...)); err != nil {
		return nil, trouble(err, sending, p.timeout)
	}
	var length [2]byte
	if n, err := io.ReadFull(c, length[:]); err != nil {
		during := answering
		if n > 0 {
			during = reading
		}
		return nil, trouble(err, during, p.timeout)
	}
	answer := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(c, answer); err != nil {
		return nil, trouble(err, reading, p.timeout)
	}
	m, err := p.parse(answer, id)
	var not *notAnswerError
	switch {
	case errors.As(err, &not):
		return nil, failed(not.Error())
	case err != nil:
		return nil, malformed(err)
	}
	return m, Result{}
}

func malformed(err error) Result {
	return failed("the answer is malformed: " + strings.TrimPrefix(plain(err), "dns: "))
}

// notAnswerError says why a message is no answer to the question.
type notAnswerError struct{ reason string }

func (e *notAnswerError) Error() string { return e.reason }

// parse reads a message that should be the answer to the question of that ID.
func (p *question) parse(b []byte, id uint16) (*dns.Msg, error) {
	const header, response = 12, 0x80
	switch {
	case len(b) < header:
		return nil, &notAnswerError{fmt.Sprintf("what came has %d bytes and is no DNS message", len(b))}
	case binary.BigEndian.Uint16(b) != id:
		return nil, &notAnswerError{"what came has another ID than the question"}
	case b[2]&response == 0:
		return nil, &notAnswerError{"what came is no response"}
	}
	m := new(dns.Msg)
	if err := m.Unpack(b); err != nil && !m.Truncated { // who cuts short may do so anywhere
		return nil, err
	}
	switch {
	case len(m.Question) == 0 && (m.Rcode != dns.RcodeSuccess || m.Truncated):
		return m, nil // who can't or won't answer need not repeat the question
	case len(m.Question) != 1 || !sameQuestion(m.Question[0], p.question):
		return nil, &notAnswerError{"what came answers another question"}
	}
	return m, nil
}

func sameQuestion(a, b dns.Question) bool {
	return strings.EqualFold(a.Name, b.Name) && a.Qtype == b.Qtype && a.Qclass == b.Qclass
}

// judge says what an answer means.
func (p *question) judge(m *dns.Msg) Result {
	code := dns.RcodeToString[m.Rcode]
	if code == "" {
		code = fmt.Sprintf("RCODE%d", m.Rcode)
	}
	switch {
	case !slices.Contains(p.rcodes, code):
		return failed(fmt.Sprintf("answered %s, want %s", code, strings.Join(p.rcodes, " or ")))
	case p.answer == nil:
		return success()
	case len(m.Answer) == 0:
		return failed(fmt.Sprintf("answered %s without a record, want a match for %s", code, clean(p.answer.String())))
	}
	searched := 0
	for _, record := range m.Answer {
		text := recordText(record)
		if searched += len(text); searched > maxEffort {
			return failed(fmt.Sprintf("no record matches %s in the first %d MiB of the answer", clean(p.answer.String()), maxEffort>>20))
		}
		if p.answer.MatchString(text) {
			return success()
		}
	}
	return failed(fmt.Sprintf("no record matches %s, got %s", clean(p.answer.String()), clean(recordText(m.Answer[0]))))
}

// recordText is a record as zone files write it, with one space between its fields: a
// tab within one is written as \009.
func recordText(record dns.RR) string { return strings.ReplaceAll(record.String(), "\t", " ") }
