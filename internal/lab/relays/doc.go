// Package relays plays heartbeats with many real servers, relays and a director as programs
// in network namespaces, and nothing else: its tests are the list of what must hold whatever
// becomes of relays.
package relays
