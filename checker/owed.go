package checker

// Standing checks report when they like, so the outbox can't hold room ready for them.
// Where the consumer is so slow that it is full, what changes nothing is left out, and of
// what does only the latest is kept, one event for each check.

// affords tells whether there is room for an event of a standing check, and keeps it for
// later if it must not get lost. The event's Changed is true where a change before it
// was not told.
func (e *Engine) affords(c *check, event Event) bool {
	if e.outbox.room(e.config.MaxPending) {
		c.owed = nil
		return true
	}
	if event.Changed {
		if c.owed == nil {
			e.owing = append(e.owing, c)
		}
		kept := event
		c.owed = &kept
	}
	return false
}

// payOwed tells what was kept, as far as there is room.
func (e *Engine) payOwed() {
	for len(e.owing) > 0 && e.outbox.room(e.config.MaxPending) {
		c := e.owing[0]
		if e.owing = e.owing[1:]; c.owed != nil && !c.removed.Load() {
			e.outbox.put(c, *c.owed)
			e.outbox.signal()
		}
		c.owed = nil
	}
}
