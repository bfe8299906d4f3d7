package vrrp

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestSnapshot has the whole of one, as JSON.
func TestSnapshot(t *testing.T) {
	p := besideKeepalived[0]
	i, _ := instanceBeside(p, 128) // a skew time of half an interval
	i.Do(i.Next(), Event{Kind: Timer})
	now := i.Next()
	i.Receive(now, p.heardFrom(0, nil))
	bad := p.heardFrom(100, nil)
	bad.Payload[7]++
	i.Receive(now, bad)

	got, err := json.MarshalIndent(i.Snapshot(now), "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	const want = `{
	"name": "plain",
	"interface": "near0",
	"vrid": 51,
	"version": 3,
	"state": "master",
	"since": "2026-03-01T12:00:00.35Z",
	"cause": "master down timer ran out: nobody was heard for 350ms",
	"priority": 128,
	"effective": 128,
	"standing_by": false,
	"holding": true,
	"wanting": false,
	"source": "192.0.2.1",
	"master": "192.0.2.1",
	"master_priority": 128,
	"transitions": 2,
	"last": [
		{
			"at": "2026-03-01T12:00:00Z",
			"from": "init",
			"to": "backup",
			"cause": "started"
		},
		{
			"at": "2026-03-01T12:00:00.35Z",
			"from": "backup",
			"to": "master",
			"cause": "master down timer ran out: nobody was heard for 350ms"
		}
	],
	"sent": 2,
	"received": 1,
	"dropped": {
		"wrong_checksum": 1
	},
	"edge_errors": {},
	"warnings": [
		{
			"kind": "wrong_checksum",
			"sentence": "an advertisement of 192.0.2.2 is dropped: its checksum is wrong: something damages it on its way",
			"seen": "2026-03-01T12:00:00.45Z"
		}
	]
}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	var back Snapshot
	if err := json.Unmarshal(got, &back); err != nil || back.State != Master || back.Last[0].To != Backup {
		t.Errorf("read back as %+v, %v", back, err)
	}
}

// TestHistoryIsBounded: the last twenty are kept, and all are counted.
func TestHistoryIsBounded(t *testing.T) {
	i, _ := instanceBeside(besideKeepalived[0], 150) // one transition
	for n := range 50 {
		now := noon.Add(time.Duration(n) * time.Second)
		i.Do(now, Event{Kind: Fail, Cause: "eth1 is down"})
		i.Do(now, Event{Kind: Recover})
	}
	s := i.Snapshot(noon.Add(time.Minute))
	if s.Transitions != 101 || len(s.Last) != 20 {
		t.Fatalf("%d transitions, %d kept", s.Transitions, len(s.Last))
	}
	if last := s.Last[19]; last.To != Backup || !last.At.Equal(noon.Add(49*time.Second)) || s.Cause != last.Cause {
		t.Errorf("the last is %+v", last)
	}
	s.Last[0].Cause = "changed by its owner"
	if i.Snapshot(noon).Last[0].Cause == "changed by its owner" {
		t.Error("a snapshot shares its memory")
	}
}

// TestNoSuchState: what is not a state is not read as one.
func TestNoSuchState(t *testing.T) {
	var s State
	if err := s.UnmarshalText([]byte("leader")); err == nil {
		t.Error("leader is a state")
	}
}
