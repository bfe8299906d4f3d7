package checker

import "github.com/mainstay-lvs/mainstay/checker/heartbeat"

// HeartbeatStats is how the engine's heartbeats fare. All times are since the engine was
// made; Now is when it was asked.
type HeartbeatStats struct {
	heartbeat.Stats
	// Damaged counts datagrams that the kernel dropped although there was room for them:
	// those with a wrong checksum. LostInSocket counts those for which there was none.
	Damaged uint64
}

// HeartbeatStats returns how the engine's heartbeats fare.
func (e *Engine) HeartbeatStats() HeartbeatStats {
	e.hearts.mu.Lock()
	defer e.hearts.mu.Unlock()
	return HeartbeatStats{e.hearts.ledger.Stats(e.now()), e.hearts.damaged}
}

// HeartbeatMarks returns what must outlive a restart, so that old heartbeats can't be
// played again: save it every few seconds, and give it to the next engine's [Config].
func (e *Engine) HeartbeatMarks() heartbeat.Marks {
	e.hearts.mu.Lock()
	defer e.hearts.mu.Unlock()
	return e.hearts.ledger.Marks()
}

// HeartbeatNote says in words how a check of kind heartbeat stands: by whom it is heard,
// whether it is confirmed, what was dropped. It is empty for other checks.
func (e *Engine) HeartbeatNote(key Key) string {
	h := e.heartbeatOf(key)
	if h == nil {
		return ""
	}
	e.hearts.mu.Lock()
	defer e.hearts.mu.Unlock()
	return e.hearts.ledger.Note(e.now(), h.handle)
}

func (e *Engine) heartbeatOf(key Key) *heartbeatCheck {
	e.mu.Lock()
	defer e.mu.Unlock()
	if c := e.checks[key]; c != nil {
		h, _ := c.probe.(*heartbeatCheck)
		return h
	}
	return nil
}
