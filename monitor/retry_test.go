package monitor

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var again retry
		for _, want := range []time.Duration{5, 10, 20, 40, 80, 160, 320, 640, 1000, 1000} {
			began := time.Now()
			again.wait(t.Context())
			if took := time.Since(began); took != want*time.Millisecond {
				t.Errorf("paused %s, want %d ms", took, want)
			}
		}
		ended, end := context.WithCancel(t.Context())
		end()
		began := time.Now()
		again.wait(ended)
		if took := time.Since(began); took != 0 {
			t.Errorf("paused %s though the context had ended", took)
		}
	})
}
