package main

import (
	"context"
	"strings"
	"testing"

	"github.com/kubectl-switchyard/switchyard/pkg/cli"
)

// node has room for many pods.
const node = "kind: Node\nmetadata: {name: worker}\nstatus: {allocatable: {cpu: '8', memory: 16Gi, pods: '110'}, conditions: [{type: Ready, status: 'True'}]}\n---\n"

// keda is an HPA of the blue side that KEDA has made.
var keda = strings.Replace(scaled("blue", false), "metadata: {name: hello-blue", "metadata: {name: keda-hpa-hello, labels: {scaledobject.keda.sh/name: hello}", 1)

// left is the HPA of a green side that was deleted.
var left = strings.Replace(scaled("green", false), "metadata: {name: hello-green", "metadata: {name: old", 1)

func TestPlanPrepare(t *testing.T) {
	from := func(s source) func(context.Context, *actor) (*operation, error) {
		return func(ctx context.Context, a *actor) (*operation, error) { return a.planPrepare(ctx, s, nil) }
	}
	image := source{Images: []string{"shop/hello:2"}}
	blue := side("blue", "shop/hello:1")
	lone := strings.ReplaceAll(strings.ReplaceAll(blue, ", slot: blue", ""), "hello-blue", "hello")
	budget := "kind: PodDisruptionBudget\nmetadata: {name: hello-blue}\nspec: {minAvailable: 1, selector: {matchLabels: {app: hello, slot: blue}}}\n---\n" +
		"kind: PodDisruptionBudget\nmetadata: {name: hello}\nspec: {minAvailable: 1, selector: {matchLabels: {app: hello}}}\n---\n"
	checkPlans(t, []planCase{
		{"a first release", selecting("hello", "app: hello") + lone + node, from(image), `
prepare slot green of service hello in namespace shop with app=shop/hello:2:
  1. begin a release in the journal of service hello
  2. give the pods of deployment hello the label slot=blue, new pods beside the old
       kubectl patch deployment/hello -n shop --type=merge -p '{"metadata":{"annotations":{"kubectl-switchyard.github.io/held":"{\"strategy\":{},\"minReadySeconds\":0,\"progressDeadlineSeconds\":null,\"key\":\"slot\"}"}},"spec":{"minReadySeconds":86400,"progressDeadlineSeconds":172800,"strategy":{"rollingUpdate":{"maxSurge":"100%","maxUnavailable":0},"type":"RollingUpdate"},"template":{"metadata":{"labels":{"slot":"blue"}}}}}'
  3. wait until the labelled pods of deployment hello are ready at full size
  4. let service hello select slot=blue too
       kubectl patch service/hello -n shop --type=merge -p '{"spec":{"selector":{"slot":"blue"}}}'
  5. wait until nothing routes to the unlabelled pods of deployment hello, then 5s
  6. put the rollout settings of deployment hello back, which ends the unlabelled pods
       kubectl edit deployment hello -n shop   # strategy, minReadySeconds, progressDeadlineSeconds as they were
  7. wait until deployment hello is available at full size
  8. create deployment hello-green with 2 replicas of app=shop/hello:2
       kubectl create -n shop -f -   # deployment hello-green, see --dry-run=client -o yaml
  9. wait until deployment hello-green is available at full size
  10. note in the journal that the new side is up
  note: the pods of deployment hello carry no label "slot" yet: they are replaced by a rolling update that keeps every old pod until the new ones are ready and the Service has left the old ones, so no request is lost; it needs room for twice the size
prepare: done, active blue, patience 0s
deployment.apps/hello-green prepared in slot green; service hello still selects blue`},
		{"a new side", helloService + blue + node, from(image), `
prepare slot green of service hello in namespace shop with app=shop/hello:2:
  1. begin a release in the journal of service hello
  2. create deployment hello-green with 2 replicas of app=shop/hello:2
       kubectl create -n shop -f -   # deployment hello-green, see --dry-run=client -o yaml
  3. wait until deployment hello-green is available at full size
  4. note in the journal that the new side is up
prepare: done, active blue, patience 0s
deployment.apps/hello-green prepared in slot green; service hello still selects blue`},
		{"a new side, with a preview", helloService + blue + node, from(source{Images: image.Images, To: "v2", Preview: true}), `
prepare slot v2 of service hello in namespace shop with app=shop/hello:2:
  1. begin a release in the journal of service hello
  2. create service hello-preview that leads to slot=v2
       kubectl create -n shop -f -   # service hello-preview, see --dry-run=client -o yaml
  3. create deployment hello-v2 with 2 replicas of app=shop/hello:2
       kubectl create -n shop -f -   # deployment hello-v2, see --dry-run=client -o yaml
  4. wait until deployment hello-v2 is available at full size
  5. note in the journal that the new side is up
prepare: done, active blue, patience 0s
deployment.apps/hello-v2 prepared in slot v2; service hello still selects blue`},
		{"a new side, with an HPA and a PDB", helloService + blue + node + scaled("blue", false) + budget, from(image), `
prepare slot green of service hello in namespace shop with app=shop/hello:2:
  1. begin a release in the journal of service hello
  2. create deployment hello-green with 2 replicas of app=shop/hello:2
       kubectl create -n shop -f -   # deployment hello-green, see --dry-run=client -o yaml
  3. create horizontalpodautoscaler hello-green like hello-blue, held at a minimum of 2 until the switch
       kubectl create -n shop -f -   # horizontalpodautoscaler hello-green, see --dry-run=client -o yaml
  4. create poddisruptionbudget hello-green like hello-blue
       kubectl create -n shop -f -   # poddisruptionbudget hello-green, see --dry-run=client -o yaml
  5. wait until deployment hello-green is available at full size
  6. note in the journal that the new side is up
  note: poddisruptionbudget "hello-green" guards evictions only, not scaling down
prepare: done, active blue, patience 0s
deployment.apps/hello-green prepared in slot green; service hello still selects blue`},
		{"an HPA is left of a side that was deleted", helloService + blue + node + scaled("blue", false) + left, from(image), `
prepare slot green of service hello in namespace shop with app=shop/hello:2:
  1. begin a release in the journal of service hello
  2. hold deployment hello-green at 2 replicas while it has no traffic: raise the minimum of its HPA old
       kubectl patch hpa/old -n shop --type=merge -p '{"spec":{"minReplicas":2}}'
  3. create deployment hello-green with 2 replicas of app=shop/hello:2
       kubectl create -n shop -f -   # deployment hello-green, see --dry-run=client -o yaml
  4. wait until deployment hello-green is available at full size
  5. note in the journal that the new side is up
prepare: done, active blue, patience 0s
deployment.apps/hello-green prepared in slot green; service hello still selects blue`},
		{"scaled by KEDA", helloService + blue + node + keda, from(image), `
prepare slot green of service hello in namespace shop with app=shop/hello:2:
  1. begin a release in the journal of service hello
  2. create deployment hello-green with 2 replicas of app=shop/hello:2
       kubectl create -n shop -f -   # deployment hello-green, see --dry-run=client -o yaml
  3. wait until deployment hello-green is available at full size
  4. note in the journal that the new side is up
  warning: deployment hello-blue is scaled by KEDA (hello): it may shrink once it has no traffic; deployment hello-green gets no scaler of its own and keeps its size
prepare: done, active blue, patience 0s
deployment.apps/hello-green prepared in slot green; service hello still selects blue`},
		{"a used side", helloService + blue + node + side("green", "shop/hello:0"), from(image), `
prepare slot green of service hello in namespace shop with app=shop/hello:2:
  1. begin a release in the journal of service hello
  2. end the old pods of deployment hello-green, which has no traffic
       kubectl scale deployment hello-green -n shop --replicas=0
  3. update deployment hello-green to 2 replicas of app=shop/hello:2, with everything else as planned
       kubectl set image deployment/hello-green -n shop app=shop/hello:2
       kubectl scale deployment hello-green -n shop --replicas=2
  4. wait until deployment hello-green is available at full size
  5. note in the journal that the new side is up
prepare: done, active blue, patience 0s
deployment.apps/hello-green prepared in slot green; service hello still selects blue`},
		{"a used side that is scaled down", helloService + blue + node + smaller(side("green", "shop/hello:0")), from(image), `
prepare slot green of service hello in namespace shop with app=shop/hello:2:
  1. begin a release in the journal of service hello
  2. update deployment hello-green to 2 replicas of app=shop/hello:2, with everything else as planned
       kubectl set image deployment/hello-green -n shop app=shop/hello:2
       kubectl scale deployment hello-green -n shop --replicas=2
  3. wait until deployment hello-green is available at full size
  4. note in the journal that the new side is up
prepare: done, active blue, patience 0s
deployment.apps/hello-green prepared in slot green; service hello still selects blue`},
		{"a side that is up already", helloService + blue + node + side("green", "shop/hello:2"), from(image), `
prepare slot green of service hello in namespace shop with app=shop/hello:2:
  1. begin a release in the journal of service hello
  2. wait until deployment hello-green is available at full size
  3. note in the journal that the new side is up
prepare: done, active blue, patience 0s
deployment.apps/hello-green prepared in slot green; service hello still selects blue`},
		{"a side that a Service selects", helloService + blue + node + side("green", "shop/hello:0") + selecting("direct", "app: hello, slot: green"), from(image), `
prepare slot green of service hello in namespace shop with app=shop/hello:2:
  1. begin a release in the journal of service hello
  2. update deployment hello-green to 2 replicas of app=shop/hello:2, with everything else as planned
       kubectl set image deployment/hello-green -n shop app=shop/hello:2
       kubectl scale deployment hello-green -n shop --replicas=2
  3. wait until deployment hello-green is available at full size
  4. note in the journal that the new side is up
prepare: done, active blue, patience 0s
deployment.apps/hello-green prepared in slot green; service hello still selects blue`},
		{"the version before this one is replaced", annotated(helloService, "release", record("switch", "Switched", "green", "blue", "")) + blue + node + side("green", "shop/hello:0"), from(image), `
prepare slot green of service hello in namespace shop with app=shop/hello:2:
  1. begin a release in the journal of service hello
  2. end the old pods of deployment hello-green, which has no traffic
       kubectl scale deployment hello-green -n shop --replicas=0
  3. update deployment hello-green to 2 replicas of app=shop/hello:2, with everything else as planned
       kubectl set image deployment/hello-green -n shop app=shop/hello:2
       kubectl scale deployment hello-green -n shop --replicas=2
  4. wait until deployment hello-green is available at full size
  5. note in the journal that the new side is up
  note: slot green holds the version before this one; it is replaced, which ends the instant way back to it
prepare: done, active blue, patience 0s
deployment.apps/hello-green prepared in slot green; service hello still selects blue`},
		{"a Service for both sides", helloService + blue + node + selecting("all", "app: hello"), from(image), `
prepare slot green of service hello in namespace shop with app=shop/hello:2:
  1. begin a release in the journal of service hello
  2. create deployment hello-green with 2 replicas of app=shop/hello:2
       kubectl create -n shop -f -   # deployment hello-green, see --dry-run=client -o yaml
  3. wait until deployment hello-green is available at full size
  4. note in the journal that the new side is up
  warning: service all selects both slots (app=hello): the new pods get its traffic as soon as they are ready
prepare: done, active blue, patience 0s
deployment.apps/hello-green prepared in slot green; service hello still selects blue`},
		{"no room", helloService + blue + strings.Replace(node, "pods: '110'", "pods: '1'", 1), from(image), `
exit 5: there is no room for 2 more pods of hello-green: the nodes have room for 1 of 2 more pods (no requests each): of 1 node, 1 short of pods; nothing was changed`},
		{"a name that is taken", helloService + blue + node + labelled("hello-green", "app: other"), from(image), `
exit 5: deployment hello-green exists already and is not of slot slot=green of service hello; choose another slot with --to; nothing was changed`},
		{"no image for one of two containers", helloService + blue + node, from(source{Images: []string{"web=shop/web:2"}}), `
exit 2: deployment "hello-blue" has no container "web": it has app`},
		{"a run is under way", annotated(helloService, "release", record("run", "Soaking", "green", "blue", "")) + blue + node, from(image), `
exit 5: release 4a3ca920 of ann@laptop is Soaking; go on with kubectl bluegreen run hello, or end it with abort`},
		{"the Services disagree", annotated(helloService, "release", strings.Replace(record("switch", "Switched", "blue", "green", ""), `["hello"]`, `["hello","hello-np"]`, 1)) +
			blue + side("green", "shop/hello:2") + node + selecting("hello-np", "app: hello, slot: green"), from(image), `
exit 5: prepare hello-green refused: the services are on different slots (hello: blue, hello-np: green); let them agree first, with switch --to; nothing was changed`},
		{"a switch that was cut off", annotated(helloService, "release", strings.Replace(record("rollback", "Switched", "green", "blue", ""), `["hello"]`, `["hello","hello-np"]`, 1)) +
			blue + side("green", "shop/hello:0") + node + selecting("hello-np", "app: hello, slot: green"), from(image), `
prepare slot green of service hello in namespace shop with app=shop/hello:2:
  1. switch service hello, hello-np from slot=green to blue
       kubectl patch service/hello -n shop --type=merge -p '{"spec":{"selector":{"slot":"blue"}}}'
       kubectl patch service/hello-np -n shop --type=merge -p '{"spec":{"selector":{"slot":"blue"}}}'
  2. wait until the endpoints of service hello, hello-np are the pods of slot=blue, on every port
  3. begin a release in the journal of service hello
  4. end the old pods of deployment hello-green, which has no traffic
       kubectl scale deployment hello-green -n shop --replicas=0
  5. update deployment hello-green to 2 replicas of app=shop/hello:2, with everything else as planned
       kubectl set image deployment/hello-green -n shop app=shop/hello:2
       kubectl scale deployment hello-green -n shop --replicas=2
  6. wait until deployment hello-green is available at full size
  7. note in the journal that the new side is up
  note: slot green holds the version before this one; it is replaced, which ends the instant way back to it
prepare: done, active blue, patience 0s
deployment.apps/hello-green prepared in slot green; service hello still selects blue`},
		{"managed by a GitOps tool", selecting("hello", "app: hello") + strings.Replace(lone, "annotations: {", "annotations: {argocd.argoproj.io/tracking-id: x, ", 1) + node, from(image), `
exit 5: prepare hello-green refused: deployment hello is managed by Argo CD (annotation argocd.argoproj.io/tracking-id=x), which would change it back; commit the change instead, or pass --allow-gitops; nothing was changed`},
		{"paused", selecting("hello", "app: hello") + strings.Replace(lone, "  replicas: 2\n", "  replicas: 2\n  paused: true\n", 1) + node, from(image), `
exit 5: deployment hello is paused, so its pods cannot get a slot label; resume it first (kubectl rollout resume deployment hello); nothing was changed`},
	})
}

func TestPlanRun(t *testing.T) {
	run := func(change func(*runner)) func(context.Context, *actor) (*operation, error) {
		return func(ctx context.Context, a *actor) (*operation, error) {
			r := &runner{actor: a, options: usualOptions(), keep: cli.KeepFor{Forever: true}, source: source{Images: []string{"app=shop/hello:2"}}}
			change(r)
			return r.plan(ctx)
		}
	}
	blue := side("blue", "shop/hello:1")
	checkPlans(t, []planCase{
		{"as usual", helloService + blue + node, run(func(*runner) {}), `
release app=shop/hello:2 to service hello in namespace shop, in slot green beside blue (deployment hello-blue):
  1. begin a release in the journal of service hello
  2. create deployment hello-green with 2 replicas of app=shop/hello:2
       kubectl create -n shop -f -   # deployment hello-green, see --dry-run=client -o yaml
  3. wait until deployment hello-green is available at full size
  4. see that deployment hello-green has the size that deployment hello-blue has by now
  5. switch service hello from slot=blue to green
       kubectl patch service/hello -n shop --type=merge -p '{"spec":{"selector":{"slot":"green"}}}'
  6. wait until the endpoints of service hello are the pods of slot=green, on every port
  7. watch the pods of hello-green for 30s
  8. note in the journal that the new side has stood the test
run: done, active green, patience 30s
service/hello released: app=shop/hello:2 on slot=green (deployment hello-green); deployment hello-blue is kept at full size for the way back, until kubectl bluegreen finish hello`},
		{"with a gate", helloService + blue + node, run(func(r *runner) { r.options.Gate = gateManual }), `
release app=shop/hello:2 to service hello in namespace shop, in slot green beside blue (deployment hello-blue):
  1. begin a release in the journal of service hello
  2. create deployment hello-green with 2 replicas of app=shop/hello:2
       kubectl create -n shop -f -   # deployment hello-green, see --dry-run=client -o yaml
  3. wait until deployment hello-green is available at full size
  4. stop at the gate until somebody approves (exit code 3)
  5. switch service hello from slot=blue to green
       kubectl patch service/hello -n shop --type=merge -p '{"spec":{"selector":{"slot":"green"}}}'
  6. wait until the endpoints of service hello are the pods of slot=green, on every port
  7. watch the pods of hello-green for 30s
  8. note in the journal that the new side has stood the test
run: done, active green, patience 30s
service/hello released: app=shop/hello:2 on slot=green (deployment hello-green); deployment hello-blue is kept at full size for the way back, until kubectl bluegreen finish hello`},
		{"through the gate", helloService + blue + node, run(func(r *runner) { r.options.Gate, r.approve = gateManual, true }), `
release app=shop/hello:2 to service hello in namespace shop, in slot green beside blue (deployment hello-blue):
  1. begin a release in the journal of service hello
  2. create deployment hello-green with 2 replicas of app=shop/hello:2
       kubectl create -n shop -f -   # deployment hello-green, see --dry-run=client -o yaml
  3. wait until deployment hello-green is available at full size
  4. see that deployment hello-green has the size that deployment hello-blue has by now
  5. switch service hello from slot=blue to green
       kubectl patch service/hello -n shop --type=merge -p '{"spec":{"selector":{"slot":"green"}}}'
  6. wait until the endpoints of service hello are the pods of slot=green, on every port
  7. watch the pods of hello-green for 30s
  8. note in the journal that the new side has stood the test
run: done, active green, patience 30s
service/hello released: app=shop/hello:2 on slot=green (deployment hello-green); deployment hello-blue is kept at full size for the way back, until kubectl bluegreen finish hello`},
		{"with an HPA, nothing kept", helloService + blue + node + scaled("blue", false), run(func(r *runner) { r.keep = cli.KeepFor{}; r.options.Delete = true }), `
release app=shop/hello:2 to service hello in namespace shop, in slot green beside blue (deployment hello-blue):
  1. begin a release in the journal of service hello
  2. create deployment hello-green with 2 replicas of app=shop/hello:2
       kubectl create -n shop -f -   # deployment hello-green, see --dry-run=client -o yaml
  3. create horizontalpodautoscaler hello-green like hello-blue, held at a minimum of 2 until the switch
       kubectl create -n shop -f -   # horizontalpodautoscaler hello-green, see --dry-run=client -o yaml
  4. wait until deployment hello-green is available at full size
  5. see that deployment hello-green has the size that deployment hello-blue has by now
  6. hold deployment hello-blue at 2 replicas while it has no traffic: raise the minimum of its HPA hello-blue
       kubectl patch hpa/hello-blue -n shop --type=merge -p '{"spec":{"minReplicas":2}}'
  7. switch service hello from slot=blue to green
       kubectl patch service/hello -n shop --type=merge -p '{"spec":{"selector":{"slot":"green"}}}'
  8. wait until the endpoints of service hello are the pods of slot=green, on every port
  9. let HPA hello-green scale deployment hello-green down again: put its own minimum back
       kubectl patch hpa/hello-green -n shop --type=merge -p '{"spec":{"minReplicas":<as before>}}'
  10. watch the pods of hello-green for 30s
  11. note in the journal that the new side has stood the test
  12. see that nothing leads to deployment hello-blue any more, then wait 5s for nodes and load balancers
  13. let HPA hello-blue scale deployment hello-blue down again: put its own minimum back
       kubectl patch hpa/hello-blue -n shop --type=merge -p '{"spec":{"minReplicas":<as before>}}'
  14. delete deployment hello-blue
       kubectl delete deployment hello-blue -n shop
  15. close the release in the journal of service hello
run: done, active green, patience 30s
service/hello released: app=shop/hello:2 on slot=green (deployment hello-green)`},
		{"an HPA is left of a side that was deleted", helloService + blue + node + scaled("blue", false) + left, run(func(*runner) {}), `
release app=shop/hello:2 to service hello in namespace shop, in slot green beside blue (deployment hello-blue):
  1. begin a release in the journal of service hello
  2. hold deployment hello-green at 2 replicas while it has no traffic: raise the minimum of its HPA old
       kubectl patch hpa/old -n shop --type=merge -p '{"spec":{"minReplicas":2}}'
  3. create deployment hello-green with 2 replicas of app=shop/hello:2
       kubectl create -n shop -f -   # deployment hello-green, see --dry-run=client -o yaml
  4. wait until deployment hello-green is available at full size
  5. see that deployment hello-green has the size that deployment hello-blue has by now
  6. hold deployment hello-blue at 2 replicas while it has no traffic: raise the minimum of its HPA hello-blue
       kubectl patch hpa/hello-blue -n shop --type=merge -p '{"spec":{"minReplicas":2}}'
  7. switch service hello from slot=blue to green
       kubectl patch service/hello -n shop --type=merge -p '{"spec":{"selector":{"slot":"green"}}}'
  8. wait until the endpoints of service hello are the pods of slot=green, on every port
  9. let HPA old scale deployment hello-green down again: put its own minimum back
       kubectl patch hpa/old -n shop --type=merge -p '{"spec":{"minReplicas":<as before>}}'
  10. watch the pods of hello-green for 30s
  11. note in the journal that the new side has stood the test
run: done, active green, patience 30s
service/hello released: app=shop/hello:2 on slot=green (deployment hello-green); deployment hello-blue is kept at full size for the way back, until kubectl bluegreen finish hello`},
		{"scaled by KEDA", helloService + blue + node + keda, run(func(*runner) {}), `
release app=shop/hello:2 to service hello in namespace shop, in slot green beside blue (deployment hello-blue):
  1. begin a release in the journal of service hello
  2. create deployment hello-green with 2 replicas of app=shop/hello:2
       kubectl create -n shop -f -   # deployment hello-green, see --dry-run=client -o yaml
  3. wait until deployment hello-green is available at full size
  4. see that deployment hello-green has the size that deployment hello-blue has by now
  5. switch service hello from slot=blue to green
       kubectl patch service/hello -n shop --type=merge -p '{"spec":{"selector":{"slot":"green"}}}'
  6. wait until the endpoints of service hello are the pods of slot=green, on every port
  7. watch the pods of hello-green for 30s
  8. note in the journal that the new side has stood the test
  warning: deployment hello-blue is scaled by KEDA (hello): it may shrink once it has no traffic; deployment hello-green gets no scaler of its own and keeps its size
run: done, active green, patience 30s
service/hello released: app=shop/hello:2 on slot=green (deployment hello-green); deployment hello-blue is kept at full size for the way back, until kubectl bluegreen finish hello`},
		{"it is live already", helloService + blue + node, run(func(r *runner) { r.source.Images = []string{"shop/hello:1"} }), `
<none>
  note: service hello is on slot=blue (deployment hello-blue), which runs app=shop/hello:1 already
run: unchanged, active blue, patience 0s
<none>`},
		{"nothing to resume", helloService + blue + node, run(func(r *runner) { r.source = source{} }), `
exit 2: no release of service "hello" is in progress; say what is new: --image CONTAINER=IMAGE, or the new Deployment with -f or -k`},
		{"unprobed", helloService + strings.Replace(blue, "readinessProbe: {tcpSocket: {port: 8080}}, ", "", 1) + node, run(func(*runner) {}), `
exit 5: run refused: deployment hello-green has neither a readinessProbe nor minReadySeconds, so its pods count as ready before they can answer (--allow-unprobed accepts that); nothing was changed`},
		{"unprobed, allowed", helloService + strings.Replace(blue, "readinessProbe: {tcpSocket: {port: 8080}}, ", "", 1) + node, run(func(r *runner) { r.AllowUnprobed = true }), `
release app=shop/hello:2 to service hello in namespace shop, in slot green beside blue (deployment hello-blue):
  1. begin a release in the journal of service hello
  2. create deployment hello-green with 2 replicas of app=shop/hello:2
       kubectl create -n shop -f -   # deployment hello-green, see --dry-run=client -o yaml
  3. wait until deployment hello-green is available at full size
  4. see that deployment hello-green has the size that deployment hello-blue has by now
  5. switch service hello from slot=blue to green
       kubectl patch service/hello -n shop --type=merge -p '{"spec":{"selector":{"slot":"green"}}}'
  6. wait until the endpoints of service hello are the pods of slot=green, on every port
  7. watch the pods of hello-green for 30s
  8. note in the journal that the new side has stood the test
run: done, active green, patience 30s
service/hello released: app=shop/hello:2 on slot=green (deployment hello-green); deployment hello-blue is kept at full size for the way back, until kubectl bluegreen finish hello`},
		{"managed by a GitOps tool", strings.Replace(helloService, "name: hello}", "name: hello, labels: {kustomize.toolkit.fluxcd.io/name: x}}", 1) + blue + node, run(func(*runner) {}), `
exit 5: run refused: service hello is managed by Flux (label kustomize.toolkit.fluxcd.io/name=x), which would put its selector back; commit this change instead, or pass --allow-gitops: spec.selector.slot: green; nothing was changed`},
		{"after it was rolled back", annotated(helloService, "release", record("rollback", "Switched", "green", "blue", `,"switchedAt":"1999-12-31T23:00:00Z"`)) + blue + side("green", "shop/hello:2") + node, run(func(*runner) {}), `
release app=shop/hello:2 to service hello in namespace shop, in slot green beside blue (deployment hello-blue):
  1. begin a release in the journal of service hello
  2. wait until deployment hello-green is available at full size
  3. see that deployment hello-green has the size that deployment hello-blue has by now
  4. switch service hello from slot=blue to green
       kubectl patch service/hello -n shop --type=merge -p '{"spec":{"selector":{"slot":"green"}}}'
  5. wait until the endpoints of service hello are the pods of slot=green, on every port
  6. watch the pods of hello-green for 30s
  7. note in the journal that the new side has stood the test
run: done, active green, patience 30s
service/hello released: app=shop/hello:2 on slot=green (deployment hello-green); deployment hello-blue is kept at full size for the way back, until kubectl bluegreen finish hello`},
	})
}
