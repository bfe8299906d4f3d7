package checker

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	grpchealth "google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	grpcstatus "google.golang.org/grpc/status"
)

// The statuses of the health service.
const (
	isUnknown    = grpc_health_v1.HealthCheckResponse_UNKNOWN
	isServing    = grpc_health_v1.HealthCheckResponse_SERVING
	isNotServing = grpc_health_v1.HealthCheckResponse_NOT_SERVING
)

// serveGRPC serves a health service, nil for none, until the test ends.
func serveGRPC(t *testing.T, service grpc_health_v1.HealthServer, options ...grpc.ServerOption) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serveGRPCOn(t, l, service, options...)
	return netip.MustParseAddrPort(l.Addr().String())
}

func serveGRPCOn(t *testing.T, l net.Listener, service grpc_health_v1.HealthServer, options ...grpc.ServerOption) *grpc.Server {
	t.Helper()
	s := grpc.NewServer(options...)
	if service != nil {
		grpc_health_v1.RegisterHealthServer(s, service)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(l)
	}()
	t.Cleanup(func() {
		s.Stop()
		<-done
	})
	return s
}

// statuses is a health service with these; that of the server as a whole is SERVING.
func statuses(all map[string]grpc_health_v1.HealthCheckResponse_ServingStatus) *grpchealth.Server {
	s := grpchealth.NewServer()
	for name, status := range all {
		s.SetServingStatus(name, status)
	}
	return s
}

// oddHealth is a health service whose Check a test has made.
type oddHealth struct {
	grpc_health_v1.UnimplementedHealthServer
	check func(context.Context) (grpc_health_v1.HealthCheckResponse_ServingStatus, error)
}

func (o oddHealth) Check(ctx context.Context, _ *grpc_health_v1.HealthCheckRequest) (*grpc_health_v1.HealthCheckResponse, error) {
	status, err := o.check(ctx)
	return &grpc_health_v1.HealthCheckResponse{Status: status}, err
}

func TestGRPC(t *testing.T) {
	target := serveGRPC(t, statuses(map[string]grpc_health_v1.HealthCheckResponse_ServingStatus{
		"good": isServing, "bad": isNotServing, "new": isUnknown,
	}))
	for service, c := range map[string]struct {
		answer   Answer
		starting bool
		reason   string
	}{
		"":      {Success, false, ""},
		"good":  {Success, false, ""},
		"bad":   {Refusal, false, "health service says NOT_SERVING"},
		"new":   {Refusal, true, "health service says UNKNOWN: it has no status yet"},
		"other": {Refusal, false, `health service does not know the service "other"`},
	} {
		for _, watch := range []bool{false, true} { // run once, a watch asks by Check
			r := once(Spec{Target: target, Options: GRPC{Service: service, Watch: watch}, Timing: patient})
			expect(t, r, c.answer, c.reason)
			if r.Starting != c.starting {
				t.Errorf("%q: starting %t", service, r.Starting)
			}
			if want := `grpc.health.v1.Health/Check service:"` + service + `"`; !strings.HasPrefix(string(r.Sent), want) || !strings.HasPrefix(string(r.Read), "status") {
				t.Errorf("sent %q, read %q", r.Sent, r.Read)
			}
		}
	}
}

func TestGRPCAnswersThatAreNone(t *testing.T) {
	fails := func(code codes.Code, text string) oddHealth {
		return oddHealth{check: func(context.Context) (grpc_health_v1.HealthCheckResponse_ServingStatus, error) {
			return 0, grpcstatus.Error(code, text)
		}}
	}
	for _, c := range []struct {
		name    string
		service grpc_health_v1.HealthServer
		timing  Timing
		answer  Answer
		reason  string
	}{
		{"no health service", nil, patient, Failure, "the server has no health service"},
		{"no Check", grpc_health_v1.UnimplementedHealthServer{}, patient, Failure, "the server has no health service"},
		{"an error", fails(codes.PermissionDenied, "who\nare you"), patient, Failure, "health check failed with PermissionDenied: who are you"},
		{"an error as of the connection", fails(codes.Unavailable, "later"), patient, Failure, "health check failed with Unavailable: later"},
		{"a long error", fails(codes.Internal, strings.Repeat("a", 1000)), patient, Failure, "health check failed with Internal: " + strings.Repeat("a", maxQuoted) + "..."},
		{"a longer error", fails(codes.Internal, strings.Repeat("a", 2*maxHeaders)), patient, Failure, ""},
		{"no status", oddHealth{check: func(context.Context) (grpc_health_v1.HealthCheckResponse_ServingStatus, error) { return 77, nil }}, patient, Failure, "health service says 77, which is no status"},
		{"silence", oddHealth{check: func(context.Context) (grpc_health_v1.HealthCheckResponse_ServingStatus, error) {
			<-t.Context().Done()
			return 0, nil
		}}, hasty, Failure, "no answer within 1s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := once(Spec{Target: serveGRPC(t, c.service), Options: GRPC{}, Timing: c.timing})
			if c.reason == "" { // in gRPC's words
				c.reason = r.Reason
			}
			expect(t, r, c.answer, c.reason)
			if len(r.Reason) > 300 || len(r.Read) > maxTranscript {
				t.Errorf("a reason of %d bytes, a transcript of %d", len(r.Reason), len(r.Read))
			}
		})
	}
}

func TestGRPCHostileServers(t *testing.T) {
	id := identify(t, nil)
	trusting := &TLS{RootCAs: id.ca}
	for _, c := range []struct {
		name   string
		handle func(net.Conn)
		tls    *TLS
		timing Timing
		reason string
	}{
		{"silence", silent, nil, hasty, "no answer within 1s"},
		{"silence to TLS", silent, trusting, hasty, "no end of the TLS handshake within 1s"},
		{"closing at once", hangingUp(""), nil, patient, "connection closed while waiting for the answer"},
		{"closing at once to TLS", hangingUp(""), trusting, patient, "connection closed in the TLS handshake"},
		{"reset", resetting, nil, patient, "connection reset while waiting for the answer"},
		{"HTTP/1.1", telling("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"), nil, patient, "the server does not speak HTTP/2"},
		{"garbage", telling("SSH-2.0-OpenSSH_9.2\r\n\x00\xff"), nil, patient, "the server does not speak HTTP/2"},
		{"garbage to TLS", telling("SSH-2.0-OpenSSH_9.2\r\n\x00\xff"), trusting, patient, "the server does not speak TLS"},
		{"flooding", flooding("", "aaaaaaaa"), nil, patient, "the server does not speak HTTP/2"},
		{"dripping", dripping("", 0), nil, patient, "the server does not speak HTTP/2"},
		{"a frame of another sort", telling("\x00\x00\x08\x06\x00\x00\x00\x00\x0012345678"), nil, patient, "the server does not speak HTTP/2"},
		{"settings, and silence", telling("\x00\x00\x00\x04\x00\x00\x00\x00\x00"), nil, hasty, "no answer within 1s"},
		{"settings, and the end", hangingUp("\x00\x00\x00\x04\x00\x00\x00\x00\x00"), nil, patient, "connection closed while waiting for the answer"},
		{"pings without end", flooding("\x00\x00\x00\x04\x00\x00\x00\x00\x00", "\x00\x00\x08\x06\x00\x00\x00\x00\x0012345678"), nil, hasty, "no answer within 1s"},
	} {
		for _, watch := range []bool{false, true} {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				target := serve(t, c.handle)
				expect(t, once(Spec{Target: target, Options: GRPC{TLS: c.tls, Watch: watch}, Timing: c.timing}), Failure, c.reason)
			})
		}
	}
	expect(t, once(Spec{Target: nobodyThere(t), Options: GRPC{}, Timing: patient}), Failure, "connection refused")
	_, dropping := full(t)
	expect(t, once(Spec{Target: dropping, Options: GRPC{}, Timing: hasty}), Failure, "no connection within 1s")
	expect(t, once(Spec{Target: netip.MustParseAddrPort("198.51.100.1:1"), Options: GRPC{}, Timing: patient}), Inconclusive,
		"this host has no route to the target: see its interfaces and ip route")
}

func TestGRPCOverTLS(t *testing.T) {
	id := identify(t, nil)
	config := &tls.Config{Certificates: []tls.Certificate{id.pair(t)}, NextProtos: []string{"h2"}}
	target := serveGRPC(t, statuses(nil), grpc.Creds(credentials.NewTLS(config)))
	plain := serveTLS(t, &tls.Config{Certificates: config.Certificates}, silent)
	other := serveTLS(t, &tls.Config{Certificates: config.Certificates, NextProtos: []string{"http/1.1"}}, silent)
	for _, c := range []struct {
		name   string
		target netip.AddrPort
		tls    TLS
		answer Answer
		reason string
	}{
		{"by address", target, TLS{RootCAs: id.ca}, Success, ""},
		{"by name", target, TLS{RootCAs: id.ca, ServerName: "a.example"}, Success, ""},
		{"not verified", target, TLS{InsecureSkipVerify: true}, Success, ""},
		{"another name", target, TLS{RootCAs: id.ca, ServerName: "b.example"}, Failure, "certificate is not for b.example"},
		{"an unknown authority", target, TLS{RootCAs: identify(t, nil).ca}, Failure, "certificate is signed by an unknown authority"},
		{"no ALPN", plain, TLS{RootCAs: id.ca}, Failure, "TLS handshake failed: the server offers no HTTP/2 in ALPN"},
		{"another ALPN", other, TLS{RootCAs: id.ca}, Failure, "the server broke off the TLS handshake: no application protocol"},
	} {
		t.Run(c.name, func(t *testing.T) {
			expect(t, once(Spec{Target: c.target, Options: GRPC{TLS: &c.tls, Authority: "c.example"}, Timing: patient}), c.answer, c.reason)
		})
	}
}

// The authority is the target, or what it is told to be; nothing of the environment
// comes in between.
func TestGRPCAuthority(t *testing.T) {
	t.Setenv("https_proxy", "http://192.0.2.1:1")
	t.Setenv("HTTPS_PROXY", "http://192.0.2.1:1")
	got := make(chan string, 1)
	target := serveGRPC(t, oddHealth{check: func(ctx context.Context) (grpc_health_v1.HealthCheckResponse_ServingStatus, error) {
		md, _ := metadata.FromIncomingContext(ctx)
		got <- strings.Join(md.Get(":authority"), ",")
		return isServing, nil
	}})
	for authority, want := range map[string]string{"": target.String(), "a.example": "a.example", "a.example:443": "a.example:443"} {
		expect(t, once(Spec{Target: target, Options: GRPC{Authority: authority}, Timing: patient}), Success, "")
		if a := <-got; a != want {
			t.Errorf("the authority is %q, want %q", a, want)
		}
	}
}

// A run that is cut short says nothing about the server.
func TestGRPCInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	target := serveGRPC(t, oddHealth{check: func(asked context.Context) (grpc_health_v1.HealthCheckResponse_ServingStatus, error) {
		cancel()
		<-asked.Done()
		return 0, nil
	}})
	r := New(Config{}).RunOnce(ctx, Spec{Target: target, Options: GRPC{}, Timing: patient})
	expect(t, r, Inconclusive, "interrupted while waiting for the answer")
}
