package control

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// sums says in a line what came and what was dropped.
func (h Heartbeats) sums() string {
	line := fmt.Sprintf("heartbeats on %s: %s received", Plain(h.Listen), count(int(h.Received), "datagram"))
	if len(h.Dropped) > 0 {
		total := uint64(0)
		var reasons []string
		for _, reason := range slices.SortedFunc(maps.Keys(h.Dropped), func(a, b string) int {
			if h.Dropped[a] != h.Dropped[b] {
				return map[bool]int{true: -1, false: 1}[h.Dropped[a] > h.Dropped[b]]
			}
			return strings.Compare(a, b)
		}) {
			total += h.Dropped[reason]
			reasons = append(reasons, strconv.FormatUint(h.Dropped[reason], 10)+" "+Plain(reason))
		}
		line += fmt.Sprintf(", %d dropped (%s)", total, strings.Join(reasons, ", "))
	}
	return line
}

// table lays out the relays.
func (h Heartbeats) table() string {
	t := &columns{indent: "  ", right: []bool{false, false, false, true, true}}
	t.row("RELAY", "ADDRESS", "STATE", "CHILDREN", "ROUND", "LAST")
	for _, r := range h.Relays {
		state := "live"
		if !r.Live {
			state = "SILENT"
		}
		t.row(Plain(r.ID), Plain(r.Address), state, strconv.Itoa(r.Children), strconv.FormatUint(r.Round, 10), moment(r.At))
	}
	return t.String()
}

// drops says of each reason what was dropped last.
func (h Heartbeats) drops() string {
	t := &columns{indent: "  "}
	t.row("DROPPED LAST", "ID", "FROM", "AT")
	for _, d := range h.Drops {
		from := Plain(d.From)
		if d.Relay != "" {
			from += " (relay " + Plain(d.Relay) + ")"
		}
		t.row(Plain(d.Reason), dash(Plain(d.ID)), from, moment(d.At))
	}
	return t.String()
}

// troubles are the lines about heartbeats that must not be missed.
func (h *Heartbeats) troubles() []string {
	if h == nil {
		return nil
	}
	var silent []string
	for _, r := range h.Relays {
		if !r.Live {
			silent = append(silent, Plain(r.ID))
		}
	}
	var lines []string
	if len(silent) > 0 {
		lines = append(lines, "WARNING: silent relays: "+some(silent))
	}
	if h.Polling > 0 {
		lines = append(lines, fmt.Sprintf("WARNING: %s polled by the fallback: no heartbeat counts for now (mainstay explain SERVICE SERVER)",
			count(h.Polling, "real server")))
	}
	if h.Lost > 0 {
		lines = append(lines, fmt.Sprintf("WARNING: this host had no room for %s of heartbeats; silence in such a time condemns no real server",
			count(int(h.Lost), "datagram")))
	}
	return lines
}

// some joins a few of many names.
func some(names []string) string {
	if more := len(names) - maxTroubles; more > 0 {
		return strings.Join(names[:maxTroubles], ", ") + fmt.Sprintf(" and %d more", more)
	}
	return strings.Join(names, ", ")
}
