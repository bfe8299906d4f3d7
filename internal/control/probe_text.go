package control

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
	"unicode"
)

// maxShown is how many bytes of what was sent or read are shown.
const maxShown = 4096

// ProbesText returns what checks that were run once sent, read and judged, as an
// operator reads it, with the sums as its last line.
func ProbesText(probes []Probe) string {
	var b strings.Builder
	var ok, failed, inconclusive int
	for _, p := range probes {
		b.WriteString(p.Text() + "\n")
		switch {
		case p.OK:
			ok++
		case p.Judged == "inconclusive":
			inconclusive++
		default:
			failed++
		}
	}
	fmt.Fprintf(&b, "%s: %d ok, %d failed", count(len(probes), "check"), ok, failed)
	if inconclusive > 0 {
		fmt.Fprintf(&b, ", %d inconclusive", inconclusive)
	}
	b.WriteString("\n")
	return b.String()
}

// Text returns what one check sent, read and judged, as an operator reads it. Of
// what is longer than 4 KiB it shows the beginning.
func (p Probe) Text() string {
	var b strings.Builder
	name := p.Check
	if p.Kind != p.Check {
		name += " (" + p.Kind + ")"
	}
	fmt.Fprintf(&b, "%s %s", Plain(p.Server), Plain(name))
	if p.Target != "" && p.Target != p.Server {
		fmt.Fprintf(&b, " at %s", Plain(p.Target))
	}
	judged := Plain(p.Judged)
	if !p.OK {
		judged = strings.ToUpper(judged)
	}
	fmt.Fprintf(&b, ": %s", judged)
	if p.Reason != "" {
		fmt.Fprintf(&b, ", %s", Plain(p.Reason))
	}
	if p.Latency > 0 {
		fmt.Fprintf(&b, " (%s)", milliseconds(float64(p.Latency)/float64(time.Millisecond)))
	}
	b.WriteString("\n")
	if len(p.Sent)+len(p.Read) > 0 {
		b.WriteString(traffic("sent", p.Sent) + traffic("read", p.Read))
	}
	return b.String()
}

// traffic shows bytes: as lines of text where they are mostly that, else in
// hexadecimal.
func traffic(what string, data []byte) string {
	if len(data) == 0 {
		return "  " + what + " nothing\n"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "  %s %s\n", what, count(len(data), "byte"))
	shown := data[:min(len(data), maxShown)]
	if isText(shown) {
		for line := range bytes.Lines(shown) {
			fmt.Fprintf(&b, "    %s\n", Plain(string(line)))
		}
	} else {
		for line := range strings.Lines(hex.Dump(shown)) {
			b.WriteString("    " + line)
		}
	}
	if more := len(data) - len(shown); more > 0 {
		fmt.Fprintf(&b, "    and %s more\n", count(more, "byte"))
	}
	return b.String()
}

// isText reports whether at most a tenth of the characters are neither printable
// nor white space.
func isText(data []byte) bool {
	odd, all := 0, 0
	for _, r := range string(data) {
		all++
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) && !unicode.IsSpace(r) {
			odd++
		}
	}
	return odd*10 <= all
}
