package checker

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/wire"
)

// benchSecret is what the program of a benchmark signs with where it is asked with a nonce.
var benchSecret = []byte("the secret of benchmarks")

// serveMonitorForBenchmark is a program with a monitor: it answers polls, and watches each interval.
func serveMonitorForBenchmark() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(l.Addr().(*net.TCPAddr).Port)
	go func() {
		os.Stdin.Read(make([]byte, 1))
		os.Exit(0)
	}()
	for {
		c, err := l.Accept()
		if err != nil {
			continue
		}
		go (&benchmarkPeer{conn: c}).converse()
	}
}

type benchmarkPeer struct {
	conn  net.Conn
	mu    sync.Mutex
	seq   uint64
	asked []byte
	timer *time.Timer
}

func (p *benchmarkPeer) converse() {
	defer p.conn.Close()
	for lines := bufio.NewScanner(p.conn); lines.Scan(); {
		request, err := wire.ParseRequest(lines.Bytes())
		if err != nil {
			return
		}
		p.mu.Lock()
		p.asked = bytes.Clone(lines.Bytes())
		if p.timer != nil {
			p.timer.Stop()
			p.timer = nil
		}
		p.mu.Unlock()
		p.answer(request.Interval, len(request.Nonce) > 0)
	}
}

func (p *benchmarkPeer) answer(again time.Duration, signed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seq++
	line := append(make([]byte, 0, 256), "MONITOR/1 up service=bastion instance=c0ffee seq="...)
	line = strconv.AppendUint(line, p.seq, 10)
	line = append(line, " conns=133 served="...)
	line = strconv.AppendUint(line, 9000+p.seq, 10)
	line = append(line, ` failed=2 reason="fine"`...)
	if signed {
		line, _ = wire.Sign(p.asked, line, benchSecret)
	}
	if _, err := p.conn.Write(append(line, '\n')); err == nil && again > 0 {
		p.timer = time.AfterFunc(again, func() { p.answer(again, signed) })
	}
}

// monitorSpecs is n monitor checks of one port of this host.
func monitorSpecs(n int, port uint16, mode MonitorMode, secrets ...[]byte) []Spec {
	specs := make([]Spec, n)
	for i := range specs {
		o := Monitor{Service: "bastion", Mode: mode, Secrets: secrets}
		o.Server = netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, byte(i >> 8), byte(i)}), 80)
		specs[i] = Spec{Target: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port), Options: o, Timing: DefaultTiming()}
	}
	return specs
}

// benchmarkMonitor measures the CPU time of one answer, the whole way to the consumer of events, and what a check
// holds in memory.
func benchmarkMonitor(b *testing.B, mode MonitorMode) {
	for _, signed := range []bool{false, true} {
		for _, rate := range []int{1000, 5000, 10000} {
			b.Run(fmt.Sprintf("signed=%t/%d", signed, rate), func(b *testing.B) {
				var secrets [][]byte
				if signed {
					secrets = append(secrets, benchSecret)
				}
				port := benchmarkServer(b, "monitor")
				var before, after runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&before)
				specs := monitorSpecs(rate, port, mode, secrets...)
				e := New(Config{})
				ctx, cancel := context.WithCancel(b.Context())
				ended := make(chan error, 1)
				go func() { ended <- e.Run(ctx) }()
				e.Set(specs)
				for range 2 * rate { // until all are known and connected
					if event := <-e.Events(); event.Result.Answer == Failure || event.Result.Answer == Refusal {
						b.Fatal(event.Result.Reason)
					}
				}
				runtime.GC()
				runtime.ReadMemStats(&after)
				begun := cpuTime()
				b.ResetTimer()
				for range b.N {
					if event := <-e.Events(); event.Result.Answer == Failure || event.Result.Answer == Refusal {
						b.Fatal(event.Result.Reason)
					}
				}
				b.StopTimer()
				b.ReportMetric(float64(cpuTime()-begun)/float64(time.Microsecond)/float64(b.N), "cpu-us/answer")
				b.ReportMetric(float64(after.HeapInuse+after.StackInuse-before.HeapInuse-before.StackInuse)/float64(rate), "B/check")
				cancel()
				if err := <-ended; err != nil {
					b.Fatal(err)
				}
				runtime.KeepAlive(specs)
			})
		}
	}
}

// BenchmarkPollKept is a poll each second on connections that stay open.
func BenchmarkPollKept(b *testing.B) { benchmarkMonitor(b, Poll) }

// BenchmarkWatch is an answer each second on connections that are watched.
func BenchmarkWatch(b *testing.B) { benchmarkMonitor(b, Watch) }

// reportQuantiles tells the middle and the worst of some times.
func reportQuantiles(b *testing.B, took []time.Duration) {
	slices.Sort(took)
	b.ReportMetric(took[len(took)/2].Seconds()*1000, "median-ms")
	b.ReportMetric(took[len(took)-1].Seconds()*1000, "worst-ms")
}
