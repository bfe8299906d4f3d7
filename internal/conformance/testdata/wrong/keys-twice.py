"""The first of two equal keys counts."""

import program
import monitor


def parse_line(line, whole=monitor.parse_line):
    words, seen = [], set()
    for word in line.split(b" "):
        key = word.split(b"=")[0]
        if key not in seen:
            words.append(word)
        seen.add(key)
    return whole(b" ".join(words)) if b'"' not in line else whole(line)


monitor.parse_line = parse_line

program.run()
