package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mainstay-lvs/mainstay/internal/wire"
)

// A relay says when it is ready, passes on what it is sent, signed with its own key, and
// ends on SIGTERM.
func TestRelayPassesHeartbeatsOn(t *testing.T) {
	dir := t.TempDir()
	notify := listen(t, "unixgram", filepath.Join(dir, "notify"))
	director := listen(t, "udp", "127.0.0.1:0")
	address := freeAddress(t)
	key := wire.DeriveKey([]byte("correct horse battery staple"), "rack7")
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	file := write("relay.yaml", fmt.Sprintf(`
secrets: {rack: {file: %s}}
relay: {listen: "%s", id: rack7, secret: rack, cadence: 20ms, directors: ["%s"]}
`, write("rack.key", wire.FormatKey(key)+"\n"), address, director.LocalAddr()))

	t.Setenv("NOTIFY_SOCKET", notify.LocalAddr().String())
	var stdout, stderr bytes.Buffer
	code := make(chan int, 1)
	go func() {
		a := &app{stdout: &stdout, stderr: &stderr}
		code <- a.main([]string{"relay", "--config", file})
	}()
	if got := receive(t, notify); got != "READY=1" {
		t.Fatalf("systemd is told %q, want READY=1", got)
	}

	line := "HEARTBEAT/1 up id=192.0.2.21:80 service=web instance=00018f3c2a11b0c4 seq=1 interval=1s"
	sender, err := net.Dial("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer sender.Close()
	if _, err := fmt.Fprintf(sender, "%s\n", line); err != nil {
		t.Fatal(err)
	}
	for {
		datagram := receive(t, director)
		if err := wire.VerifyRelay([]byte(datagram), key); err != nil {
			t.Fatalf("%v: %s", err, datagram)
		}
		if strings.Contains(datagram, "\n"+line+" age=") {
			break
		}
	}

	if err := syscall.Kill(syscall.Getpid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if got := <-code; got != 0 || stdout.Len() > 0 {
		t.Errorf("exit code %d, stdout %q, stderr %q", got, &stdout, &stderr)
	}
	for _, want := range []string{`msg="relay started" id=rack7 listen=` + address, `msg="relay stopped" children=1`} {
		if !strings.Contains(stderr.String(), want) {
			t.Errorf("the log has no %s:\n%s", want, &stderr)
		}
	}
	if got := receive(t, notify); got != "STOPPING=1" {
		t.Errorf("systemd is told %q, want STOPPING=1", got)
	}
}

// A socket that is taken is an error that names the key.
func TestRelayThatCanNotListen(t *testing.T) {
	taken := listen(t, "udp", "127.0.0.1:0")
	file := filepath.Join(t.TempDir(), "relay.yaml")
	text := fmt.Sprintf(`relay: {listen: "%s", id: rack7, directors: ["127.0.0.1:9"]}`, taken.LocalAddr())
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	a := &app{stdout: &stdout, stderr: &stderr}
	if code := a.main([]string{"relay", "--config", file}); code != 1 || stdout.Len() > 0 {
		t.Errorf("exit code %d, stdout %q", code, &stdout)
	}
	if want := "mainstay: relay.listen: listen udp " + taken.LocalAddr().String() + ": bind: address already in use\n"; stderr.String() != want {
		t.Errorf("stderr %q, want %q", &stderr, want)
	}
}

// listen opens a socket for datagrams, from which each must be read within a minute.
func listen(t *testing.T, network, address string) net.PacketConn {
	t.Helper()
	c, err := net.ListenPacket(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// receive waits for a datagram.
func receive(t *testing.T, c net.PacketConn) string {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 4096)
	n, _, err := c.ReadFrom(buf)
	if err != nil {
		t.Fatal(err)
	}
	return string(buf[:n])
}

// freeAddress is an address on loopback that nobody listens at just now.
func freeAddress(t *testing.T) string {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.LocalAddr().String()
}
