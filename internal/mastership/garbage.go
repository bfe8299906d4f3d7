package mastership

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// garbageEnough is how many bytes of garbage are worth a collection where there is time
	// for one, and garbageMost how many are collected whether there is time or not.
	garbageEnough, garbageMost = 16 << 20, 64 << 20
	// memoryMost is from where on the runtime collects after all: more than garbageMost can
	// come to be in garbageInterval, under a flood.
	memoryMost = 256 << 20
	// garbageInterval is how often the loop looks whether there is so much.
	garbageInterval = time.Second
	// garbageRoom is how many times the last collection's duration must be free.
	garbageRoom = 2
)

// garbage has the loop collect the process's garbage itself, when nothing is due or there is
// too much of it, and wait for the end. Where the Go runtime does so, in threads beside the
// loop, the loop may spin in the runtime until one of them is done. Of threads of lower
// priority on the same processor none ever is: the kernel kills the process then
// (realTimeLimit), while it is master. Threads of the same priority get their turn, but at a
// time that nobody has chosen.
type garbage struct {
	collect func()
	inUse   func() uint64 // bytes, garbage among them
	clock   func() time.Time

	kept   uint64        // bytes in use after the last collection
	took   time.Duration // the last collection
	lookAt time.Time
}

// takeGarbage takes the collecting of garbage over from the runtime.
func takeGarbage() *garbage {
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(memoryMost)
	g := &garbage{collect: runtime.GC, inUse: heapInUse, clock: time.Now}
	g.run()
	return g
}

// heapInUse is the memory taken by all objects, also by those that nobody needs any more.
func heapInUse() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// tend collects where it is worth it, and where nothing is due for long enough.
func (g *garbage) tend(now, due time.Time) {
	if now.Before(g.lookAt) {
		return
	}
	g.lookAt = now.Add(garbageInterval)
	inUse := g.inUse()
	switch n := inUse - min(g.kept, inUse); {
	case n < garbageEnough:
	case n < garbageMost && due.Sub(now) < garbageRoom*g.took:
	default:
		g.run()
	}
}

func (g *garbage) run() {
	before := g.clock()
	g.collect()
	g.took = g.clock().Sub(before)
	g.kept = g.inUse()
}
