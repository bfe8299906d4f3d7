// Package kernel reads and writes the kernel's IPVS table over generic netlink.
// It is the only owner of that socket: one [Conn], one writer, and nothing is
// written while a table is being read, since the kernel's dumps are by index and
// a change during one makes entries be skipped or repeated.
//
// The message forms are those of include/uapi/linux/ip_vs.h and
// net/netfilter/ipvs/ip_vs_ctl.c.
package kernel
