// Command demoapp is a small HTTP server whose start, probes, errors, sessions and shutdown
// are steered by environment variables, so that tests and demos can meet every behaviour of a
// real application on purpose. `demoapp -h` lists the variables.
package main

import (
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	os.Exit(start(os.Args[1:], os.LookupEnv, os.Stdout, os.Stderr))
}

// start reads the configuration, runs the application until it ends, and returns its exit code.
func start(args []string, lookup func(string) (string, bool), out, errOut io.Writer) int {
	if len(args) > 0 && (args[0] == "-h" || args[0] == "--help") {
		fmt.Fprint(out, helpText())
		return 0
	}
	if len(args) > 0 {
		fmt.Fprintf(errOut, "demoapp: argument %q: only environment variables are read, see demoapp -h\n", args[0])
		return exitUsage
	}
	config, err := readConfig(lookup)
	if err != nil {
		fmt.Fprintf(errOut, "demoapp: %v\n", err)
		return exitUsage
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	logger := log.New(errOut, "", log.LstdFlags|log.Lmicroseconds|log.LUTC|log.Lmsgprefix)
	return newApp(config, logger).run(signals)
}
