package checker

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// beAServer is set where the test binary is the server of a benchmark: a process of
// its own, so that its CPU time is not counted. Its value says what to serve.
const beAServer = "MAINSTAY_TEST_SERVER"

// serveForBenchmark accepts connections until its standard input ends.
func serveForBenchmark(kind string) {
	if kind == "monitor" {
		serveMonitorForBenchmark()
	}
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err == nil {
		err = syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	}
	if err == nil {
		err = syscall.Listen(fd, 4096)
	}
	name, nameErr := syscall.Getsockname(fd)
	if err != nil || nameErr != nil {
		fmt.Fprintln(os.Stderr, err, nameErr)
		os.Exit(1)
	}
	fmt.Println(name.(*syscall.SockaddrInet4).Port)
	go func() {
		os.Stdin.Read(make([]byte, 1))
		os.Exit(0)
	}()
	answer := []byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
	buf := make([]byte, 4096)
	for {
		c, _, err := syscall.Accept4(fd, syscall.SOCK_CLOEXEC)
		if err != nil {
			continue
		}
		if kind == "http" {
			if n, _ := syscall.Read(c, buf); n > 0 {
				syscall.Write(c, answer)
			}
		}
		syscall.Close(c)
	}
}

// benchmarkServer starts a server in a process of its own.
func benchmarkServer(b *testing.B, kind string) uint16 {
	b.Helper()
	_, port := benchmarkProcess(b, kind)
	return port
}

// benchmarkProcess is benchmarkServer, and hands over the process.
func benchmarkProcess(b *testing.B, kind string) (*exec.Cmd, uint16) {
	b.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), beAServer+"="+kind)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { stdin.Close(); cmd.Wait() })
	var port uint16
	if _, err := fmt.Fscan(stdout, &port); err != nil {
		b.Fatal(err)
	}
	return cmd, port
}

// benchmarkSpecs is n checks of one port on n loopback addresses.
func benchmarkSpecs(n int, port uint16, o Options) []Spec {
	specs := make([]Spec, n)
	for i := range specs {
		addr := netip.AddrFrom4([4]byte{127, 1, byte(i >> 8), byte(i)})
		specs[i] = Spec{Target: netip.AddrPortFrom(addr, port), Options: o, Timing: DefaultTiming()}
	}
	return specs
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkCheck is the CPU time of one check, the engine's part included, at so many
// checks a second: the figure cpu-us/check. Wall time says nothing here.
func BenchmarkCheck(b *testing.B) {
	for _, kind := range []string{"tcp", "http"} {
		for _, rate := range []int{1000, 5000, 10000} {
			b.Run(fmt.Sprintf("%s/%d", kind, rate), func(b *testing.B) {
				var o Options = TCP{}
				if kind == "http" {
					o = HTTP{Method: "GET", Path: "/", Status: []StatusRange{{200, 299}}}
				}
				port := benchmarkServer(b, kind)
				// The server listens on 127.0.0.1 alone, so all targets are it; what tells
				// the checks apart is their timing.
				specs := benchmarkSpecs(rate, port, o)
				for i := range specs {
					specs[i].Target = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port)
					specs[i].Timing.Fall = i + 1
				}
				e := New(Config{})
				ctx, cancel := context.WithCancel(b.Context())
				ended := make(chan error, 1)
				go func() { ended <- e.Run(ctx) }()
				e.Set(specs)
				for range rate { // until all have run once
					<-e.Events()
				}
				begun := cpuTime()
				b.ResetTimer()
				for range b.N {
					if event := <-e.Events(); event.Result.Answer != Success && event.Result.Answer != Inconclusive {
						b.Fatal(event.Result.Reason)
					}
				}
				b.StopTimer()
				b.ReportMetric(float64(cpuTime()-begun)/float64(time.Microsecond)/float64(b.N), "cpu-us/check")
				cancel()
				if err := <-ended; err != nil {
					b.Fatal(err)
				}
			})
		}
	}
}

// BenchmarkMemory is what 10,000 checks hold: the figure MB.
func BenchmarkMemory(b *testing.B) {
	port := benchmarkServer(b, "tcp")
	var before, after runtime.MemStats
	for range b.N {
		runtime.GC()
		runtime.ReadMemStats(&before)
		e := New(Config{})
		ctx, cancel := context.WithCancel(b.Context())
		ended := make(chan error, 1)
		go func() { ended <- e.Run(ctx) }()
		specs := benchmarkSpecs(10000, port, TCP{})
		e.Set(specs)
		for range 2 * len(specs) {
			<-e.Events()
		}
		runtime.ReadMemStats(&after)
		cancel()
		if err := <-ended; err != nil {
			b.Fatal(err)
		}
		runtime.KeepAlive(specs)
	}
	b.ReportMetric(float64(after.Sys)/1e6, "MB-of-process")
	b.ReportMetric(float64(after.HeapInuse+after.StackInuse-before.HeapInuse-before.StackInuse)/1e6, "MB")
}

// BenchmarkKey is what a reload pays for each check to find it again.
func BenchmarkKey(b *testing.B) {
	for kind, spec := range examples() {
		b.Run(kind, func(b *testing.B) {
			for b.Loop() {
				spec.Key()
			}
		})
	}
}
