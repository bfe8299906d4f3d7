package checker

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mainstay-lvs/mainstay/internal/lab"
)

func TestMain(m *testing.M) {
	if kind := os.Getenv(beAServer); kind != "" {
		serveForBenchmark(kind)
	}
	// Pings are told what they may do by sysctls of the network namespace, which only
	// root can set.
	if os.Geteuid() == 0 {
		if err := lab.OwnNetwork(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	goleak.VerifyTestMain(m)
}

// patient is a timing for checks whose result comes at once: even a very busy host
// does not use up its timeout.
var patient = Timing{Interval: 30 * time.Second, Timeout: 30 * time.Second, FastInterval: 30 * time.Second, Fall: 1, Rise: 1}

// hasty is a timing for checks that are to reach their timeout.
var hasty = Timing{Interval: time.Second, Timeout: time.Second, FastInterval: time.Second, Fall: 1, Rise: 1}

// nobody is whom the commands of tests run as.
var nobody = &User{UID: 65534, GID: 65534}

// once runs a check once.
func once(s Spec) Result {
	return New(Config{CommandUser: nobody}).RunOnce(context.Background(), s)
}

// expect compares a result with the answer and reason wanted.
func expect(t *testing.T, got Result, answer Answer, reason string) {
	t.Helper()
	if got.Answer != answer || got.Reason != reason {
		t.Errorf("answer %d, reason %q\nwant   %d, reason %q", got.Answer, got.Reason, answer, reason)
	}
}
