package house

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/mainstay-lvs/mainstay/"

// may lists, for each package that other packages of this module import or that
// imports them, what it may import of them. A name that ends in a slash stands for
// all packages below. Tests may import more: the lab, and what they test against.
var may = map[string][]string{
	"cmd/mainstay":                  {"internal/daemon", "internal/mastership", "internal/control", "internal/config", "internal/conformance", "internal/wire", "monitor"},
	"checker":                       {"internal/wire", "checker/heartbeat", "checker/internal/agenda"},
	"checker/heartbeat":             {"internal/wire", "checker/internal/agenda"},
	"checker/internal/agenda":       {},
	"ipvs":                          {},
	"ipvs/kernel":                   {"ipvs"},
	"vrrp":                          {},
	"monitor":                       {"internal/wire"},
	"internal/wire":                 {},
	"internal/config":               {"ipvs", "checker", "vrrp", "internal/decide", "internal/wire"},
	"internal/decide":               {"ipvs"},
	"internal/state":                {"ipvs"},
	"internal/link":                 {},
	"internal/mastership":           {"vrrp", "internal/link"},
	"internal/control":              {},
	"internal/daemon":               {"ipvs", "ipvs/kernel", "checker", "checker/heartbeat", "vrrp", "internal/config", "internal/decide", "internal/state", "internal/link", "internal/mastership", "internal/control", "internal/wire"},
	"examples/realserver":           {"monitor"},
	"examples/demo":                 {"internal/lab"},
	"examples/":                     {}, // programs in other languages, and their tests
	"internal/conformance":          {"internal/wire"},
	"internal/conformance/language": {"internal/conformance", "internal/wire"},
	"internal/house":                {},
	"internal/lab":                  {},
	"internal/lab/fleet":            {"monitor", "internal/wire"},
	"internal/lab/monitors":         {"internal/lab", "internal/lab/pair", "internal/wire", "ipvs", "ipvs/kernel"},
	"internal/lab/":                 {"internal/lab", "internal/lab/pair", "ipvs"},
}

// The rest of the module may not be imported by the packages that users embed, or
// their programs would inherit its dependencies.
var standardLibraryOnly = []string{"internal/wire", "monitor"}

type listed struct {
	ImportPath string
	Imports    []string
	Standard   bool
}

func list(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", "./...")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var packages []listed
	for d := json.NewDecoder(strings.NewReader(string(out))); d.More(); {
		var p listed
		if err := d.Decode(&p); err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
	return packages
}

func TestImportsGoOneWay(t *testing.T) {
	for _, p := range list(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		allowed, known := may[name]
		for prefix, a := range may {
			if !known && strings.HasSuffix(prefix, "/") && strings.HasPrefix(name, prefix) {
				allowed, known = a, true
			}
		}
		if !known {
			t.Errorf("package %s is not in the table of this test: say what it may import", name)
		}
		for _, i := range p.Imports {
			ours, isOurs := strings.CutPrefix(i, module)
			if isOurs && !contains(allowed, ours) {
				t.Errorf("%s imports %s; it may import %v", name, ours, allowed)
			}
		}
	}
}

func TestWhatUsersEmbedNeedsOnlyTheStandardLibrary(t *testing.T) {
	for _, p := range list(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		if !contains(standardLibraryOnly, name) {
			continue
		}
		for _, i := range p.Imports {
			if first, _, _ := strings.Cut(i, "/"); strings.Contains(first, ".") && !strings.HasPrefix(i, module) {
				t.Errorf("%s imports %s, which is not of the standard library", name, i)
			}
		}
	}
}

func contains(names []string, name string) bool {
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return false
}

// CONTRIBUTING.md says why each direct dependency is there.
func TestEachDependencyHasItsReason(t *testing.T) {
	reasons, err := os.ReadFile("../../CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "list", "-m", "-f", "{{if not (or .Main .Indirect)}}{{.Path}}{{end}}", "all")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range strings.Fields(string(out)) {
		if !strings.Contains(string(reasons), "| `"+path+"` |") {
			t.Errorf("CONTRIBUTING.md does not say why %s is there", path)
		}
	}
}
