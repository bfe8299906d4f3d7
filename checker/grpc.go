package checker

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"unicode/utf8"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	grpcstatus "google.golang.org/grpc/status"
)

// health asks the standard health service of gRPC, by Check, on a connection of its
// own: that a server still answers on an old connection does not say that it takes new
// ones, which is what its clients need.
type health struct {
	transport
	authority string
	service   string
}

func prepareGRPC(s Spec, o GRPC, _ Config) (probe, error) {
	switch {
	case !utf8.ValidString(o.Service) || len(o.Service) > maxServiceName:
		return nil, fmt.Errorf("the service %q is no name of a service: UTF-8, at most %d bytes", clean(o.Service), maxServiceName)
	case !isVisible(o.Authority):
		return nil, fmt.Errorf("the authority %q has characters that no host's name has", o.Authority)
	}
	secure := o.TLS
	if secure != nil {
		if slices.ContainsFunc(secure.ALPN, func(p string) bool { return p != http2 }) {
			return nil, fmt.Errorf("the check speaks HTTP/2: it can't offer anything but %s in ALPN", http2)
		}
		with := *secure
		with.ALPN = []string{http2}
		secure = &with
	}
	t, err := newTransport(s, secure)
	if err != nil {
		return nil, err
	}
	h := health{transport: t, authority: o.Authority, service: o.Service}
	if h.authority == "" {
		h.authority = netip.AddrPortFrom(s.Target.Addr().Unmap().WithZone(""), s.Target.Port()).String()
	}
	if o.Watch {
		return newHealthWatch(h, s.Timing), nil
	}
	return h, nil
}

const (
	// http2 is HTTP/2's name in ALPN (RFC 9113, section 3.2).
	http2 = "h2"
	// maxServiceName bounds the name of a service, in bytes.
	maxServiceName = 1024
)

func (p health) run(ctx context.Context, t *transcript) Result {
	l, err := p.link(ctx)
	if err != nil {
		return inconclusive("gRPC can't be spoken: " + plain(err))
	}
	defer l.close()
	r, _ := p.check(ctx, l, t)
	return r
}

// check asks once over a link. It tells whether the server answered, whatever it said.
func (p health) check(ctx context.Context, l *grpcLink, t *transcript) (r Result, answered bool) {
	t.addSent(fmt.Appendf(nil, "grpc.health.v1.Health/Check service:%q\n", p.service)) // as text: it is for people
	answer, err := l.client.Check(ctx, p.request())
	if err != nil {
		t.addRead(fmt.Appendf(nil, "status %s: %s\n", grpcstatus.Code(err), clean(grpcstatus.Convert(err).Message())))
		return p.failure(ctx, l, err)
	}
	t.addRead(fmt.Appendf(nil, "status:%s\n", answer.GetStatus()))
	return p.meaning(answer.GetStatus()), true
}

func (p health) request() *grpc_health_v1.HealthCheckRequest {
	return &grpc_health_v1.HealthCheckRequest{Service: p.service}
}

// meaning is what a status of the health service means. One that is UNKNOWN is that of
// a server which has not said yet how it is.
func (p health) meaning(s grpc_health_v1.HealthCheckResponse_ServingStatus) Result {
	switch s {
	case grpc_health_v1.HealthCheckResponse_SERVING:
		return success()
	case grpc_health_v1.HealthCheckResponse_NOT_SERVING:
		return refused("health service says NOT_SERVING")
	case grpc_health_v1.HealthCheckResponse_SERVICE_UNKNOWN:
		return p.unknown()
	case grpc_health_v1.HealthCheckResponse_UNKNOWN:
		r := refused("health service says UNKNOWN: it has no status yet")
		r.Starting = true
		return r
	}
	return failed(fmt.Sprintf("health service says %d, which is no status", s))
}

func (p health) unknown() Result {
	return refused(fmt.Sprintf("health service does not know the service %q", clean(p.service)))
}

// failure is the result of a call that ended with an error. It tells whether the error
// is the server's answer.
func (p health) failure(ctx context.Context, l *grpcLink, err error) (r Result, answered bool) {
	s := grpcstatus.Convert(err)
	during, cause := l.state()
	switch {
	case ctx.Err() != nil:
		return trouble(ctx.Err(), during, p.timeout), false
	case cause != nil && during == handshaking:
		return p.tlsTrouble(cause), false
	case cause != nil:
		return trouble(cause, during, p.timeout), false
	}
	switch s.Code() {
	case codes.DeadlineExceeded: // by gRPC's own clock, which may be a little ahead
		return trouble(context.DeadlineExceeded, during, p.timeout), false
	case codes.Unimplemented:
		return failed("the server has no health service"), true
	case codes.NotFound: // Check's word for SERVICE_UNKNOWN
		return p.unknown(), true
	case codes.Unavailable:
		if strings.Contains(s.Message(), "server preface") || strings.Contains(s.Message(), "settings frame") {
			return failed("the server does not speak HTTP/2"), false // gRPC's words, for want of a sign
		}
	}
	return failed(fmt.Sprintf("health check failed with %s: %s", s.Code(), clean(s.Message()))), true
}
