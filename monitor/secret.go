package monitor

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"runtime"

	"github.com/mainstay-lvs/mainstay/internal/wire"
)

// ReadSecretFile reads a secret for Options.Secret: the bytes of the file without a final newline, 16..4096 of them. As
// on the directors, the file must not be readable or writable by others, nor writable by its group.
func ReadSecretFile(path string) ([]byte, error) {
	secret, err := readOwnFile("secret", path)
	if err != nil {
		return nil, err
	}
	secret = bytes.TrimSuffix(secret, []byte("\n"))
	if len(secret) < minSecret || len(secret) > maxSecret {
		return nil, fmt.Errorf("read secret %s: it has %d bytes without its final newline (%d..%d wanted)",
			path, len(secret), minSecret, maxSecret)
	}
	return secret, nil
}

// ReadKeyFile reads a sender's key for HeartbeatOptions.Key or RelayOptions.Key: 64 lower-case hex digits, as mainstay
// secret derive prints them for the sender's id, and perhaps a newline. The file must not be readable or writable by
// others, nor writable by its group.
func ReadKeyFile(path string) ([]byte, error) {
	text, err := readOwnFile("key", path)
	if err != nil {
		return nil, err
	}
	key, err := wire.ParseKey(text)
	if err != nil {
		return nil, fmt.Errorf("read key %s: %w", path, err)
	}
	return key, nil
}

// readOwnFile reads a file that nobody else may see or change, up to a little more than the longest secret.
func readOwnFile(what, path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", what, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", what, err)
	}
	const mustNot = 0o027 // what others may do, and the group's writing
	// Windows has no such bits and reports them all as set.
	if mode := info.Mode().Perm(); mode&mustNot != 0 && runtime.GOOS != "windows" {
		return nil, fmt.Errorf("read %s %s: its mode %04o lets others at it: chmod 0640 or less", what, path, mode)
	}
	content, err := io.ReadAll(io.LimitReader(f, maxSecret+2))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", what, err)
	}
	return content, nil
}
