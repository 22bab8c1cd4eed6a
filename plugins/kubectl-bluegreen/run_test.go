package main

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-switchyard/switchyard/pkg/cli"
	"github.com/kubectl-switchyard/switchyard/pkg/release"
)

// usualOptions are those of a run without any flags.
func usualOptions() runOptions {
	options := runOptions{Gate: gateAuto, OnFailure: failBack, Check: checkPods, CheckSuccess: 99, KeepOld: "forever"}
	options.Soak.Duration = 30 * time.Second
	return options
}

func TestRunOptions(t *testing.T) {
	tests := []struct {
		name   string
		change func(*runOptions)
		want   string
	}{
		{"the usual ones", func(*runOptions) {}, "none"},
		{"all the others", func(o *runOptions) {
			o.Gate, o.OnFailure, o.Check, o.CheckURL, o.CheckSuccess = gateManual, failHold, checkNone, "https://hello.example.com:8443/healthz?deep=1", 0
			o.Soak.Duration = 0
		}, "none"},
		{"gate", func(o *runOptions) { o.Gate = "maybe" }, `exit 2: --gate "maybe": must be one of auto, manual`},
		{"on-failure", func(o *runOptions) { o.OnFailure = "" }, `exit 2: --on-failure "": must be one of rollback, hold`},
		{"check", func(o *runOptions) { o.Check = "url" }, `exit 2: --check "url": must be one of pods, none`},
		{"soak", func(o *runOptions) { o.Soak.Duration = -time.Second }, "exit 2: --soak and --check-latency must not be negative"},
		{"latency", func(o *runOptions) { o.CheckLatency.Duration = -time.Millisecond }, "exit 2: --soak and --check-latency must not be negative"},
		{"success below 0", func(o *runOptions) { o.CheckSuccess = -0.1 }, "exit 2: --check-success -0.1: must be a percentage from 0 to 100"},
		{"success above 100", func(o *runOptions) { o.CheckSuccess = 100.5 }, "exit 2: --check-success 100.5: must be a percentage from 0 to 100"},
		{"success of no number", func(o *runOptions) { o.CheckSuccess = math.NaN() }, "exit 2: --check-success NaN: must be a percentage from 0 to 100"},
		{"URL without a host", func(o *runOptions) { o.CheckURL = "/healthz" }, `exit 2: --check-url "/healthz": must be an absolute http or https URL`},
		{"URL of another scheme", func(o *runOptions) { o.CheckURL = "ftp://hello/" }, `exit 2: --check-url "ftp://hello/": must be an absolute http or https URL`},
		{"URL that is none", func(o *runOptions) { o.CheckURL = "http://hello:port" }, `exit 2: --check-url "http://hello:port": must be an absolute http or https URL`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			options := usualOptions()
			test.change(&options)
			wantText(t, errorText(options.check()), test.want)
		})
	}
}

func TestSourceCheck(t *testing.T) {
	tests := map[string]struct {
		from source
		want string
	}{
		"images":                {source{Images: []string{"app=a", "proxy=b"}}, "none"},
		"files":                 {source{Filenames: []string{"a.yaml"}}, "none"},
		"a kustomization":       {source{Kustomize: "."}, "none"},
		"nothing":               {source{To: "green", Preview: true}, "exit 2: say what is new: --image CONTAINER=IMAGE, or the new Deployment with -f or -k"},
		"a file and an image":   {source{Images: []string{"a"}, Filenames: []string{"a.yaml"}}, "exit 2: --image with -f or -k: give one of them; the manifest names its images"},
		"both kinds of sources": {source{Kustomize: ".", Filenames: []string{"a.yaml"}}, "exit 2: -f and -k: give one of them"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { wantText(t, errorText(test.from.check()), test.want) })
	}
}

func TestLiveAlready(t *testing.T) {
	const one = `
kind: Deployment
metadata: {name: hello-blue}
spec: {template: {metadata: {labels: {app: hello, slot: blue}}, spec: {containers: [{name: app, image: "shop/hello:1.0"}]}}}
---
`
	const already = "service hello is on slot=blue (deployment hello-blue), which runs "
	two := strings.Replace(one, "containers: [", `containers: [{name: proxy, image: "shop/proxy:3"}, `, 1)
	tests := []struct {
		name, objects string
		images        []string
		want          string
	}{
		{"the same", helloService + one, []string{"app=shop/hello:1.0"}, already + "app=shop/hello:1.0 already"},
		{"the same, the container not named", helloService + one, []string{"shop/hello:1.0"}, already + "app=shop/hello:1.0 already"},
		{"another", helloService + one, []string{"app=shop/hello:1.1"}, ""},
		{"another, the container not named", helloService + one, []string{"shop/hello:1.1"}, ""},
		{"the same of one of two", helloService + two, []string{"proxy=shop/proxy:3"}, already + "app=shop/hello:1.0,proxy=shop/proxy:3 already"},
		{"the same of one, another of the other", helloService + two, []string{"proxy=shop/proxy:3", "app=shop/hello:1.1"}, ""},
		{"of two containers without a name", helloService + two, []string{"shop/hello:1.1"}, ""},
		{"of a container that is not there, without an image", helloService + one, []string{"web="}, ""},
		{"not adopted yet", selecting("hello", "app: hello") + one, []string{"app=shop/hello:1.0"}, ""},
		{"a release is under way", annotated(helloService, "release", `{"id":"1","operation":"run","phase":"Preparing","slotKey":"slot"}`) + one, []string{"app=shop/hello:1.0"}, ""},
		{"one Service is elsewhere", annotated(helloService, "release", `{"id":"1","operation":"switch","phase":"Switched","slotKey":"slot","services":["hello","hello-np"]}`) +
			selecting("hello-np", "app: hello, slot: green") + one + helloGreen, []string{"app=shop/hello:1.0"}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := &runner{actor: offline(), source: source{Images: test.images}}
			wantText(t, r.liveAlready(readCluster(t, test.objects).pairOf(t, "hello", "")), test.want)
		})
	}
	r := &runner{actor: offline(), manifest: parseObject(t, manifest)}
	wantText(t, r.liveAlready(readCluster(t, helloService+one).pairOf(t, "hello", "")), "")
}

// resumable is a run of app=shop/hello:2.0 from blue to green that was cut off, with these options beside the usual ones.
func resumable(phase, on, options, more string) string {
	return fmt.Sprintf(`
kind: Service
metadata:
  name: hello
  annotations:
    kubectl-switchyard.github.io/release: '{"id":"4a3ca920","operation":"run","phase":"%s","by":"ann@laptop","slotKey":"slot","from":"blue","to":"green",
      "services":["hello","hello-np"],"images":{"app":"shop/hello:2.0"},"switchedAt":"2026-11-22T03:20:00Z"%s,"options":{"gate":"auto","onFailure":"rollback",
      "soak":"1m0s","check":"pods","checkSuccess":99,"checkLatency":"0s","keepOld":"forever","images":["app=shop/hello:2.0"]%s}}'
spec: {selector: {app: hello, slot: %s}, ports: [{name: http, port: 80}]}
---
`, phase, more, options, on)
}

func TestPlanResume(t *testing.T) {
	image := source{Images: []string{"app=shop/hello:2.0"}}
	np := selecting("hello-np", "app: hello, slot: green")
	scaler := "kind: HorizontalPodAutoscaler\nmetadata: {name: green, annotations: {kubectl-switchyard.github.io/min-replicas: '1'}}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: hello-green}, maxReplicas: 9}\n---\n"
	tests := []struct {
		name, objects string
		from          source
		want          string
	}{
		{"other images while it soaks", resumable("Soaking", "green", "", "") + np, source{Images: []string{"app=shop/hello:3.0"}}, `
exit 5: release 4a3ca920 of ann@laptop is in progress with other images (app=shop/hello:2.0), it is Soaking; end it with abort first; nothing was changed`},
		{"other images after it", resumable("Switched", "green", "", "") + np, source{Images: []string{"app=shop/hello:3.0"}}, `
nothing to resume`},
		{"a file where images were given", resumable("Preparing", "blue", "", ""), source{Filenames: []string{"a.yaml"}}, `
exit 5: release 4a3ca920 of ann@laptop is in progress with other images (app=shop/hello:2.0), it is Preparing; end it with abort first; nothing was changed`},
		{"spoilt options", resumable("Soaking", "green", `,"soak":"long"`, ""), source{}, `
exit 5: release 4a3ca920: its options in the journal are unreadable: time: invalid duration "long"; end it with abort`},
		{"spoilt keepOld", resumable("Soaking", "green", `,"keepOld":"a while"`, ""), source{}, `
exit 5: release 4a3ca920: keepOld in the journal: must be "forever" or a duration with a unit, such as 0s, 30s or 10m; end it with abort`},
		{"at its gate", resumable("WaitingAtGate", "blue", `,"gate":"manual"`, ""), source{}, `
exit 3: release 4a3ca920 waits at its gate: the new side is up, the traffic is on slot=blue; go on with kubectl bluegreen run hello --approve, or end it with abort`},
		{"begun with a file that is not given now", resumable("Preparing", "blue", `,"images":[]`, ""), source{}, `
exit 2: release 4a3ca920 was begun with -f or -k; give the same again to resume it`},
		{"soaking", resumable("Soaking", "green", "", "") + np, source{}, `
resume release 4a3ca920 of ann@laptop to service hello, which is Soaking:
  1. wait until the endpoints of service hello, hello-np are the pods of slot=green, on every port
  2. watch the pods of hello-green for 1m0s
  3. note in the journal that the new side has stood the test
run: done, active green, patience 1m0s
service/hello, service/hello-np released: app=shop/hello:2.0 on slot=green (deployment hello-green); deployment hello-blue is kept at full size for the way back, until kubectl bluegreen finish hello`},
		{"soaking, the same command", resumable("Soaking", "green", "", "") + np, image, `
resume release 4a3ca920 of ann@laptop to service hello, which is Soaking:
  1. wait until the endpoints of service hello, hello-np are the pods of slot=green, on every port
  2. watch the pods of hello-green for 1m0s
  3. note in the journal that the new side has stood the test
run: done, active green, patience 1m0s
service/hello, service/hello-np released: app=shop/hello:2.0 on slot=green (deployment hello-green); deployment hello-blue is kept at full size for the way back, until kubectl bluegreen finish hello`},
		{"soaking, a URL checked, the old side kept for a while", resumable("Soaking", "green", `,"checkURL":"http://hello/","keepOld":"10m0s"`, "") + np, source{}, `
resume release 4a3ca920 of ann@laptop to service hello, which is Soaking:
  1. wait until the endpoints of service hello, hello-np are the pods of slot=green, on every port
  2. watch the pods and http://hello/ of hello-green for 1m0s
  3. note in the journal that the new side has stood the test
  4. keep deployment hello-blue for 10m0s after the switch
  5. see that nothing leads to deployment hello-blue any more, then wait 5s for nodes and load balancers
  6. scale deployment hello-blue to 0
       kubectl scale deployment hello-blue -n shop --replicas=0
  7. close the release in the journal of service hello
run: done, active green, patience 11m0s
service/hello, service/hello-np released: app=shop/hello:2.0 on slot=green (deployment hello-green)`},
		{"cut off between the Services, with an HPA", resumable("Soaking", "green", `,"check":"none"`, "") + selecting("hello-np", "app: hello, slot: blue") + scaler, source{}, `
resume release 4a3ca920 of ann@laptop to service hello, which is Soaking:
  1. switch service hello, hello-np from slot=blue to green
       kubectl patch service/hello -n shop --type=merge -p '{"spec":{"selector":{"slot":"green"}}}'
       kubectl patch service/hello-np -n shop --type=merge -p '{"spec":{"selector":{"slot":"green"}}}'
  2. wait until the endpoints of service hello, hello-np are the pods of slot=green, on every port
  3. let HPA green scale deployment hello-green down again: put its own minimum back
       kubectl patch hpa/green -n shop --type=merge -p '{"spec":{"minReplicas":<as before>}}'
  4. note in the journal that the new side has stood the test
run: done, active green, patience 1m0s
service/hello, service/hello-np released: app=shop/hello:2.0 on slot=green (deployment hello-green); deployment hello-blue is kept at full size for the way back, until kubectl bluegreen finish hello`},
		{"moved by somebody else", resumable("Soaking", "blue", "", ""), source{}, `
exit 6: release 4a3ca920: service hello was moved to slot=blue by somebody else during its soak; end the release with abort; nothing was changed`},
		{"done", resumable("Switched", "green", "", "") + np, source{}, `
<none>
  note: release 4a3ca920 is done: service hello is on slot=green (deployment hello-green)
run: unchanged, active green, patience 0s
<none>`},
		{"done, but a Service was moved by hand", resumable("Switched", "green", "", "") + selecting("hello-np", "app: hello, slot: blue"), source{}, `
resume release 4a3ca920 of ann@laptop to service hello, which is Switched:
  1. switch service hello, hello-np from slot=blue to green
       kubectl patch service/hello -n shop --type=merge -p '{"spec":{"selector":{"slot":"green"}}}'
       kubectl patch service/hello-np -n shop --type=merge -p '{"spec":{"selector":{"slot":"green"}}}'
  2. wait until the endpoints of service hello, hello-np are the pods of slot=green, on every port
run: done, active green, patience 1m0s
service/hello, service/hello-np released: app=shop/hello:2.0 on slot=green (deployment hello-green); deployment hello-blue is kept at full size for the way back, until kubectl bluegreen finish hello`},
		{"done but for the old side", resumable("Switched", "green", `,"keepOld":"0s","delete":true`, "") + np, source{}, `
resume release 4a3ca920 of ann@laptop to service hello, which is Switched:
  1. see that nothing leads to deployment hello-blue any more, then wait 5s for nodes and load balancers
  2. delete deployment hello-blue
       kubectl delete deployment hello-blue -n shop
  3. close the release in the journal of service hello
run: done, active green, patience 1m0s
service/hello, service/hello-np released: app=shop/hello:2.0 on slot=green (deployment hello-green)`},
		{"rolled back by hand", resumable("Switched", "blue", "", ""), source{}, `
nothing to resume`},
		{"held after a failed soak", resumable("Switched", "green", "", `,"reason":"container app of pod p ended"`) + np, image, `
exit 1: release 4a3ca920 failed its soak and is held on slot=green: container app of pod p ended; go back with kubectl bluegreen rollback hello, or begin another release`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := readCluster(t, test.objects+helloBlue+helloGreen)
			r := &runner{actor: offline(), source: test.from, keep: cli.KeepFor{Forever: true}, options: usualOptions()}
			op, err := r.planResume(t.Context(), &c.world, c.pairOf(t, "hello", ""))
			wantText(t, operationText(op, err), strings.TrimPrefix(test.want, "\n"))
		})
	}
}

// operationText is an operation as a person sees it, with its result.
func operationText(op *operation, err error) string {
	switch {
	case err != nil:
		return errorText(err)
	case op == nil:
		return "nothing to resume"
	}
	plan := release.Plan{Title: orNone(op.plan.Title), Steps: op.plan.Steps, Notes: op.plan.Notes, Warnings: op.plan.Warnings}
	return fmt.Sprintf("%s%s: %s, active %s, patience %s\n%s", plan.Text(), op.result.Operation, op.result.Result, op.result.Active, op.patience, orNone(op.result.text))
}
