// Package output renders what the plugins have to say: tables and versioned documents on stdout, messages and the live
// view on stderr. It decides nothing and talks to no cluster. Text that came from a cluster is escaped here, before any
// colour is added, so that a hostile name or log line cannot drive the terminal.
package output
