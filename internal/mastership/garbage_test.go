package mastership

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

func TestGarbageIsCollectedWhereThereIsTime(t *testing.T) {
	const kept, took = 1 << 20, 4 * time.Millisecond
	for _, c := range []struct {
		name    string
		garbage uint64
		free    time.Duration // until something is due
		want    bool
	}{
		{"little garbage", garbageEnough - 1, time.Hour, false},
		{"enough garbage, and time", garbageEnough, garbageRoom * took, true},
		{"enough garbage, and no time", garbageEnough, garbageRoom*took - 1, false},
		{"much garbage, and no time", garbageMost - 1, 0, false},
		{"too much garbage", garbageMost, 0, true},
		{"too much garbage, and late", garbageMost, -time.Second, true},
	} {
		now := time.Unix(0, 0)
		inUse, collected := uint64(kept), 0
		g := &garbage{
			inUse: func() uint64 { return inUse }, clock: func() time.Time { return now },
			collect: func() { inUse, collected, now = kept, collected+1, now.Add(took) },
		}
		g.run()
		inUse += c.garbage
		g.tend(now, now.Add(c.free))
		if got := collected > 1; got != c.want {
			t.Errorf("%s: collected %v, want %v", c.name, got, c.want)
		}
	}
}

// Looking costs something, so it is not done in each turn.
func TestGarbageIsLookedForEachSecond(t *testing.T) {
	looked := 0
	g := &garbage{inUse: func() uint64 { looked++; return 0 }}
	now := time.Unix(0, 0)
	for range 1000 {
		g.tend(now, now)
		now = now.Add(10 * time.Millisecond)
	}
	if want := int(1000 * 10 * time.Millisecond / garbageInterval); looked != want {
		t.Errorf("looked %d times in 10s, want %d", looked, want)
	}
}

// What the runtime says is what the loop goes by.
func TestHeapInUse(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	before := heapInUse()
	block := make([]byte, 4<<20)
	after := heapInUse()
	if after < before+uint64(len(block)) {
		t.Errorf("%d bytes in use, and after %d more %d", before, len(block), after)
	}
	runtime.KeepAlive(block)
}
