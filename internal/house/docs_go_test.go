package house

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	// What the blocks use: with it this test runs again.
	_ "github.com/mainstay-lvs/mainstay/internal/lab"
	_ "github.com/mainstay-lvs/mainstay/internal/lab/pair"
	_ "github.com/mainstay-lvs/mainstay/monitor"
)

// What a block of Go may take for given, by the name of its package.
var given = map[string]string{
	"context": `"context"`,
	"fmt":     `"fmt"`,
	"log":     `"log"`,
	"time":    `"time"`,
	"monitor": `"` + module + `monitor"`,
	"lab":     `"` + module + `internal/lab"`,
	"pair":    `"` + module + `internal/lab/pair"`,
}

// Every block of Go compiles, as a part of a function that has what its text speaks of.
func TestGoInThePagesCompiles(t *testing.T) {
	overlay := struct{ Replace map[string]string }{make(map[string]string)}
	at := absolute(t, "blocks") // which does not exist but in the overlay
	dir := t.TempDir()
	var places strings.Builder
	for i, b := range blocks(t, "go") {
		name := fmt.Sprintf("block%d.go", i)
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(function(b.text)), 0o600); err != nil {
			t.Fatal(err)
		}
		overlay.Replace[filepath.Join(at, fmt.Sprintf("block%d", i), name)] = file
		fmt.Fprintf(&places, "block%d is that of %s\n", i, b)
	}
	text, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	packages := make([]string, 0, len(overlay.Replace))
	for i := range len(overlay.Replace) {
		packages = append(packages, fmt.Sprintf("./blocks/block%d", i))
	}
	if said, err := exec.Command("go", append([]string{"build", "-overlay", file}, packages...)...).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s%s", err, said, places.String())
	}
}

// function makes a file of a block.
func function(text string) string {
	parameters := "ctx context.Context, spoolIsWritable func(context.Context) error, jobs chan func(), t lab.T, file string"
	end := "_ = m"
	if !strings.Contains(text, "m, err := monitor.New") {
		parameters += ", m *monitor.Monitor"
	}
	file := "package blocks\n\nimport (\n"
	for name, path := range given {
		if strings.Contains(text+parameters+end, name+".") {
			file += "\t" + path + "\n"
		}
	}
	return file + ")\n\nfunc _(" + parameters + ") error {\n" + text + "\n" + end + "\nreturn nil\n}\n"
}
