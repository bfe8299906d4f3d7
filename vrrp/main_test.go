package vrrp

import (
	"fmt"
	"os"
	"testing"

	"github.com/mainstay-lvs/mainstay/internal/lab"
)

// TestMain runs all tests in a network namespace of their own: they send
// advertisements.
func TestMain(m *testing.M) {
	if err := lab.OwnNetwork(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}
