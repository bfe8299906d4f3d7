package monitor

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"runtime"
)

// ReadSecretFile reads a secret for Options.Secret: the bytes of the file without a final newline, 16..4096 of them. As
// on the directors, the file must not be readable or writable by others, nor writable by its group.
func ReadSecretFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read secret: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read secret: %w", err)
	}
	const mustNot = 0o027 // what others may do, and the group's writing
	// Windows has no such bits and reports them all as set.
	if mode := info.Mode().Perm(); mode&mustNot != 0 && runtime.GOOS != "windows" {
		return nil, fmt.Errorf("read secret %s: its mode %04o lets others at it: chmod 0640 or less", path, mode)
	}
	secret, err := io.ReadAll(io.LimitReader(f, maxSecret+2))
	if err != nil {
		return nil, fmt.Errorf("read secret: %w", err)
	}
	secret = bytes.TrimSuffix(secret, []byte("\n"))
	if len(secret) < minSecret || len(secret) > maxSecret {
		return nil, fmt.Errorf("read secret %s: it has %d bytes without its final newline (%d..%d wanted)",
			path, len(secret), minSecret, maxSecret)
	}
	return secret, nil
}
