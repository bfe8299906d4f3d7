// Package monitorpython holds the Python monitor against the protocols' vectors and specification.
package monitorpython

import (
	"testing"

	"github.com/mainstay-lvs/mainstay/internal/conformance/language"
)

func TestPython(t *testing.T) {
	language.Test(t, language.Implementation{
		Server:  []string{"python3", "server.py"},
		Vectors: []string{"python3", "vectors.py"},
	})
}
