//go:build kernel

package mastership

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"
)

// collectVariable has the test's program be a mastership process that collects garbage.
const collectVariable = "MAINSTAY_TEST_COLLECT"

func init() { roles[collectVariable] = collectInRealTime }

// The test kernel has one processor, so a process's threads must let each other run. Where
// one of real-time priority spins, the kernel kills the process.
func TestGarbageIsCollectedOnOneProcessor(t *testing.T) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), collectVariable+"=start")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Logf("%s", out)
}

// collectInRealTime is what the mastership process does as for its priority and its garbage, in
// both steps, with a collection each few turns.
func collectInRealTime(step string) int {
	if step == "start" {
		if err := becomeRealTime(); err != nil {
			fmt.Println(err)
			return 1
		}
		os.Setenv(collectVariable, stepReady)
		fmt.Println(again("collect"))
		return 1
	}
	if err := leadThread(); err != nil {
		fmt.Println(err)
		return 1
	}
	g := takeGarbage()
	var kept [10][]byte
	var longest time.Duration
	for turn := range 2000 {
		if err := sleep(nil, time.Duration(turn%7)*20*time.Microsecond); err != nil {
			fmt.Println(err)
			return 1
		}
		kept[turn%len(kept)] = make([]byte, 128<<10)
		if turn%10 == 0 {
			g.run()
			longest = max(longest, g.took)
		}
	}
	fmt.Printf("200 collections, the longest took %s\n", longest)
	return 0
}
