package checker

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mainstay-lvs/mainstay/internal/wire"
)

var plainLines = []string{
	"MONITOR/1 up service=a instance=i seq=1",
	`MONITOR/1 up service=bastion instance=c0ffee seq=12 weight=80 conns=133 served=9000 failed=2 reason="fine"`,
	`MONITOR/1 down service="a b" instance=[::1]:80 seq=9999999999999999999 reason=""`,
	"MONITOR/1 drain seq=007 instance=i service=a weight=0",
	"MONITOR/1 maint service=a instance=i seq=1 mac=" + strings.Repeat("0a", 32),
	"MONITOR/1 starting service=a instance=" + strings.Repeat("i", 128) + " seq=1",
}

// What is not plain is either wrong or left to wire.
var unusualLines = []string{
	"", "MONITOR/1", "MONITOR/1 ", "MONITOR/1 up", "MONITOR/1 up ", "MONITOR/2 up service=a instance=i seq=1",
	"MONITOR/1 sideways service=a instance=i seq=1",
	"MONITOR/1 up service=a instance=i", "MONITOR/1 up service=a seq=1", "MONITOR/1 up instance=i seq=1",
	"MONITOR/1 up service=a instance=i seq=1 ", "MONITOR/1 up  service=a instance=i seq=1",
	"MONITOR/1 up service=a instance=i seq=1 seq=1", "MONITOR/1 up service=a instance=i seq=",
	"MONITOR/1 up service=a instance=i seq=-1", "MONITOR/1 up service=a instance=i seq=18446744073709551616",
	"MONITOR/1 up service=a instance=i seq=18446744073709551615",
	"MONITOR/1 up service=a instance=i seq=1 weight=101", "MONITOR/1 up service=a instance=i seq=1 unknown=1",
	`MONITOR/1 up service="" instance=i seq=1`, `MONITOR/1 up service=a instance=i seq=1 reason="a \"b\""`,
	`MONITOR/1 up service=a instance=i seq=1 reason="a`, `MONITOR/1 up service=a instance=i seq=1 reason="a"x`,
	"MONITOR/1 up service=a instance=i seq=1 reason=\"\x7f\"", "MONITOR/1 up service=a\x00 instance=i seq=1",
	"MONITOR/1 up service=a instance=i seq=1 mac=" + strings.Repeat("0A", 32),
	"MONITOR/1 up service=a instance=i seq=1 mac=" + strings.Repeat("0a", 31),
	`MONITOR/1 up service=a instance=i seq=1 mac="` + strings.Repeat("0a", 32) + `"`,
	"MONITOR/1 up service=a instance=i mac=" + strings.Repeat("0a", 32) + " seq=1",
	"MONITOR/1 up service=a instance=i seq=1 reason=" + strings.Repeat("x", 129),
	`MONITOR/1 up service=a instance=i seq=1 reason="` + strings.Repeat("x", 1000) + `"`,
	"MONITOR/1 up service=a instance=i seq=1 =", "MONITOR/1 up service=a instance=i seq=1 instances=i",
}

func TestReadPlain(t *testing.T) {
	for _, line := range plainLines {
		if _, ok := readPlain([]byte(line)); !ok {
			t.Errorf("%s is not plain", line)
		}
	}
	for _, line := range append(plainLines, unusualLines...) {
		agree(t, line)
	}
	for _, line := range plainLines { // all that one byte can do to it
		for i := range line {
			for _, c := range "\x00 \"\\=~a0Z" {
				agree(t, line[:i]+string(c)+line[i+1:])
				agree(t, line[:i]+string(c)+line[i:])
			}
			agree(t, line[:i]+line[i+1:])
		}
	}
}

// agree holds that what is read as plain is read as wire reads it.
func agree(t *testing.T, line string) {
	t.Helper()
	got, ok := readPlain([]byte(line))
	if !ok {
		return
	}
	want, err := wire.ParseAnswer([]byte(line))
	if err != nil {
		t.Fatalf("%q is plain, but %v", line, err)
	}
	text := func(a plainAnswer) []any {
		return []any{a.state, a.weight, string(a.service), string(a.instance), string(a.reason), a.seq}
	}
	if diff := cmp.Diff(text(plainOf(want)), text(got)); diff != "" {
		t.Fatalf("%q (-wire +plain):\n%s", line, diff)
	}
}

func FuzzReadPlain(f *testing.F) {
	for _, line := range append(plainLines, unusualLines...) {
		f.Add(line)
	}
	f.Fuzz(agree)
}

func TestReadPlainAllocatesNothing(t *testing.T) {
	line := []byte(plainLines[1])
	if n := testing.AllocsPerRun(100, func() { readPlain(line) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
