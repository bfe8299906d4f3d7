package monitor

import "time"

const (
	// maxConns is how many connections are kept at once, over all listeners.
	maxConns = 64
	// firstByteTime is how long a connection may be silent before it is taken for an HAProxy agent check.
	firstByteTime = time.Second
	// lineTime is how long a line may take from its first byte to its end, and, where there is no agent line to give,
	// how long a new connection may be silent.
	lineTime = 5 * time.Second
	// idleTime is how long a connection that has asked is kept for its next request. Directors close theirs after 30
	// seconds and may rely on 60.
	idleTime = 75 * time.Second
	// writeTime is how long a peer may take to accept an answer.
	writeTime = 5 * time.Second
	// partTime and partBytes bound what is still read of a peer that was told goodbye. Without reading it, closing would
	// reset the connection, and a reset can overtake the last line.
	partTime  = 500 * time.Millisecond
	partBytes = 64 << 10
	// maxRate is how many requests a connection may send within a second before it has to wait for the next one.
	maxRate = 1000
	// hangTime is how long Serve waits for self-checks to return once their context has ended.
	hangTime = 2 * time.Second
	// logTime is the least time between two log lines about the same trouble with peers.
	logTime = 10 * time.Second
	// minSecret and maxSecret bound a secret, in bytes.
	minSecret = 16
	maxSecret = 4096

	defaultLeave        = 3 * time.Second
	defaultCheckEvery   = time.Second
	defaultCheckTimeout = time.Second
	defaultBeatLimit    = 5 * time.Second
)
