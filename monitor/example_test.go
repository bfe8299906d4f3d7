package monitor_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"regexp"
	"strings"
	"time"

	"github.com/mainstay-lvs/mainstay/monitor"
)

// ask does by hand what a director does: one line each way. It returns the state of the answer and its reason.
func ask(address, request string) string {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return err.Error()
	}
	defer c.Close()
	fmt.Fprintln(c, request)
	answer, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		return err.Error()
	}
	words := strings.Fields(answer)
	if _, reason, ok := strings.Cut(strings.TrimSpace(answer), "reason="); ok {
		return words[1] + " " + reason
	}
	return words[1]
}

// A program with one service, a self-check, and a word of its own about its state.
func Example() {
	m, err := monitor.New(monitor.Options{Services: []string{"bastion"}, Leave: -1})
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0") // ":9651" in real life, where ListenAndServe will do
	if err != nil {
		log.Fatal(err)
	}
	checked := make(chan struct{}, 1)
	m.Check("disk", func(context.Context) error {
		defer func() { checked <- struct{}{} }()
		return errors.New("no space left on /var/spool")
	}, monitor.Every(time.Hour), monitor.Timeout(time.Minute))
	served := make(chan error, 1)
	go func() { served <- m.Serve(context.Background(), listener) }()
	<-checked

	address := listener.Addr().String()
	m.Service("bastion").SetState(monitor.Drain, "rolling restart")
	fmt.Println(ask(address, "MONITOR/1 poll service=bastion"))
	fmt.Println(ask(address, "MONITOR/1 poll service=ghost"))
	fmt.Println(errors.Join(m.Close(), <-served))
	// Output:
	// drain "rolling restart"
	// down "no such service"
	// <nil>
}

// With a secret nobody learns a state without a nonce, and the answer is signed.
func Example_secret() {
	// In real life: secret, err := monitor.ReadSecretFile("/etc/bastion/fleet.key")
	secret := []byte("0123456789abcdef0123456789abcdef")
	m, err := monitor.New(monitor.Options{Services: []string{"bastion"}, Secret: secret})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", m.Respond([]byte("MONITOR/1 poll service=bastion")))
	signed := string(m.Respond([]byte("MONITOR/1 poll service=bastion nonce=9f86d081884c7d659a2feaa0c55ad015")))
	answer, mac, _ := strings.Cut(signed, " mac=")
	fmt.Println(strings.Fields(answer)[:3], len(mac))
	// Output:
	// MONITOR/1 error reason="nonce wanted"
	// [MONITOR/1 up service=bastion] 64
}

// A worker says when it has work, when it gets on with it, and when it is done.
func ExampleBeat() {
	m, err := monitor.New(monitor.Options{Services: []string{"bastion"}})
	if err != nil {
		log.Fatal(err)
	}
	jobs := make(chan func(), 3)
	for range cap(jobs) {
		jobs <- func() {}
	}
	close(jobs)

	beat := m.Beat("worker-1", 5*time.Second)
	defer beat.Remove()
	for job := range jobs {
		beat.Beat()
		job()
		m.Service("bastion").Served()
		beat.Idle()
	}
	a := m.Answer("bastion")
	fmt.Println(a.State, a.Served)
	// Output:
	// up 3
}

// A director that watches is told of a change without asking again.
func Example_watch() {
	m, err := monitor.New(monitor.Options{Services: []string{"bastion"}})
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- m.Serve(context.Background(), listener) }()

	director, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		log.Fatal(err)
	}
	defer director.Close()
	fmt.Fprintln(director, "MONITOR/1 watch interval=60s service=bastion")
	answers := bufio.NewScanner(director)
	answers.Scan()
	fmt.Println(strings.Fields(answers.Text())[1])
	m.SetState(monitor.Drain, "rolling restart")
	answers.Scan()
	fmt.Println(strings.Fields(answers.Text())[1])
	fmt.Println(errors.Join(m.Close(), <-served))
	// Output:
	// up
	// drain
	// <nil>
}

// listenUDP opens the socket of a director, which is ":9652" in real life.
func listenUDP() net.PacketConn {
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	return c
}

// receive prints the first datagram with that text that comes to a director, but for what differs each time.
func receive(director net.PacketConn, text string) {
	varies := regexp.MustCompile(`(instance|mac|seq|age)=[0-9a-f]+`)
	buf := make([]byte, 2048)
	for {
		n, _, err := director.ReadFrom(buf)
		if err != nil {
			log.Fatal(err)
		}
		if datagram := string(buf[:n]); strings.Contains(datagram, text) {
			fmt.Print(varies.ReplaceAllString(datagram, "$1=…"))
			return
		}
	}
}

// A program without a port for directors tells them how it is, and at the end that it leaves.
func ExampleMonitor_Heartbeat() {
	director := listenUDP()
	defer director.Close()
	m, err := monitor.New(monitor.Options{Services: []string{"bastion"}})
	if err != nil {
		log.Fatal(err)
	}
	// In real life: key, err := monitor.ReadKeyFile("/etc/bastion/heartbeat.key")
	key := []byte("0123456789abcdef0123456789abcdef")
	m.Check("disk", func(context.Context) error { return nil })
	ctx := context.Background()
	served, beaten := make(chan error, 1), make(chan error, 1)
	go func() { served <- m.Serve(ctx) }() // runs the self-check; there are no listeners
	go func() {
		beaten <- m.Heartbeat(ctx, monitor.HeartbeatOptions{
			Service: "bastion", ID: "192.0.2.21:2222", Key: key, Interval: 100 * time.Millisecond,
			To: []string{director.LocalAddr().String()},
		})
	}()
	receive(director, " up ")
	fmt.Println(errors.Join(m.Close(), <-served, <-beaten))
	receive(director, " maint ")
	// Output:
	// HEARTBEAT/1 up id=192.0.2.21:2222 service=bastion instance=… seq=… interval=100ms mac=…
	// <nil>
	// HEARTBEAT/1 maint id=192.0.2.21:2222 service=bastion instance=… seq=… interval=100ms reason="the program is stopping" mac=…
}

// A relay passes on what it hears, here from the program that it is in.
func ExampleRelay() {
	director := listenUDP()
	defer director.Close()
	relay, err := monitor.NewRelay(monitor.RelayOptions{
		ID: "rack7", Cadence: 50 * time.Millisecond, Directors: []string{director.LocalAddr().String()},
	})
	if err != nil {
		log.Fatal(err)
	}
	m, err := monitor.New(monitor.Options{Services: []string{"bastion"}})
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	relayed, beaten := make(chan error, 1), make(chan error, 1)
	go func() { relayed <- relay.ListenAndServe(ctx, "127.0.0.1:0") }() // ":9652" in real life
	go func() {
		beaten <- m.Heartbeat(ctx, monitor.HeartbeatOptions{Service: "bastion", ID: "192.0.2.21:2222", Relay: relay})
	}()
	receive(director, "bastion")
	cancel()
	fmt.Println(errors.Join(<-relayed, <-beaten), relay.Stats().Children)
	// Output:
	// RELAY/1 id=rack7 instance=… seq=… interval=50ms part=1/1 children=1
	// HEARTBEAT/1 up id=192.0.2.21:2222 service=bastion instance=… seq=… interval=1s age=…
	// <nil> 1
}
