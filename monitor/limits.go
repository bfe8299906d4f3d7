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
	// earlyPart and earlyMost are how much sooner than its interval an answer to a watch is sent: a part of the interval,
	// and no more than so much. So it is there when the interval ends, however the host and the network dawdle.
	earlyPart = 10
	earlyMost = 20 * time.Millisecond
	// changeTime is the least time between two answers of a watch that tell changes, and between two looks whether the
	// time has brought one: 100 a second.
	changeTime = 10 * time.Millisecond
	// lookTime is the least time between a look at a watched service that had nothing to tell and the next one.
	lookTime = time.Millisecond
	// watchBuffer is how many bytes of answers wait in the socket for a director that watches and doesn't read. It is so
	// little that one which is gone is noticed after some answers, and that a slow one hears no old news.
	watchBuffer = 8 << 10
	// hangTime is how long Serve waits for self-checks to return once their context has ended.
	hangTime = 2 * time.Second
	// logTime is the least time between two log lines about the same trouble with peers.
	logTime = 10 * time.Second
	// sendTime is how long a datagram may wait for room in its socket.
	sendTime = 50 * time.Millisecond
	// resolveTime is how long the names of directors may take to be looked up.
	resolveTime = 10 * time.Second
	// maxDirectors is how many addresses heartbeats, or a relay's rounds, are sent to.
	maxDirectors = 64
	// maxChildren is how many lines of children a relay keeps, and maxSources how many of them, from addresses of their
	// own, for one id and service.
	maxChildren = 16384
	maxSources  = 4
	// forgetTime is how long a relay keeps the line of a child that says nothing more.
	forgetTime = 5 * time.Minute
	// relayBuffer is the room that a relay asks for in its socket, in bytes, for children that all send at once.
	relayBuffer = 4 << 20
	// minSecret and maxSecret bound a secret, in bytes.
	minSecret = 16
	maxSecret = 4096

	defaultInterval     = time.Second
	defaultCadence      = time.Second
	defaultLeave        = 3 * time.Second
	defaultCheckEvery   = time.Second
	defaultCheckTimeout = time.Second
	defaultBeatLimit    = 5 * time.Second
)
