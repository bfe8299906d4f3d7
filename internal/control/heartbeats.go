package control

import "time"

// Heartbeats are what the director hears that it did not ask for.
type Heartbeats struct {
	Listen   string            `json:"listen"`
	Received uint64            `json:"received"` // datagrams, all told
	Accepted uint64            `json:"accepted"` // lines that told something new
	Lost     uint64            `json:"lost"`     // datagrams that this host had no room for
	Dropped  map[string]uint64 `json:"dropped"`  // lines and datagrams by reason; reasons that never occurred are left out
	Polling  int               `json:"polling"`  // real servers that are asked by their fallback for now
	Relays   []Relay           `json:"relays"`
	// Drops is the last datagram or line that was dropped for each reason.
	Drops []Drop `json:"drops"`
}

// Drop is a datagram or line that was dropped.
type Drop struct {
	Reason string    `json:"reason"`
	ID     string    `json:"id"`    // whom it names; empty where that could not be read
	From   string    `json:"from"`  // who sent it
	Relay  string    `json:"relay"` // the relay that brought it; empty: none did
	At     time.Time `json:"at"`
}

// Relay is one relay that the director hears.
type Relay struct {
	ID       string    `json:"id"`
	Address  string    `json:"address"` // that its last datagram came from
	Live     bool      `json:"live"`    // its rounds come
	Round    uint64    `json:"round"`   // the last complete one
	Children int       `json:"children"`
	At       time.Time `json:"at"` // of its last datagram
}
