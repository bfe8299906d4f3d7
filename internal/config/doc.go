// Package config turns the configuration file into typed, validated values, or
// into a list of everything that is wrong with it.
//
// The way of a file is one direction: text is parsed into YAML nodes (yaml.go);
// one table says which keys there are (schema.go, schema_checks.go,
// schema_routers.go) and drives the decoding of nodes into a [File], the
// printing of a [File] and the reference of all keys; a File and the files that
// it names become a [Config] (resolve.go and its neighbours), where the rules
// between keys are held. Past this package there are addresses, durations and
// enums, never strings.
//
// Nothing here touches the host but through the interface [Host].
package config
