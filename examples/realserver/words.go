package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// usage lists the requests as they are typed.
const usage = "whoami | echo TEXT | work DURATION | stats | stick [WORKERS] | unstick | state STATE [REASON] | weight PERCENT"

// parseWords makes a request of what an operator typed, such as echo hello or work 50ms.
func parseWords(words []string) (request, error) {
	if len(words) == 0 {
		return request{}, errors.New("a request is wanted: " + usage)
	}
	name, args := words[0], words[1:]
	text := strings.Join(args, " ")
	switch name {
	case "whoami", "stats", "unstick":
		if len(args) > 0 {
			return request{}, fmt.Errorf("%s takes no argument, not %q", name, text)
		}
		return request{kind: map[string]kind{"whoami": whoami, "stats": stats, "unstick": unstick}[name]}, nil
	case "echo":
		return request{echo, []byte(text)}, nil
	case "work":
		d, err := time.ParseDuration(text)
		if err != nil || d < 0 || d > maxWork {
			return request{}, fmt.Errorf("work %q: a duration up to %s wanted, such as 50ms", text, maxWork)
		}
		return request{work, uint32Bytes(uint32(d.Milliseconds()))}, nil
	case "stick":
		if len(args) == 0 {
			return request{stick, uint32Bytes(0)}, nil
		}
		return numberRequest(stick, name, text)
	case "state":
		return request{state, []byte(text)}, nil
	case "weight":
		return numberRequest(weight, name, text)
	}
	return request{}, fmt.Errorf("unknown request %q: %s", name, usage)
}

func numberRequest(k kind, name, text string) (request, error) {
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return request{}, fmt.Errorf("%s %q: a number wanted", name, text)
	}
	return request{k, uint32Bytes(uint32(n))}, nil
}

func uint32Bytes(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }
