package checker

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	grpcstatus "google.golang.org/grpc/status"
)

// noStreams is a health service behind something that lets no stream live.
type noStreams struct {
	grpc_health_v1.UnimplementedHealthServer
	watches atomic.Int32
}

func (h *noStreams) Check(context.Context, *grpc_health_v1.HealthCheckRequest) (*grpc_health_v1.HealthCheckResponse, error) {
	return &grpc_health_v1.HealthCheckResponse{Status: isServing}, nil
}

func (h *noStreams) Watch(*grpc_health_v1.HealthCheckRequest, grpc.ServerStreamingServer[grpc_health_v1.HealthCheckResponse]) error {
	h.watches.Add(1)
	return grpcstatus.Error(codes.PermissionDenied, "no streams here")
}

// A server that ends each Watch at once is asked each interval after a few tries, and no
// more often.
func TestGRPCWatchThatEndsAtOnce(t *testing.T) {
	h := &noStreams{}
	timing := brisk
	timing.Interval, timing.FastInterval, timing.Timeout, timing.Fall = 200*time.Millisecond, 200*time.Millisecond, 200*time.Millisecond, 3
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serveGRPCOn(t, l, h)
	events := watchHealth(t, Config{}, netip.MustParseAddrPort(l.Addr().String()), timing)
	settled := 0
	for deadline := time.After(30 * time.Second); settled < 5; {
		select {
		case e := <-events:
			if e.Verdict == Down {
				t.Fatalf("down: %s", e.Reason)
			}
			if strings.Contains(e.Result.Reason, "ends each Watch at once") {
				settled++
			}
		case <-deadline:
			t.Fatalf("after 30 s it is still watched: %d times", h.watches.Load())
		}
	}
	if n := h.watches.Load(); n != maxBrief {
		t.Errorf("it was watched %d times, want %d", n, maxBrief)
	}
}

// Checks that are set when Run has ended never begin, and so need no end.
func TestSetAfterRun(t *testing.T) {
	target := netip.MustParseAddrPort("127.0.0.1:9")
	for _, o := range []Options{Monitor{Mode: Watch, Service: "x", Server: target}, GRPC{Watch: true}, Heartbeat{ID: "x", Service: "x", Misses: 3}} {
		e := New(Config{})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := e.Run(ctx); err != nil {
			t.Fatal(err)
		}
		e.Set([]Spec{{Target: target, Options: o, Timing: DefaultTiming()}})
		e.Set(nil)
	}
}
