package cluster

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/host"
	"github.com/kubectl-switchyard/switchyard/scripts/cluster/internal/render"
)

// terminateWait is how long the API server may take to end by itself: it waits for its watchers, of which every
// component has some.
const terminateWait = 3 * time.Second

// RestartAPIServer ends kube-apiserver, starts it again and reports how long it was not ready.
func RestartAPIServer(ctx context.Context, streams Streams) error {
	s, lock, err := open(ctx, "apiserver restart", streams)
	if err != nil {
		return err
	}
	defer lock.Release()
	client, err := newAPI(s.paths)
	if err != nil {
		return err
	}
	begin := time.Now()
	if p := s.st.Process(apiServer); p != nil {
		host.Signal(p.PID, p.StartTicks, syscall.SIGTERM)
		if !host.WaitGone(p.PID, p.StartTicks, terminateWait) {
			host.Signal(p.PID, p.StartTicks, syscall.SIGKILL)
			host.WaitGone(p.PID, p.StartTicks, endTimeout)
		}
	}
	gone := time.Now()
	if err := s.startControl(apiServer, render.APIServer(s.paths)); err != nil {
		return err
	}
	if err := s.waitAPIServer(ctx, client); err != nil {
		return err
	}
	_, err = fmt.Fprintf(streams.Out, "kube-apiserver was gone for %.1f s (%.1f s to end, %.1f s to be ready again)\n",
		time.Since(begin).Seconds(), gone.Sub(begin).Seconds(), time.Since(gone).Seconds())
	return err
}
