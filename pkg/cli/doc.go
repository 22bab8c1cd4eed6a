// Package cli is the one entry point of every plugin: streams, signals, kubectl's connection flags, help, exit codes,
// shell completion and questions to the user. The verbs themselves live in the plugins.
package cli
