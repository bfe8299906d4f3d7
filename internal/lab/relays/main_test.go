package relays

import (
	"fmt"
	"os"
	"testing"

	"github.com/mainstay-lvs/mainstay/internal/lab"
)

func TestMain(m *testing.M) {
	if err := lab.OwnNetwork(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}
