package link

import (
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"
)

// The kernel drops an IPv4 address that is secondary together with the primary one of its
// prefix, unless the sysctl promote_secondaries is set, which it is not by default. A
// virtual address is the primary one where its prefix was new to the interface. Then an
// address of the same prefix that an operator added later would go along with it: it is a
// bystander, and is put back in the same send. With the sysctl it is still there, and
// putting it back does nothing.

// removal is how to take addresses off an interface.
type removal struct {
	order      []netip.Prefix // secondary ones before the primary ones that would take them along
	bystanders []held         // to put back afterwards, in this order
}

// planRemoval plans to remove addresses from an interface that has the IPv4 addresses have.
func planRemoval(have []held, remove []netip.Prefix) removal {
	p := removal{order: slices.Clone(remove)}
	primary := func(prefix netip.Prefix) bool {
		return slices.ContainsFunc(have, func(h held) bool { return h.Prefix == prefix && !h.Secondary })
	}
	slices.SortStableFunc(p.order, func(a, b netip.Prefix) int { return boolToInt(primary(a)) - boolToInt(primary(b)) })
	for _, h := range have {
		if !h.Secondary || slices.Contains(remove, h.Prefix) {
			continue
		}
		takes := func(other held) bool {
			return !other.Secondary && other.subnet() == h.subnet() && slices.Contains(remove, other.Prefix)
		}
		if slices.ContainsFunc(have, takes) {
			p.bystanders = append(p.bystanders, h)
		}
	}
	return p
}

func boolToInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// mayTakeAlong reports whether the removal of an address can concern others at all.
func mayTakeAlong(p netip.Prefix) bool { return p.Addr().Is4() && p.Bits() < 32 }

// request builds the request numbered i of the plan.
func (p removal) request(buf []byte, index, i int, seq uint32) []byte {
	if i < len(p.order) {
		return appendRemove(buf, seq, index, p.order[i])
	}
	body := p.bystanders[i-len(p.order)].body
	return begin(buf, unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_EXCL, seq, body).end()
}

func (p removal) len() int { return len(p.order) + len(p.bystanders) }
