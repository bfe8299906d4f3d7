"""Within quotes two backslashes are two."""

import program
import monitor


def parse_line(line, whole=monitor.parse_line):
    protocol, verb, fields = whole(line)
    if b"\\" in line:
        fields = {key: value.replace("\\", "\\\\") for key, value in fields.items()}
    return protocol, verb, fields


monitor.parse_line = parse_line

program.run()
