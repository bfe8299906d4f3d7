package link

import "slices"

// placeIPv4 puts an IPv4 address where the kernel does (net/ipv4/devinet.c): one that is
// there already and stays what it is keeps its place; a primary address stands after the
// last primary one of at least its scope, which for the usual scope means after all of
// them; a secondary one stands last. A secondary address that has become primary, as
// its primary one is gone, moves accordingly.
func placeIPv4(list []record, r record) []record {
	at := slices.IndexFunc(list, r.same)
	if at >= 0 && list[at].Secondary == r.Secondary {
		list[at] = r
		return list
	}
	if at >= 0 {
		list = slices.Delete(list, at, at+1)
	}
	if r.Secondary {
		return append(list, r)
	}
	place := 0
	for i, other := range list {
		if !other.Secondary && r.scope <= other.scope {
			place = i + 1
		}
	}
	return slices.Insert(list, place, r)
}

// placeIPv6 puts an IPv6 address among others in ascending order.
func placeIPv6(list []record, r record) []record {
	at, found := slices.BinarySearchFunc(list, r, compareIPv6)
	if found {
		list[at] = r
		return list
	}
	return slices.Insert(list, at, r)
}

func compareIPv6(a, b record) int { return a.Prefix.Addr().Compare(b.Prefix.Addr()) }

// without takes an address out of a list.
func without(list []record, r record) []record { return slices.DeleteFunc(list, r.same) }
