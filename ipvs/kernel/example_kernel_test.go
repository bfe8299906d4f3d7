//go:build kernel

package kernel_test

import (
	"fmt"

	"github.com/mainstay-lvs/mainstay/ipvs"
	"github.com/mainstay-lvs/mainstay/ipvs/kernel"
)

// The kernel's table is read, the difference to the wanted one planned, and applied.
func ExampleConn() {
	conn, err := kernel.Open()
	if err != nil {
		fmt.Println(err) // such as: this kernel has no IPVS: modprobe ip_vs
		return
	}
	defer conn.Close()

	wanted, err := ipvs.ParseTable("-A -t 192.0.2.100:80 -s wlc\n-a -t 192.0.2.100:80 -r 192.0.2.21:80 -m -w 1")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, table := range []ipvs.Table{wanted, {}} {
		found, err := conn.Read()
		if err != nil {
			fmt.Println(err)
			return
		}
		changes := ipvs.Plan(found.Table, table)
		failures, err := conn.Apply(changes)
		fmt.Println(changes, failures, err)
	}
	// Output:
	// [-A -t 192.0.2.100:80 -s wlc -a -t 192.0.2.100:80 -r 192.0.2.21:80 -m -w 1] [] <nil>
	// [-D -t 192.0.2.100:80] [] <nil>
}
