package ipvs_test

import (
	"fmt"

	"github.com/mainstay-lvs/mainstay/ipvs"
)

// A plan reads like the commands an operator would type.
func ExamplePlan() {
	current, err := ipvs.ParseTable(`
-A -t 192.0.2.100:80 -s rr
-a -t 192.0.2.100:80 -r 192.0.2.21:80 -m -w 1`)
	if err != nil {
		fmt.Println(err)
		return
	}
	wanted, err := ipvs.ParseTable(`
-A -t 192.0.2.100:80 -s wlc
-a -t 192.0.2.100:80 -r 192.0.2.21:80 -m -w 5
-a -t 192.0.2.100:80 -r 192.0.2.22:80 -m -w 1`)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, change := range ipvs.Plan(current, wanted) {
		fmt.Println("ipvsadm", change)
	}
	// Output:
	// ipvsadm -E -t 192.0.2.100:80 -s wlc
	// ipvsadm -a -t 192.0.2.100:80 -r 192.0.2.22:80 -m -w 1
	// ipvsadm -e -t 192.0.2.100:80 -r 192.0.2.21:80 -m -w 5
}
