package monitor_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log"
	"net"
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
