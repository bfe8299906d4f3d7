package control

import (
	"context"
	"net"

	"golang.org/x/sys/unix"
)

// peerKey is the context key of the user who asks.
type peerKey struct{}

// withPeer notes which user is at the other end of a connection, for the log: the
// kernel knows, whatever the other end says.
func withPeer(ctx context.Context, conn net.Conn) context.Context {
	if l, ok := conn.(*limitedConn); ok {
		conn = l.Conn
	}
	unixConn, ok := conn.(*net.UnixConn)
	if !ok {
		return ctx
	}
	raw, err := unixConn.SyscallConn()
	if err != nil {
		return ctx
	}
	var peer *unix.Ucred
	if raw.Control(func(fd uintptr) { peer, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }) != nil || err != nil {
		return ctx
	}
	return context.WithValue(ctx, peerKey{}, int64(peer.Uid))
}

// peerOf returns the user id of who asks, -1 where it is not known.
func peerOf(ctx context.Context) int64 {
	if uid, ok := ctx.Value(peerKey{}).(int64); ok {
		return uid
	}
	return -1
}
