package main

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-switchyard/switchyard/pkg/output/schema"
	"github.com/kubectl-switchyard/switchyard/pkg/release"
	"github.com/kubectl-switchyard/switchyard/pkg/workload"
)

// schemaDir is where the schema of each document stands.
const schemaDir = "schema"

// moment is the time in the documents below.
var moment = metav1.NewTime(time.Date(2026, 11, 22, 3, 30, 0, 0, time.UTC))

func TestSchemaOfStatus(t *testing.T) {
	full := &status{
		Namespace: "shop", Service: "hello", SlotKey: "slot", Active: "green", Since: &moment,
		Release: &releaseStatus{ID: "4a3ca920", Operation: "run", Phase: release.Soaking, By: "ann@laptop", StartedAt: moment, From: "blue", To: "green", Until: &moment, Reason: "why"},
		Slots: []slotStatus{{Value: "green", Deployment: "hello-green", Active: true, Images: map[string]string{"app": "shop/hello:2"}, Version: "2",
			Rollout: workload.Rollout{Desired: 4, Current: 4, Updated: 4, Ready: 4, Available: 4, Observed: true, Settled: true}}},
		Services:   []serviceStatus{{Name: "hello", Type: "ClusterIP", Slot: "green", Role: "released", Ports: []portStatus{{Name: "http", Port: 80, Ready: 4}}, Portless: 1}},
		Lock:       &release.Holder{Name: "ann@laptop/1", Since: moment, Operation: "run hello"},
		Warnings:   []string{"something"},
		NotChecked: map[string]string{"leases": "forbidden"},
	}
	bare := &status{Slots: []slotStatus{}, Services: []serviceStatus{}, Warnings: []string{}}
	schema.Check(t, schemaDir, *updateFiles, full, bare)
	schema.Check(t, schemaDir, *updateFiles, &statusList{Items: []*status{full, bare}}, &statusList{Items: []*status{}})
}

func TestSchemaOfResult(t *testing.T) {
	full := &result{
		Operation: "run", Result: resultDone, Namespace: "shop", Services: []string{"hello"}, SlotKey: "slot", From: "blue", To: "green", Active: "green",
		Release: "4a3ca920", Reason: "why", DryRun: "server", Seconds: 1.5, Steps: []release.Timing{{Step: "switch", Seconds: 0.1, Detail: "done"}},
	}
	schema.Check(t, schemaDir, *updateFiles, full, &result{Operation: "abort", Result: resultUnchanged, Services: []string{"hello"}})
}

func TestSchemaOfHistory(t *testing.T) {
	entry := release.Entry{ID: "4a3ca920", Operation: "run", Result: resultDone, By: "ann@laptop", At: moment, From: "blue", To: "green",
		Images: map[string]string{"app": "shop/hello:2"}, Reason: "why"}
	schema.Check(t, schemaDir, *updateFiles, &history{Namespace: "shop", Service: "hello", Releases: []release.Entry{entry, {At: moment}}}, &history{Releases: []release.Entry{}})
}
