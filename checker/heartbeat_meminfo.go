package checker

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// What the kernel tells of a socket's memory by SO_MEMINFO: an array of 32-bit numbers
// (include/uapi/linux/sock_diag.h).
const (
	skMeminfoDrops = 8
	skMeminfoVars  = 9
)

// meminfo asks for SO_MEMINFO, for which x/sys/unix has no call.
func meminfo(fd int, info *[skMeminfoVars]uint32) error {
	size := uint32(unsafe.Sizeof(*info))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(info)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return errno
	}
	return nil
}
