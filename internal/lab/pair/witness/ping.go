package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// period is how often both are asked.
var period = time.Millisecond

const (
	longest = 5 * time.Minute        // then it ends by itself
	grace   = 300 * time.Millisecond // how long answers are waited for after the last ping
	magic   = 0x6d61696e73746179     // begins what our pings carry
)

// result is what a run of pings came to.
type result struct {
	Sent     int  `json:"sent"`      // to each of the two
	Lost     int  `json:"lost"`      // of those to the virtual address, those never answered
	RealTime bool `json:"real_time"` // with real-time priority
	// All in microseconds: the client's outage, its longest silence as it was, and the
	// longest silence of the control, each of 1000 or more.
	Outage         int64 `json:"outage_us"`
	Silence        int64 `json:"silence_us"`
	ControlSilence int64 `json:"control_silence_us"`
	ControlLost    int   `json:"control_lost"`
}

// target is one address that is asked.
type target struct {
	addr    unix.SockaddrInet4
	ip      netip.Addr
	got     []bool          // by sequence number
	answers []time.Duration // since the start, as they came
}

// pinger asks two addresses at once, each period.
type pinger struct {
	fd      int
	id      uint16
	start   time.Time
	sent    int
	targets [2]target // the virtual address, the control
	packet  [8 + 24]byte
	buffer  [256]byte
	control [128]byte
}

func pingBoth(virtual, control string, in io.Reader, out io.Writer) error {
	realTime, err := inRealTime()
	if err != nil {
		return err
	}
	p := &pinger{id: uint16(os.Getpid()), start: time.Now()}
	for i, text := range []string{virtual, control} {
		ip, err := netip.ParseAddr(text)
		if err != nil || !ip.Is4() {
			return fmt.Errorf("ping: %s is no IPv4 address", text)
		}
		room := int(longest / period)
		p.targets[i] = target{addr: unix.SockaddrInet4{Addr: ip.As4()}, ip: ip, got: make([]bool, room), answers: make([]time.Duration, 0, room)}
	}
	if p.fd, err = pingSocket(); err != nil {
		return fmt.Errorf("ping: %w", err)
	}
	defer unix.Close(p.fd)
	orders := make(chan string)
	go readOrders(in, orders)
	if err := p.run(orders, out); err != nil {
		return fmt.Errorf("ping: %w", err)
	}
	return json.NewEncoder(out).Encode(p.result(realTime))
}

// readOrders hands on each line, and ends with the input, which ends with the program.
func readOrders(in io.Reader, orders chan<- string) {
	defer close(orders)
	for lines := bufio.NewScanner(in); lines.Scan(); {
		orders <- lines.Text()
	}
}

// pingSocket takes echo replies only, each with the time at which it came.
func pingSocket() (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.IPPROTO_ICMP)
	if err != nil {
		return 0, err
	}
	const icmpFilter, allButReplies = 1, ^(1 << 0) // linux/icmp.h ICMP_FILTER; type 0 is a reply
	for _, set := range []func() error{
		func() error { return unix.SetsockoptInt(fd, unix.SOL_RAW, icmpFilter, allButReplies) },
		func() error { return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1) },
		func() error { return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 4<<20) },
	} {
		if err := set(); err != nil {
			_ = unix.Close(fd)
			return 0, err
		}
	}
	return fd, nil
}

// run asks until it is told to stop.
func (p *pinger) run(orders <-chan string, out io.Writer) error {
	awaited := -1 // the count of answers at which to print "answered"; -1: nobody waits
	next := now()
	for p.sent < cap(p.targets[0].answers) {
		if next += period; next < now() {
			next = now() // pings that were not sent in time are not sent at all
		}
		sleepUntil(next)
		p.send(p.sent)
		p.sent++
		if err := p.receive(); err != nil {
			return err
		}
		select {
		case order, open := <-orders:
			n, more := strings.CutPrefix(order, "more ")
			switch count, err := strconv.Atoi(n); {
			case !open || order == "stop":
				return p.last()
			case more && err == nil:
				awaited = len(p.targets[0].answers) + count
			default:
				return fmt.Errorf("unknown order %q", order)
			}
		default:
		}
		if awaited >= 0 && len(p.targets[0].answers) >= awaited {
			awaited = -1
			fmt.Fprintln(out, "answered")
		}
	}
	return p.last()
}

// last takes the answers that are still under way.
func (p *pinger) last() error {
	for end := now() + grace; now() < end && (p.lost(0) > 0 || p.lost(1) > 0); {
		sleepUntil(now() + period)
		if err := p.receive(); err != nil {
			return err
		}
	}
	return nil
}

// send sends an echo request to both. One that can't be sent is lost: the address is
// not known on the network, say.
func (p *pinger) send(seq int) {
	for i := range p.targets {
		b := p.packet[:]
		b[0], b[1], b[2], b[3] = 8, 0, 0, 0 // RFC 792: echo; no checksum yet
		binary.BigEndian.PutUint16(b[4:], p.id)
		binary.BigEndian.PutUint16(b[6:], uint16(seq))
		binary.BigEndian.PutUint64(b[8:], magic)
		binary.BigEndian.PutUint64(b[16:], uint64(i))
		binary.BigEndian.PutUint64(b[24:], uint64(seq))
		binary.BigEndian.PutUint16(b[2:], checksum(b))
		_ = unix.Sendto(p.fd, b, 0, &p.targets[i].addr)
	}
}

// receive takes all replies that are there.
func (p *pinger) receive() error {
	for {
		n, nc, _, _, err := unix.Recvmsg(p.fd, p.buffer[:], p.control[:], unix.MSG_DONTWAIT)
		switch err {
		case nil:
			p.reply(p.buffer[:n], time.Unix(0, arrival(p.control[:nc])))
		case unix.EAGAIN:
			return nil
		case unix.EINTR, unix.EHOSTUNREACH, unix.ENETUNREACH, unix.ENETDOWN, unix.ECONNREFUSED:
		default:
			return err
		}
	}
}

// reply notes an echo reply, an IP packet, that came at a time.
func (p *pinger) reply(b []byte, at time.Time) {
	if len(b) < 20 || len(b) < int(b[0]&0xf)*4+len(p.packet) {
		return
	}
	from := netip.AddrFrom4([4]byte(b[12:16]))
	b = b[int(b[0]&0xf)*4:]
	i, seq := binary.BigEndian.Uint64(b[16:]), binary.BigEndian.Uint64(b[24:])
	if binary.BigEndian.Uint16(b[4:]) != p.id || binary.BigEndian.Uint64(b[8:]) != magic ||
		i >= uint64(len(p.targets)) || from != p.targets[i].ip || seq >= uint64(p.sent) || p.targets[i].got[seq] {
		return
	}
	t := &p.targets[i]
	t.got[seq] = true
	t.answers = append(t.answers, at.Sub(p.start))
}

// lost is how many pings to a target have no answer.
func (p *pinger) lost(i int) int { return p.sent - len(p.targets[i].answers) }

func (p *pinger) result(realTime bool) result {
	virtual, control := p.targets[0].answers, p.targets[1].answers
	return result{
		Sent: p.sent, Lost: p.lost(0), ControlLost: p.lost(1), RealTime: realTime,
		Outage:         outage(virtual, control, period).Microseconds(),
		Silence:        worst(virtual).Microseconds(),
		ControlSilence: worst(control).Microseconds(),
	}
}

// now is the monotonic clock.
func now() time.Duration {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) // can't fail for this clock
	return time.Duration(ts.Nano())
}

// sleepUntil sleeps until the monotonic clock shows a time.
func sleepUntil(t time.Duration) {
	ts := unix.NsecToTimespec(int64(t))
	for unix.ClockNanosleep(unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, &ts, nil) == unix.EINTR {
	}
}

// checksum is RFC 1071's, of an even number of bytes.
func checksum(b []byte) uint16 {
	var sum uint32
	for i := 0; i+1 < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	sum = sum&0xffff + sum>>16
	return ^uint16(sum + sum>>16)
}
