// Package link is the host's network interfaces as a virtual router needs them: it
// watches them ([Watcher]), puts virtual addresses on them and takes them off ([Conn]),
// and tells their neighbours where an address is now ([Announcer]).
//
// It talks rtnetlink (RFC 3549, and the kernel's include/uapi/linux/rtnetlink.h,
// if_link.h and if_addr.h) on sockets of its own. It starts no goroutine and waits for
// nobody but the kernel: its owner is one loop that polls descriptors and has better
// things to do than wait. Nothing here may be used by two goroutines at once.
//
// Sockets belong to the network namespace of the thread that opened them.
//
// What is decided is in pure files, without sockets: message.go and parse.go (bytes to
// values and back), picture.go and order.go (what the kernel holds, by its events),
// bystander.go (whom a removal would take along), arp.go and ndp.go (frames).
package link
