package main

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/kubectl-switchyard/switchyard/pkg/cli"
)

// side is a Deployment of hello that is settled at two replicas, with its pods.
func side(color, image string) string {
	text := strings.NewReplacer("COLOR", color, "IMAGE", image).Replace(`
kind: Deployment
metadata: {name: hello-COLOR, uid: d-COLOR, annotations: {deployment.kubernetes.io/revision: "3"}}
spec:
  replicas: 2
  selector: {matchLabels: {app: hello, slot: COLOR}}
  template:
    metadata: {labels: {app: hello, slot: COLOR}}
    spec: {containers: [{name: app, image: "IMAGE", readinessProbe: {tcpSocket: {port: 8080}}, lifecycle: {preStop: {sleep: {seconds: 10}}}}]}
status: {replicas: 2, updatedReplicas: 2, readyReplicas: 2, availableReplicas: 2}
---
kind: ReplicaSet
metadata: {name: hello-COLOR-6d4, uid: rs-COLOR, labels: {app: hello, slot: COLOR}, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: hello-COLOR, uid: d-COLOR, controller: true}]}
---
`)
	for _, pod := range []string{"1", "2"} {
		text += strings.NewReplacer("COLOR", color, "POD", pod).Replace(`
kind: Pod
metadata: {name: COLOR-POD, uid: COLOR-POD, labels: {app: hello, slot: COLOR}, ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: hello-COLOR-6d4, uid: rs-COLOR, controller: true}]}
spec: {containers: [{name: app}]}
status: {conditions: [{type: Ready, status: "True", lastTransitionTime: "2026-11-22T03:00:00Z"}]}
---
`)
	}
	return text
}

// smaller scales a side down, in its spec and in its status.
func smaller(objects string) string {
	return strings.NewReplacer("replicas: 2\n", "replicas: 0\n", "status: {replicas: 2, updatedReplicas: 2, readyReplicas: 2, availableReplicas: 2}", "status: {replicas: 0}").Replace(objects[:strings.Index(objects, "\nkind: Pod")])
}

// record is the annotation of a release of hello alone between blue and green, with more fields.
func record(operation, phase, from, to, more string) string {
	return fmt.Sprintf(`{"id":"4a3ca920","operation":"%s","phase":"%s","by":"ann@laptop","slotKey":"slot","from":"%s","to":"%s","services":["hello"]%s}`, operation, phase, from, to, more)
}

// scaled is an HPA of a side; the minimum of a held one is 1.
func scaled(color string, held bool) string {
	annotation := ""
	if held {
		annotation = ", annotations: {kubectl-switchyard.github.io/min-replicas: '1', kubectl-switchyard.github.io/made-for: hello}"
	}
	return fmt.Sprintf("kind: HorizontalPodAutoscaler\nmetadata: {name: hello-%s%s}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: hello-%s}, minReplicas: 2, maxReplicas: 9}\n---\n", color, annotation, color)
}

type planCase struct {
	name, objects string
	plan          func(context.Context, *actor) (*operation, error)
	want          string
}

// checkPlans compares whole plans. The clock stands at midnight of 2000-01-01.
func checkPlans(t *testing.T, tests []planCase) {
	t.Helper()
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				op, err := test.plan(t.Context(), readCluster(t, test.objects).actor(t, "hello"))
				wantText(t, operationText(op, err), strings.TrimPrefix(test.want, "\n"))
			})
		})
	}
}

func TestPlanSwitch(t *testing.T) {
	to := func(slot string) func(context.Context, *actor) (*operation, error) {
		return func(ctx context.Context, a *actor) (*operation, error) { return a.planSwitch(ctx, slot) }
	}
	both := side("blue", "shop/hello:1") + side("green", "shop/hello:2")
	checkPlans(t, []planCase{
		{"to the idle side", helloService + both, to(""), `
switch service hello in namespace shop from blue (deployment hello-blue) to green (deployment hello-green):
  1. switch service hello from slot=blue to green
       kubectl patch service/hello -n shop --type=merge -p '{"spec":{"selector":{"slot":"green"}}}'
  2. wait until the endpoints of service hello are the pods of slot=green, on every port
switch: done, active green, patience 0s
service/hello switched to slot=green (deployment hello-green)`},
		{"of two Services, one for everybody, one of a load balancer", helloService + both + selecting("all", "app: hello") +
			"kind: Service\nmetadata: {name: hello-lb}\nspec: {type: LoadBalancer, sessionAffinity: ClientIP, selector: {app: hello, slot: blue}, ports: [{port: 80}]}\n---\n", to(""), `
switch service hello in namespace shop from blue (deployment hello-blue) to green (deployment hello-green):
  1. switch service hello, hello-lb from slot=blue to green
       kubectl patch service/hello -n shop --type=merge -p '{"spec":{"selector":{"slot":"green"}}}'
       kubectl patch service/hello-lb -n shop --type=merge -p '{"spec":{"selector":{"slot":"green"}}}'
  2. wait until the endpoints of service hello, hello-lb are the pods of slot=green, on every port
  note: service hello-lb has session affinity ClientIP: every client moves to a pod of the new side, and its session with it only if state is shared
  note: service hello-lb is a LoadBalancer: its pool follows later than the cluster, some by minutes
  note: deployment hello-blue: container "app": preStop sleeps 10s, less than the 1m0s for which requests can still reach it
  warning: service all selects both slots (app=hello): it is not switched
switch: done, active green, patience 0s
service/hello, service/hello-lb switched to slot=green (deployment hello-green)`},
		{"with HPAs", helloService + both + scaled("blue", false) + scaled("green", true), to(""), `
switch service hello in namespace shop from blue (deployment hello-blue) to green (deployment hello-green):
  1. hold deployment hello-blue at 2 replicas while it has no traffic: raise the minimum of its HPA hello-blue
       kubectl patch hpa/hello-blue -n shop --type=merge -p '{"spec":{"minReplicas":2}}'
  2. switch service hello from slot=blue to green
       kubectl patch service/hello -n shop --type=merge -p '{"spec":{"selector":{"slot":"green"}}}'
  3. wait until the endpoints of service hello are the pods of slot=green, on every port
  4. let HPA hello-green scale deployment hello-green down again: put its own minimum back
       kubectl patch hpa/hello-green -n shop --type=merge -p '{"spec":{"minReplicas":<as before>}}'
switch: done, active green, patience 0s
service/hello switched to slot=green (deployment hello-green)`},
		{"back, by name", onGreen(annotated(helloService, "release", record("switch", "Switched", "blue", "green", `,"fromRevision":"3","switchedAt":"1999-12-31T23:58:30Z"`))) + both, to("blue"), `
switch service hello in namespace shop from green (deployment hello-green) to blue (deployment hello-blue):
  1. switch service hello from slot=green to blue
       kubectl patch service/hello -n shop --type=merge -p '{"spec":{"selector":{"slot":"blue"}}}'
  2. wait until the endpoints of service hello are the pods of slot=blue, on every port
switch: done, active blue, patience 0s
service/hello switched to slot=blue (deployment hello-blue)`},
		{"done already", onGreen(annotated(helloService, "release", record("switch", "Switched", "blue", "green", `,"fromRevision":"3","switchedAt":"1999-12-31T23:58:30Z"`))) + both, to(""), `
<none>
  note: service hello was switched from blue to green by ann@laptop 1m30s ago, and nothing new is in blue since; to move back use rollback, or --to blue
switch: unchanged, active green, patience 0s
<none>`},
		{"done already, nobody knows when", onGreen(annotated(helloService, "release", record("switch", "Switched", "blue", "green", `,"fromRevision":"3"`))) + both, to(""), `
<none>
  note: service hello was switched from blue to green by ann@laptop some time ago, and nothing new is in blue since; to move back use rollback, or --to blue
switch: unchanged, active green, patience 0s
<none>`},
		{"done already, but for the HPA", onGreen(annotated(helloService, "release", record("switch", "Switched", "blue", "green", `,"fromRevision":"3"`))) + both + scaled("green", true), to(""), `
finish the switch of service hello in namespace shop:
  1. let HPA hello-green scale deployment hello-green down again: put its own minimum back
       kubectl patch hpa/hello-green -n shop --type=merge -p '{"spec":{"minReplicas":<as before>}}'
  note: service hello was switched from blue to green by ann@laptop some time ago, and nothing new is in blue since; to move back use rollback, or --to blue
switch: done, active green, patience 0s
<none>`},
		{"done, but something new is there", onGreen(annotated(helloService, "release", record("switch", "Switched", "blue", "green", `,"fromRevision":"2"`))) + both, to(""), `
switch service hello in namespace shop from green (deployment hello-green) to blue (deployment hello-blue):
  1. switch service hello from slot=green to blue
       kubectl patch service/hello -n shop --type=merge -p '{"spec":{"selector":{"slot":"blue"}}}'
  2. wait until the endpoints of service hello are the pods of slot=blue, on every port
switch: done, active blue, patience 0s
service/hello switched to slot=blue (deployment hello-blue)`},
		{"to where it is", helloService + both, to("blue"), `
<none>
  note: service hello selects slot=blue already
switch: unchanged, active blue, patience 0s
<none>`},
		{"to a slot that is not there", helloService + both, to("red"), `
exit 2: service "hello" has no slot slot=red; there is blue (deployment hello-blue), green (deployment hello-green)`},
		{"with one side only", helloService + side("blue", "shop/hello:1"), to(""), `
exit 5: service "hello" has only one slot, deployment hello-blue; bring the new version up first with kubectl bluegreen prepare hello --image ...`},
		{"to a side that is scaled down", helloService + side("blue", "shop/hello:1") + smaller(side("green", "shop/hello:2")), to(""), `
exit 5: switch to slot=green refused: deployment hello-green has 0 replicas, the serving side has 2; nothing was changed`},
		{"in the middle of a run", annotated(helloService, "release", record("run", "WaitingAtGate", "blue", "green", "")) + both, to(""), `
exit 5: release 4a3ca920 of ann@laptop is WaitingAtGate; go on with kubectl bluegreen run hello --approve, or end it with abort`},
		{"to what was prepared, of three", annotated(helloService, "release", record("prepare", "WaitingAtGate", "blue", "red", "")) + both + side("red", "shop/hello:3"), to(""), `
switch service hello in namespace shop from blue (deployment hello-blue) to red (deployment hello-red):
  1. switch service hello from slot=blue to red
       kubectl patch service/hello -n shop --type=merge -p '{"spec":{"selector":{"slot":"red"}}}'
  2. wait until the endpoints of service hello are the pods of slot=red, on every port
switch: done, active red, patience 0s
service/hello switched to slot=red (deployment hello-red)`},
		{"managed by a GitOps tool", strings.Replace(helloService, "name: hello}", "name: hello, annotations: {argocd.argoproj.io/tracking-id: x}}", 1) + both, to(""), `
exit 5: switch to slot=green refused: service hello is managed by Argo CD (annotation argocd.argoproj.io/tracking-id=x), which would put its selector back; commit this change instead, or pass --allow-gitops: spec.selector.slot: green; nothing was changed`},
		{"a spoilt journal", annotated(helloService, "release", "{") + both, to(""), `
exit 5: service hello: annotation kubectl-switchyard.github.io/release is unreadable: unexpected end of JSON input; look at it, then remove it with kubectl annotate service hello -n shop kubectl-switchyard.github.io/release-`},
	})
}

func TestPlanRollback(t *testing.T) {
	to := func(slot string) func(context.Context, *actor) (*operation, error) {
		return func(ctx context.Context, a *actor) (*operation, error) { return a.planRollback(ctx, slot) }
	}
	both := side("blue", "shop/hello:1") + side("green", "shop/hello:2")
	switched := onGreen(annotated(helloService, "release", record("switch", "Switched", "blue", "green", `,"switchedAt":"1999-12-31T23:00:00Z"`)))
	checkPlans(t, []planCase{
		{"while the old side is up", switched + both, to(""), `
rollback service hello in namespace shop from green (deployment hello-green) to blue (deployment hello-blue):
  1. switch service hello from slot=green to blue
       kubectl patch service/hello -n shop --type=merge -p '{"spec":{"selector":{"slot":"blue"}}}'
  2. wait until the endpoints of service hello are the pods of slot=blue, on every port
rollback: done, active blue, patience 0s
service/hello rolled back to slot=blue (deployment hello-blue)`},
		{"without a journal", onGreen(helloService) + both, to(""), `
rollback service hello in namespace shop from green (deployment hello-green) to blue (deployment hello-blue):
  1. switch service hello from slot=green to blue
       kubectl patch service/hello -n shop --type=merge -p '{"spec":{"selector":{"slot":"blue"}}}'
  2. wait until the endpoints of service hello are the pods of slot=blue, on every port
rollback: done, active blue, patience 0s
service/hello rolled back to slot=blue (deployment hello-blue)`},
		{"after the old side was scaled down", onGreen(helloService) + smaller(side("blue", "shop/hello:1")) + side("green", "shop/hello:2") + scaled("green", false) + scaled("blue", false), to(""), `
rollback service hello in namespace shop from green (deployment hello-green) to blue (deployment hello-blue):
  1. bring deployment hello-blue to 2 replicas, the size of deployment hello-green
       kubectl scale deployment hello-blue -n shop --replicas=2
  2. wait until deployment hello-blue is available at full size
  3. hold deployment hello-green at 2 replicas while it has no traffic: raise the minimum of its HPA hello-green
       kubectl patch hpa/hello-green -n shop --type=merge -p '{"spec":{"minReplicas":2}}'
  4. switch service hello from slot=green to blue
       kubectl patch service/hello -n shop --type=merge -p '{"spec":{"selector":{"slot":"blue"}}}'
  5. wait until the endpoints of service hello are the pods of slot=blue, on every port
  6. let HPA hello-blue scale deployment hello-blue down again: put its own minimum back
       kubectl patch hpa/hello-blue -n shop --type=merge -p '{"spec":{"minReplicas":<as before>}}'
rollback: done, active blue, patience 0s
service/hello rolled back to slot=blue (deployment hello-blue)`},
		{"of one of three", onGreen(helloService) + both + side("red", "shop/hello:3"), to(""), `
exit 2: service "hello" has more than one idle slot; there is blue (deployment hello-blue), green (deployment hello-green), red (deployment hello-red); say which one with --to`},
		{"to one of three", onGreen(helloService) + both + side("red", "shop/hello:3"), to("red"), `
rollback service hello in namespace shop from green (deployment hello-green) to red (deployment hello-red):
  1. switch service hello from slot=green to red
       kubectl patch service/hello -n shop --type=merge -p '{"spec":{"selector":{"slot":"red"}}}'
  2. wait until the endpoints of service hello are the pods of slot=red, on every port
rollback: done, active red, patience 0s
service/hello rolled back to slot=red (deployment hello-red)`},
		{"during the soak of a run", onGreen(annotated(helloService, "release", record("run", "Soaking", "blue", "green", `,"switchedAt":"1999-12-31T23:59:50Z"`))) + both, to(""), `
rollback service hello in namespace shop from green (deployment hello-green) to blue (deployment hello-blue):
  1. switch service hello from slot=green to blue
       kubectl patch service/hello -n shop --type=merge -p '{"spec":{"selector":{"slot":"blue"}}}'
  2. wait until the endpoints of service hello are the pods of slot=blue, on every port
rollback: done, active blue, patience 0s
service/hello rolled back to slot=blue (deployment hello-blue)`},
		{"done already", annotated(helloService, "release", record("rollback", "Switched", "green", "blue", `,"switchedAt":"1999-12-31T23:59:00Z"`)) + both, to(""), `
<none>
  note: service hello was rolled back to slot=blue by ann@laptop 1m0s ago; to go forward again use switch --to green
rollback: unchanged, active blue, patience 0s
<none>`},
		{"before the switch of a run", annotated(helloService, "release", record("run", "Preparing", "blue", "green", "")) + both, to(""), `
<none>
  note: release 4a3ca920 has not moved any traffic: service hello is on slot=blue all along; use abort to end it
rollback: unchanged, active blue, patience 0s
<none>`},
		{"moved back by hand already", annotated(helloService, "release", record("switch", "Switched", "blue", "green", `,"switchedAt":"1999-12-31T23:00:00Z"`)) + both, to(""), `
<none>
  note: service hello selects slot=blue already
rollback: unchanged, active blue, patience 0s
<none>`},
		{"to where it is", helloService + both, to("blue"), `
<none>
  note: service hello selects slot=blue already
rollback: unchanged, active blue, patience 0s
<none>`},
		{"with one side only", helloService + side("blue", "shop/hello:1"), to(""), `
exit 5: service "hello" has only one slot, deployment hello-blue: there is nothing to roll back to`},
		{"to a side that was deleted", onGreen(annotated(helloService, "release", record("switch", "Switched", "blue", "green", ""))) + side("green", "shop/hello:2"), to(""), `
exit 5: service "hello": the Deployment of slot slot=blue is gone, so there is nothing to roll back to; there is green (deployment hello-green)`},
	})
}

func TestPlanFinish(t *testing.T) {
	with := func(end ending) func(context.Context, *actor) (*operation, error) {
		return func(ctx context.Context, a *actor) (*operation, error) { return a.planFinish(ctx, end) }
	}
	both := side("blue", "shop/hello:1") + side("green", "shop/hello:2")
	switched := onGreen(annotated(helloService, "release", record("run", "Switched", "blue", "green", `,"switchedAt":"1999-12-31T23:55:00Z"`)))
	preview := "kind: Service\nmetadata: {name: hello-preview, annotations: {kubectl-switchyard.github.io/preview-of: hello}}\nspec: {selector: {app: hello, slot: blue}}\n---\n"
	budget := "kind: PodDisruptionBudget\nmetadata: {name: blue, annotations: {kubectl-switchyard.github.io/made-for: hello}}\nspec: {selector: {matchLabels: {app: hello, slot: blue}}}\n---\n" +
		"kind: PodDisruptionBudget\nmetadata: {name: all}\nspec: {selector: {matchLabels: {app: hello}}}\n---\n"
	checkPlans(t, []planCase{
		{"scale down", switched + both, with(ending{}), `
finish service hello in namespace shop, which is on green (deployment hello-green):
  1. see that nothing leads to deployment hello-blue any more, then wait 5s for nodes and load balancers
  2. scale deployment hello-blue to 0
       kubectl scale deployment hello-blue -n shop --replicas=0
  3. close the release in the journal of service hello
finish: done, active green, patience 0s
service/hello finished: only slot=green (deployment hello-green) is left`},
		{"scale down, with a preview and a held HPA", switched + both + preview + scaled("blue", true), with(ending{}), `
finish service hello in namespace shop, which is on green (deployment hello-green):
  1. delete service hello-preview, which was made for this release
       kubectl delete service hello-preview -n shop
  2. see that nothing leads to deployment hello-blue any more, then wait 5s for nodes and load balancers
  3. scale deployment hello-blue to 0
       kubectl scale deployment hello-blue -n shop --replicas=0
  4. let HPA hello-blue scale deployment hello-blue down again: put its own minimum back
       kubectl patch hpa/hello-blue -n shop --type=merge -p '{"spec":{"minReplicas":<as before>}}'
  5. close the release in the journal of service hello
finish: done, active green, patience 0s
service/hello finished: only slot=green (deployment hello-green) is left`},
		{"delete, with what was made for it", switched + both + scaled("blue", true) + budget, with(ending{Delete: true}), `
finish service hello in namespace shop, which is on green (deployment hello-green):
  1. see that nothing leads to deployment hello-blue any more, then wait 5s for nodes and load balancers
  2. delete horizontalpodautoscaler hello-blue, which was made for this release
       kubectl delete horizontalpodautoscaler hello-blue -n shop
  3. delete poddisruptionbudget blue, which was made for this release
       kubectl delete poddisruptionbudget blue -n shop
  4. delete deployment hello-blue
       kubectl delete deployment hello-blue -n shop
  5. close the release in the journal of service hello
finish: done, active green, patience 0s
service/hello finished: only slot=green (deployment hello-green) is left`},
		{"delete, with an HPA of its own that is held", switched + both + strings.Replace(scaled("blue", true), ", kubectl-switchyard.github.io/made-for: hello", "", 1), with(ending{Delete: true}), `
finish service hello in namespace shop, which is on green (deployment hello-green):
  1. see that nothing leads to deployment hello-blue any more, then wait 5s for nodes and load balancers
  2. let HPA hello-blue scale deployment hello-blue down again: put its own minimum back
       kubectl patch hpa/hello-blue -n shop --type=merge -p '{"spec":{"minReplicas":<as before>}}'
  3. delete deployment hello-blue
       kubectl delete deployment hello-blue -n shop
  4. close the release in the journal of service hello
finish: done, active green, patience 0s
service/hello finished: only slot=green (deployment hello-green) is left`},
		{"after a while", switched + both, with(ending{Keep: cli.KeepFor{For: 600e9}}), `
finish service hello in namespace shop, which is on green (deployment hello-green):
  1. keep the old side until 2000-01-01T00:05:00Z
  2. see that nothing leads to deployment hello-blue any more, then wait 5s for nodes and load balancers
  3. scale deployment hello-blue to 0
       kubectl scale deployment hello-blue -n shop --replicas=0
  4. close the release in the journal of service hello
finish: done, active green, patience 10m0s
service/hello finished: only slot=green (deployment hello-green) is left`},
		{"never", switched + both, with(ending{Keep: cli.KeepFor{Forever: true}}), `
finish service hello in namespace shop, which is on green (deployment hello-green):
  1. close the release in the journal of service hello
finish: done, active green, patience 0s
service/hello finished: the old side is kept at full size`},
		{"without a journal", onGreen(helloService) + both, with(ending{}), `
finish service hello in namespace shop, which is on green (deployment hello-green):
  1. see that nothing leads to deployment hello-blue any more, then wait 5s for nodes and load balancers
  2. scale deployment hello-blue to 0
       kubectl scale deployment hello-blue -n shop --replicas=0
  3. close the release in the journal of service hello
finish: done, active green, patience 0s
service/hello finished: only slot=green (deployment hello-green) is left`},
		{"nothing left", onGreen(helloService) + smaller(side("blue", "shop/hello:1")) + side("green", "shop/hello:2"), with(ending{}), `
<none>
  note: service hello: no side without traffic has any pods
finish: unchanged, active green, patience 0s
<none>`},
		{"nothing left but the journal", switched + smaller(side("blue", "shop/hello:1")) + side("green", "shop/hello:2"), with(ending{}), `
finish service hello in namespace shop, which is on green (deployment hello-green):
  1. close the release in the journal of service hello
finish: done, active green, patience 0s
service/hello finished: only slot=green (deployment hello-green) is left`},
		{"not adopted", selecting("hello", "app: hello") + labelled("hello", "app: hello"), with(ending{}), `
<none>
  note: service hello has only one side, deployment hello: there is nothing to finish
finish: unchanged, active blue, patience 0s
<none>`},
		{"in the middle of a run", onGreen(annotated(helloService, "release", record("run", "Soaking", "blue", "green", ""))) + both, with(ending{}), `
exit 5: release 4a3ca920 of ann@laptop is Soaking, so neither side can go; end it with abort, or go on with kubectl bluegreen run hello; nothing was changed`},
		{"after a prepare", annotated(helloService, "release", record("prepare", "WaitingAtGate", "blue", "green", "")) + both, with(ending{}), `
exit 5: release 4a3ca920 of ann@laptop is WaitingAtGate, so neither side can go; end it with abort, or go on with kubectl bluegreen switch hello; nothing was changed`},
		{"the Services disagree", onGreen(annotated(helloService, "release", strings.Replace(record("switch", "Switched", "blue", "green", ""), `["hello"]`, `["hello","hello-np"]`, 1))) +
			selecting("hello-np", "app: hello, slot: blue") + both, with(ending{}), `
exit 5: the services hello, hello-np do not all select slot=green; finish the switch first (kubectl bluegreen switch hello --to green); nothing was changed`},
		{"managed by a GitOps tool", switched + side("green", "shop/hello:2") + strings.Replace(side("blue", "shop/hello:1"), "annotations: {", "labels: {helm.toolkit.fluxcd.io/name: x}, annotations: {", 1), with(ending{}), `
exit 5: deployment hello-blue is managed by Flux (label helm.toolkit.fluxcd.io/name=x), which would scale it up again; commit replicas: 0 instead, or pass --allow-gitops; nothing was changed`},
	})
}

func TestPlanAbort(t *testing.T) {
	with := func(end ending) func(context.Context, *actor) (*operation, error) {
		return func(ctx context.Context, a *actor) (*operation, error) { return a.planAbort(ctx, end) }
	}
	both := side("blue", "shop/hello:1") + side("green", "shop/hello:2")
	held := strings.Replace(labelled("hello", "app: hello, slot: blue"), "name: hello}", `name: hello, annotations: {kubectl-switchyard.github.io/held: '{"key":"slot"}'}}`, 1)
	checkPlans(t, []planCase{
		{"nothing in progress", helloService + both, with(ending{}), `
<none>
  note: service hello: no release is in progress; it is on slot=blue (deployment hello-blue)
abort: unchanged, active blue, patience 0s
<none>`},
		{"a release that is done", onGreen(annotated(helloService, "release", record("switch", "Switched", "blue", "green", ""))) + both, with(ending{}), `
<none>
  note: service hello: no release is in progress; it is on slot=green (deployment hello-green)
abort: unchanged, active green, patience 0s
<none>`},
		{"before the switch", annotated(helloService, "release", record("run", "Preparing", "blue", "green", "")) + both, with(ending{}), `
abort the release of service hello in namespace shop; the traffic stays on blue (deployment hello-blue):
  1. see that nothing leads to deployment hello-green any more, then wait 5s for nodes and load balancers
  2. scale deployment hello-green to 0
       kubectl scale deployment hello-green -n shop --replicas=0
  3. close the release in the journal of service hello
abort: aborted, active blue, patience 0s
service/hello aborted: it is on slot=blue (deployment hello-blue)`},
		{"before anything was made", annotated(helloService, "release", record("run", "Preparing", "blue", "green", "")) + side("blue", "shop/hello:1"), with(ending{}), `
abort the release of service hello in namespace shop; the traffic stays on blue (deployment hello-blue):
  1. close the release in the journal of service hello
abort: aborted, active blue, patience 0s
service/hello aborted: it is on slot=blue (deployment hello-blue)`},
		{"at the gate, delete", annotated(helloService, "release", record("prepare", "WaitingAtGate", "blue", "green", "")) + both + scaled("green", true), with(ending{Delete: true}), `
abort the release of service hello in namespace shop; the traffic stays on blue (deployment hello-blue):
  1. see that nothing leads to deployment hello-green any more, then wait 5s for nodes and load balancers
  2. delete horizontalpodautoscaler hello-green, which was made for this release
       kubectl delete horizontalpodautoscaler hello-green -n shop
  3. delete deployment hello-green
       kubectl delete deployment hello-green -n shop
  4. close the release in the journal of service hello
abort: aborted, active blue, patience 0s
service/hello aborted: it is on slot=blue (deployment hello-blue)`},
		{"in the soak", onGreen(annotated(helloService, "release", record("run", "Soaking", "blue", "green", ""))) + both, with(ending{}), `
abort the release of service hello in namespace shop; the traffic goes back to blue (deployment hello-blue):
  1. switch service hello from slot=green to blue
       kubectl patch service/hello -n shop --type=merge -p '{"spec":{"selector":{"slot":"blue"}}}'
  2. wait until the endpoints of service hello are the pods of slot=blue, on every port
  3. see that nothing leads to deployment hello-green any more, then wait 5s for nodes and load balancers
  4. scale deployment hello-green to 0
       kubectl scale deployment hello-green -n shop --replicas=0
  5. close the release in the journal of service hello
abort: aborted, active blue, patience 0s
service/hello aborted: it is on slot=blue (deployment hello-blue)`},
		{"cut off on its own way back", annotated(helloService, "release", record("abort", "Switched", "green", "blue", "")) + both, with(ending{}), `
abort the release of service hello in namespace shop; the traffic stays on blue (deployment hello-blue):
  1. see that nothing leads to deployment hello-green any more, then wait 5s for nodes and load balancers
  2. scale deployment hello-green to 0
       kubectl scale deployment hello-green -n shop --replicas=0
  3. close the release in the journal of service hello
abort: aborted, active blue, patience 0s
service/hello aborted: it is on slot=blue (deployment hello-blue)`},
		{"after a failure", annotated(helloService, "release", record("prepare", "Failed", "blue", "green", `,"reason":"no image"`)) + both, with(ending{}), `
abort the release of service hello in namespace shop; the traffic stays on blue (deployment hello-blue):
  1. see that nothing leads to deployment hello-green any more, then wait 5s for nodes and load balancers
  2. scale deployment hello-green to 0
       kubectl scale deployment hello-green -n shop --replicas=0
  3. close the release in the journal of service hello
abort: aborted, active blue, patience 0s
service/hello aborted: it is on slot=blue (deployment hello-blue)`},
		{"a held adoption, no Service depends on it", selecting("hello", "app: hello") + held, with(ending{}), `
abort the release of service hello in namespace shop; the traffic stays on blue (deployment hello):
  1. put the rollout settings of deployment hello back, and take the slot label from its pods again
  2. close the release in the journal of service hello
abort: aborted, active blue, patience 0s
service/hello aborted: it is on slot=blue (deployment hello)`},
		{"a held adoption, a Service depends on it", selecting("hello", "app: hello, slot: blue") + selecting("hello-np", "app: hello") + held, with(ending{}), `
abort the release of service hello in namespace shop; the traffic stays on blue (deployment hello):
  1. wait until the labelled pods of deployment hello are ready at full size
  2. let service hello select slot=blue too
       kubectl patch service/hello -n shop --type=merge -p '{"spec":{"selector":{"slot":"blue"}}}'
  3. wait until nothing routes to the unlabelled pods of deployment hello, then 5s
  4. put the rollout settings of deployment hello back
  5. close the release in the journal of service hello
abort: aborted, active blue, patience 0s
service/hello aborted: it is on slot=blue (deployment hello)`},
	})
}
