package link

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// heldOf reads "192.0.2.1/24", "192.0.2.2/24 secondary" and "192.0.2.1/32 peer 192.0.2.9".
func heldOf(t *testing.T, text string) held {
	t.Helper()
	words := strings.Fields(text)
	var h held
	h.Prefix = netip.MustParsePrefix(words[0])
	h.peer = h.Prefix.Addr()
	switch {
	case len(words) == 2:
		h.Secondary = true
	case len(words) == 3:
		h.peer = netip.MustParseAddr(words[2])
	}
	return h
}

func TestWhomARemovalTakesAlong(t *testing.T) {
	tests := []struct {
		name   string
		have   []string
		remove []string
		order  []string
		back   []string
	}{
		{"nobody", []string{"192.0.2.1/24"}, []string{"192.0.2.1/24"}, []string{"192.0.2.1/24"}, nil},
		{"a secondary one", []string{"192.0.2.1/24", "192.0.2.2/24 secondary"}, []string{"192.0.2.1/24"}, []string{"192.0.2.1/24"}, []string{"192.0.2.2/24"}},
		{"itself, if it is secondary, takes nobody", []string{"192.0.2.1/24", "192.0.2.2/24 secondary", "192.0.2.3/24 secondary"}, []string{"192.0.2.2/24"}, []string{"192.0.2.2/24"}, nil},
		{"another prefix stays", []string{"192.0.2.1/24", "198.51.100.1/24", "198.51.100.2/24 secondary", "192.0.2.2/25"}, []string{"192.0.2.1/24"}, []string{"192.0.2.1/24"}, nil},
		{"all of one prefix, the primary one last", []string{"192.0.2.1/24", "192.0.2.2/24 secondary"}, []string{"192.0.2.1/24", "192.0.2.2/24"}, []string{"192.0.2.2/24", "192.0.2.1/24"}, nil},
		{"some of one prefix", []string{"192.0.2.1/24", "192.0.2.2/24 secondary", "192.0.2.3/24 secondary", "192.0.2.4/24 secondary"}, []string{"192.0.2.1/24", "192.0.2.3/24"}, []string{"192.0.2.3/24", "192.0.2.1/24"}, []string{"192.0.2.2/24", "192.0.2.4/24"}},
		{"what is not there", []string{"192.0.2.1/24", "192.0.2.2/24 secondary"}, []string{"192.0.2.1/25", "2001:db8::1/64"}, []string{"192.0.2.1/25", "2001:db8::1/64"}, nil},
		{"beyond a peer", []string{"192.0.2.1/32 peer 198.51.100.9", "192.0.2.2/24 secondary"}, []string{"192.0.2.1/32"}, []string{"192.0.2.1/32"}, nil},
	}
	for _, test := range tests {
		var have []held
		for _, text := range test.have {
			have = append(have, heldOf(t, text))
		}
		plan := planRemoval(have, prefixes(test.remove...))
		var back []netip.Prefix
		for _, h := range plan.bystanders {
			back = append(back, h.Prefix)
		}
		if !slices.Equal(plan.order, prefixes(test.order...)) || !slices.Equal(back, prefixes(test.back...)) {
			t.Errorf("%s: remove %v, put back %v", test.name, plan.order, back)
		}
	}
}
