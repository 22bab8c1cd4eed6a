package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"path/filepath"
	"time"

	"github.com/kubectl-switchyard/switchyard/pkg/load"
)

//go:embed application.yaml
var application string

// What the demo plays with.
const (
	namespace = "switchyard-demo"
	service   = "hello"
	nodes     = "2"
	oldImage  = "localhost/demoapp:v1"
	newImage  = "localhost/demoapp:v2"
)

const (
	// soakTime is how long the release watches the new version. It is short, since a demo is watched too.
	soakTime = 10 * time.Second
	// calm is how long the traffic runs before the first and after the last act.
	calm = 3 * time.Second
	// longest bounds the traffic, whatever becomes of the demo.
	longest = 15 * time.Minute
)

// show plays the demo and returns the number of requests lost.
func show(ctx context.Context, s stage, rate float64, soak time.Duration) (lost int64, err error) {
	if err := s.openCluster(ctx); err != nil {
		return 0, err
	}
	if err := s.loadImages(ctx); err != nil {
		return 0, err
	}
	if err := s.deploy(ctx); err != nil {
		return 0, err
	}
	address, err := s.ask(ctx, "", "get", "service", service, "--output=jsonpath={.spec.clusterIP}")
	if err != nil {
		return 0, err
	}
	s.headline("traffic: %g requests/s, each on a new connection, through the Service's ClusterIP %s", rate, address)
	meter, err := load.Start(ctx, load.Options{URL: "http://" + address + "/", Rate: rate, Duration: longest})
	if err != nil {
		return 0, err
	}
	defer meter.Stop()
	if err := s.release(ctx, meter, soak); err != nil {
		return 0, err
	}
	report := meter.Stop()
	s.headline("what became of the requests")
	printReport(indented(s.out), report)
	s.hint()
	return report.Lost, nil
}

// release releases the new version and takes it back, with the traffic on.
func (s stage) release(ctx context.Context, meter *load.Meter, soak time.Duration) error {
	acts := []struct {
		headline string
		args     []string
	}{
		{"before: one Deployment behind a Service", []string{"bluegreen", "status", service}},
		{"the release: v2 beside v1, then all traffic to v2 at once", []string{"bluegreen", "run", service, "--image", newImage, "--soak", soak.String(), "--yes"}},
		{"now v2 has the traffic, and v1 is kept for the way back", []string{"bluegreen", "status", service}},
		{"the way back: all traffic to v1 at once", []string{"bluegreen", "rollback", service, "--yes"}},
	}
	pause(ctx, calm)
	for _, act := range acts {
		s.headline("%s", act.headline)
		if err := s.perform(ctx, act.args...); err != nil {
			return fmt.Errorf("%w\n%s", err, soFar(meter.Snapshot()))
		}
		fmt.Fprintf(s.out, "    (%s)\n", soFar(meter.Snapshot()))
	}
	pause(ctx, calm)
	return ctx.Err()
}

// clusterStatus is the part that is needed of what `cluster status -o json` tells.
type clusterStatus struct {
	State      string `json:"state"`
	Kubernetes string `json:"kubernetes"`
	Kubeconfig string `json:"kubeconfig"`
	Kubectl    string `json:"kubectl"`
}

// openCluster finds the cluster, or boots it.
func (s *stage) openCluster(ctx context.Context) error {
	status, err := s.findCluster(ctx)
	if err != nil {
		return err
	}
	if status.State != "up" {
		s.headline("the cluster: booting %s nodes (the first time builds Kubernetes, which takes some minutes)", nodes)
		if _, err := s.tool(ctx, "cluster", "up", "--nodes", nodes); err != nil {
			return err
		}
		if status, err = s.findCluster(ctx); err != nil {
			return err
		}
	}
	s.kubeconfig, s.kubectl = status.Kubeconfig, status.Kubectl
	s.headline("the cluster: Kubernetes %s is %s", status.Kubernetes, status.State)
	return nil
}

// findCluster asks for the cluster's state. The tool's exit code is left aside: it is 1 for a cluster that is not up.
func (s *stage) findCluster(ctx context.Context) (clusterStatus, error) {
	var status clusterStatus
	answer, failed := s.tool(ctx, "cluster", "status", "-o", "json")
	if err := json.Unmarshal([]byte(answer), &status); err != nil {
		return status, fmt.Errorf("read the cluster's status: %w (%w)", err, failed)
	}
	return status, nil
}

// loadImages gives the nodes both versions of the application.
func (s stage) loadImages(ctx context.Context) error {
	s.headline("the images: %s and %s", oldImage, newImage)
	for image, version := range map[string]string{oldImage: "v1", newImage: "v2"} {
		_, err := s.tool(ctx, "cluster", "image", "load", "--name", image, "--binary", filepath.Join(s.bin, "tools", "demoapp"), "--env", "VERSION="+version)
		if err != nil {
			return err
		}
	}
	return nil
}

// deploy brings the application up in a namespace that holds nothing of an earlier demo.
func (s stage) deploy(ctx context.Context) error {
	s.headline("the application: 4 replicas of %s in namespace %s, behind Service %s", oldImage, namespace, service)
	if _, err := s.ask(ctx, "", "delete", "namespace", namespace, "--ignore-not-found", "--wait"); err != nil {
		return err
	}
	if _, err := s.ask(ctx, "", "create", "namespace", namespace); err != nil {
		return err
	}
	if _, err := s.ask(ctx, application, "apply", "--filename", "-"); err != nil {
		return err
	}
	_, err := s.ask(ctx, "", "rollout", "status", "deployment/"+service, "--timeout=2m")
	return err
}

// pause waits, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// hint says what to try next.
func (s stage) hint() {
	s.headline("the cluster stays up; go on by hand:")
	on := " " + service + " -n " + namespace
	fmt.Fprintf(indented(s.out), `export KUBECONFIG=%s PATH=%s:$PATH
kubectl bluegreen history%s
kubectl bluegreen switch%s --to green
kubectl bluegreen finish%s --delete
make demo-down   # takes the cluster down and leaves nothing behind
`, s.kubeconfig, s.additions(), on, on, on)
}
