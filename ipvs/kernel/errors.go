package kernel

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/mainstay-lvs/mainstay/ipvs"
)

// Errors of the kernel's table as a whole. Each says what to do.
var (
	// ErrNoIPVS means that the kernel has no IPVS, or its module is not loaded.
	ErrNoIPVS = errors.New("this kernel has no IPVS: modprobe ip_vs")
	// ErrPermission means that the process may not see the table.
	ErrPermission = errors.New("no permission to read or write the IPVS table: run as root, or with CAP_NET_ADMIN")
	// ErrOverrun means that answers were lost, so that nothing is known about the changes
	// under way: read the table and plan again.
	ErrOverrun = errors.New("the kernel's answers about the IPVS table were lost (ENOBUFS): it must be read again")
)

// Failure is a change that the kernel refused.
type Failure struct {
	Change ipvs.Change
	Err    error
}

// Error names the change as an operator would make it, and why it failed.
func (f Failure) Error() string { return fmt.Sprintf("ipvsadm %s: %v", f.Change, f.Err) }

// Unwrap returns the reason.
func (f Failure) Unwrap() error { return f.Err }

// tableError turns an errno that concerns the whole table into an error value.
func tableError(doing string, err error) error {
	switch {
	case errors.Is(err, unix.EPERM):
		return ErrPermission
	case errors.Is(err, unix.ENOBUFS):
		return ErrOverrun
	default:
		return fmt.Errorf("%s: %w", doing, err)
	}
}

// changeError turns the errno of a refused change into a sentence.
func changeError(c ipvs.Change, errno unix.Errno) error {
	onService := c.Op == ipvs.AddService || c.Op == ipvs.EditService
	switch {
	case errno == unix.EPERM:
		return ErrPermission
	case errno == unix.ENOENT && onService && c.Service.Engine != "":
		return fmt.Errorf("the kernel has no scheduler %s or no persistence engine %s: modprobe ip_vs_%[1]s, ip_vs_pe_%[2]s",
			c.Service.Scheduler, c.Service.Engine)
	case errno == unix.ENOENT && onService:
		return fmt.Errorf("the kernel has no scheduler %s: modprobe ip_vs_%[1]s", c.Service.Scheduler)
	case errno == unix.ENOENT:
		return fmt.Errorf("no such real server (%w)", errno)
	case errno == unix.ESRCH:
		return fmt.Errorf("no such virtual service (%w)", errno)
	case errno == unix.EEXIST:
		return fmt.Errorf("it exists already (%w)", errno)
	case errno == unix.EAFNOSUPPORT:
		return fmt.Errorf("the kernel does not support %s here (%w)", c.Service.Family, errno)
	case errno == unix.EOPNOTSUPP:
		return fmt.Errorf("the kernel does not support this here: servers of both families exclude connection sync (%w)", errno)
	case errno == unix.ENOMEM:
		return fmt.Errorf("the kernel has no memory for it (%w)", errno)
	default:
		return fmt.Errorf("the kernel refused it: %w", errno)
	}
}
