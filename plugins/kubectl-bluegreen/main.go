// Command kubectl-bluegreen puts a new version beside the running one, moves all traffic of a Service to it at once, and
// takes it back at once, on plain Deployments and Services.
package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/kubectl-switchyard/switchyard/pkg/cli"
)

func main() {
	os.Exit(cli.Main(newRoot))
}

func newRoot(env *cli.Env) *cobra.Command {
	return cli.NewRoot(env, cli.Root{
		Name:  "bluegreen",
		Short: "Put a new version live at once, and take it back at once",
		Long: `Blue/green releases on plain Deployments and Services, with nothing installed in the cluster.

A Service leads to one of two Deployments, the slots: the active one has the traffic, the idle one has not. The new
version is brought up in the idle slot at full size, then the Service is switched to it in one conditional write. The
old side stays until you finish, so the way back is instant.`,
		Example: `  kubectl bluegreen status hello                          # who has the traffic?
  kubectl bluegreen run hello --image app=shop/hello:2.0   # prepare, switch, watch, roll back on failure
  kubectl bluegreen prepare hello --image app=shop/hello:2.0
  kubectl bluegreen switch hello
  kubectl bluegreen rollback hello --yes                  # all traffic back, at once
  kubectl bluegreen finish hello                          # scale the old side down`,
	},
		newStatus(env), newPrepare(env), newSwitch(env), newRollback(env), newFinish(env), newAbort(env), newRun(env),
		newHistory(env))
}
