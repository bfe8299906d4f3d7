package house

import (
	"regexp"
	"strings"
	"testing"
)

// What a block of YAML may leave to the text around it.
const (
	theSecret = "secrets:\n  fleet: {file: /etc/mainstay/fleet.key}\n"
	aService  = `virtual_services:
  - name: web
    address: 192.0.2.100:80/tcp
    forward: nat
`
)

// Every block of YAML is a configuration file without mistakes. "yaml service" are keys
// of a virtual service, and "yaml wrong" is a file whose mistakes are the block of text
// that follows.
func TestYAMLInThePagesIsRight(t *testing.T) {
	wrong := 0
	for _, p := range pages(t) {
		all, _ := p.split()
		for i, b := range all {
			switch b.kind {
			case "yaml":
				right(t, b, complete(b.text))
			case "yaml service":
				right(t, b, service(b.text))
			case "yaml wrong":
				wrong++
				if i+1 == len(all) {
					t.Fatalf("%s: no block of text follows that says what is wrong", b)
				}
				_, problems := parseConfig(t, "m.yaml", b.text)
				said := ""
				for _, e := range problems.Errors {
					said += e.String() + "\n"
				}
				if said != all[i+1].text {
					t.Errorf("%s: the mistakes are\n%s", all[i+1], said)
				}
			default:
				if strings.HasPrefix(b.kind, "yaml") {
					t.Errorf("%s: a block of %q (want yaml, yaml service or yaml wrong)", b, b.kind)
				}
			}
		}
	}
	if wrong == 0 {
		t.Error("no page shows what a mistake looks like")
	}
}

// complete adds to a file the secret that it uses, where another block has that.
func complete(text string) string {
	if strings.Contains(text, "secret: fleet") && !hasKey(text, "secrets") {
		text += theSecret
	}
	return text
}

// service makes a file of some keys of a virtual service.
func service(text string) string {
	file := aService
	for line := range strings.Lines(text) {
		file += "    " + line
	}
	if !hasKey(text, "checks") {
		file += "    checks: [tcp]\n"
	}
	if !hasKey(text, "real_servers") {
		file += "    real_servers: [192.0.2.21, 192.0.2.22]\n"
	}
	return file
}

// hasKey reports whether a key stands at the beginning of a line.
func hasKey(text, key string) bool {
	return regexp.MustCompile(`(?m)^` + key + `:`).MatchString(text)
}

func right(t *testing.T, b block, text string) {
	t.Helper()
	_, problems := parseConfig(t, b.String(), text)
	for _, e := range problems.Errors {
		t.Errorf("%s (lines are those of the block)", e)
	}
}
