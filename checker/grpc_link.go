package checker

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/grpclog"
	"google.golang.org/grpc/health/grpc_health_v1"
)

// By default gRPC writes errors of connections to standard error, and this package
// tells them as results. A program that has a logger for gRPC sets it after this.
func init() { grpclog.SetLoggerV2(grpclog.NewLoggerV2(io.Discard, io.Discard, io.Discard)) }

const (
	maxMessage = 4 << 10  // of the health service, in bytes
	maxHeaders = 16 << 10 // of one answer, uncompressed, in bytes
	// grpcWindow is how much a server may send ahead, in bytes: the least that gRPC
	// does not adapt by measuring, for which it sends pings.
	grpcWindow = 64 << 10
)

// grpcLink is gRPC over one connection. When that has ended the link is of no use any
// more: it never connects again by itself.
type grpcLink struct {
	client  grpc_health_v1.HealthClient
	channel *grpc.ClientConn
	cancel  context.CancelFunc

	mu      sync.Mutex
	during  phase // what the connection is at
	cause   error // what it failed of; nil: it has not, or not by itself
	dialled bool
	spent   bool // gRPC wanted to connect again
}

var errSpent = errors.New("the connection has ended")

// link makes a link that works until ctx ends. It connects at the first call.
func (p health) link(ctx context.Context) (*grpcLink, error) {
	ctx, cancel := context.WithCancel(ctx)
	l := &grpcLink{cancel: cancel, during: connecting}
	secure := insecure.NewCredentials()
	if p.tls != nil {
		secure = &tlsCredentials{l, p.tls}
	}
	channel, err := grpc.NewClient("passthrough:///target", // a name that nobody looks up
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) { return l.dial(ctx, p.transport) }),
		grpc.WithTransportCredentials(secure),
		grpc.WithAuthority(p.authority),
		grpc.WithUserAgent("mainstay"),
		grpc.WithNoProxy(),
		grpc.WithDisableServiceConfig(),
		grpc.WithDisableRetry(),
		grpc.WithDisableHealthCheck(),
		grpc.WithIdleTimeout(0),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: backoff.DefaultConfig, MinConnectTimeout: time.Hour}), // ctx ends it
		grpc.WithStaticStreamWindowSize(grpcWindow),
		grpc.WithStaticConnWindowSize(grpcWindow),
		grpc.WithReadBufferSize(maxMessage),
		grpc.WithWriteBufferSize(maxMessage),
		grpc.WithMaxHeaderListSize(maxHeaders),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage)),
	)
	if err != nil {
		cancel()
		return nil, err
	}
	l.channel, l.client = channel, grpc_health_v1.NewHealthClient(channel)
	return l, nil
}

// close ends the connection, and all calls on it.
func (l *grpcLink) close() {
	l.cancel() // first, so that nothing waits for the server to take a farewell
	l.channel.Close()
}

// state returns what the connection is at, and what it failed of, if it has.
func (l *grpcLink) state() (during phase, cause error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.during, l.cause
}

// usable tells whether the link can be asked again.
func (l *grpcLink) usable() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cause == nil && !l.spent
}

// enter notes what the connection is at now.
func (l *grpcLink) enter(during phase) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.during = during
}

// fail notes the first thing that went wrong with the connection.
func (l *grpcLink) fail(err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cause == nil {
		l.cause = err
	}
	return err
}

// dial connects, once.
func (l *grpcLink) dial(ctx context.Context, t transport) (net.Conn, error) {
	l.mu.Lock()
	again := l.dialled
	l.dialled, l.spent = true, again
	l.mu.Unlock()
	if again {
		return nil, errSpent
	}
	c, err := dial(ctx, t.target)
	if err != nil {
		return nil, l.fail(err)
	}
	c.enterPoller() // here: others read and write at the same time
	if t.tls == nil {
		l.enter(answering)
	} else {
		l.enter(handshaking)
	}
	return &duplex{c, l}, nil
}

// duplex is a connection that is read and written at the same time, and tells its link
// what it fails of.
type duplex struct {
	*conn
	link *grpcLink
}

// Read reads what is there, and waits for the first byte.
func (d *duplex) Read(b []byte) (int, error) {
	n, err := d.file.Read(b)
	if err != nil {
		err = d.link.fail(d.cause(err))
	}
	return n, err
}

// Write writes all of b.
func (d *duplex) Write(b []byte) (int, error) {
	n, err := d.file.Write(b)
	if err != nil {
		err = d.link.fail(d.cause(err))
	}
	return n, err
}

// tlsCredentials speak TLS for gRPC, and tell the link what the handshake fails of.
type tlsCredentials struct {
	link   *grpcLink
	config *tls.Config
}

var errNoHTTP2 = errors.New("the server offers no HTTP/2 in ALPN")

// ClientHandshake does the handshake. That the certificate is right is for the config
// to say, whatever the authority is.
func (t *tlsCredentials) ClientHandshake(ctx context.Context, _ string, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	c := tls.Client(raw, t.config)
	err := c.HandshakeContext(ctx)
	if err == nil && c.ConnectionState().NegotiatedProtocol != http2 {
		err = errNoHTTP2
	}
	if err != nil {
		raw.Close()
		return nil, nil, t.link.fail(err)
	}
	t.link.enter(answering)
	return c, credentials.TLSInfo{
		State:          c.ConnectionState(),
		CommonAuthInfo: credentials.CommonAuthInfo{SecurityLevel: credentials.PrivacyAndIntegrity},
	}, nil
}

// ServerHandshake fails: this is a client.
func (t *tlsCredentials) ServerHandshake(net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return nil, nil, errors.ErrUnsupported
}

// Info says that this is TLS, for the scheme of requests, and leaves the authority to
// others.
func (t *tlsCredentials) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: "tls"}
}

// Clone returns the credentials themselves, which nobody changes.
func (t *tlsCredentials) Clone() credentials.TransportCredentials { return t }

// OverrideServerName does nothing: the config says what the server is called.
func (t *tlsCredentials) OverrideServerName(string) error { return nil }
