package config

import (
	"bytes"
	"fmt"

	"gopkg.in/yaml.v3"
)

// YAML prints the file: the keys that are given, in the order of the reference.
// What is printed is read back as a File with the same values. Comments and
// anchors of the text that it was read from are not kept. The error is of a File
// that a program made and no file could say.
func (f *File) YAML() ([]byte, error) {
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	if err := e.Encode(fileKeys.write(*f)); err != nil {
		return nil, fmt.Errorf("print configuration: %w", err)
	}
	if err := e.Close(); err != nil {
		return nil, fmt.Errorf("print configuration: %w", err)
	}
	return out.Bytes(), nil
}
