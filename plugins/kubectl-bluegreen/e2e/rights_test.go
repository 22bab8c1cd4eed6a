package e2e_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-switchyard/switchyard/scripts/e2e"
)

// right is one verb on one resource, as in a rule of a Role: the smallest thing that can be granted.
type right struct {
	group, resource, verb string
}

func (r right) String() string { return r.verb + " " + r.resource }

// rightsOf reads the rights of the Roles of a verb from its documented file: those without which it cannot work, and
// those whose lack it reports.
func rightsOf(t *testing.T, verb string) (needed, optional []right) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "rbac", verb+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, document := range bytes.Split(text, []byte("\n---\n"))[1:] {
		var role rbacv1.Role
		if err := yaml.UnmarshalStrict(document, &role); err != nil {
			t.Fatalf("%s.yaml: %v", verb, err)
		}
		switch role.Name {
		case "kubectl-bluegreen-" + verb:
			needed = rightsIn(role.Rules)
		case "kubectl-bluegreen-" + verb + "-checks":
			optional = rightsIn(role.Rules)
		}
	}
	return needed, optional
}

func rightsIn(rules []rbacv1.PolicyRule) []right {
	var rights []right
	for _, rule := range rules {
		for _, resource := range rule.Resources {
			for _, verb := range rule.Verbs {
				rights = append(rights, right{rule.APIGroups[0], resource, verb})
			}
		}
	}
	return rights
}

// grant lets a user have exactly the rights.
func grant(user string, rights []right) string {
	var b strings.Builder
	fmt.Fprintf(&b, "---\n{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: %s}, rules: [", user)
	for _, r := range rights {
		fmt.Fprintf(&b, "{apiGroups: [%q], resources: [%q], verbs: [%q]},", r.group, r.resource, r.verb)
	}
	fmt.Fprintf(&b, "]}\n---\n{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: %s}, "+
		"subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: %s}], roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: %s}}\n", user, user, user)
	return b.String()
}

// without returns the rights but one.
func without(rights []right, missing right) []right {
	return slices.DeleteFunc(slices.Clone(rights), func(r right) bool { return r == missing })
}

// forgotten is the lock of a client that died long ago: it is taken over at once, which needs other rights than taking a
// free one.
const forgotten = `
apiVersion: coordination.k8s.io/v1
kind: Lease
metadata: {name: kubectl-switchyard-service-hello}
spec: {holderIdentity: ann@laptop/01234567, leaseDurationSeconds: 15, acquireTime: "2020-01-01T00:00:00.000000Z", renewTime: "2020-01-01T00:00:00.000000Z"}
`

// single is a small application that knows no slots.
const single = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: hello}
spec:
  replicas: 1
  selector: {matchLabels: {app: hello}}
  template:
    metadata: {labels: {app: hello}}
    spec:
      containers:
      - name: app
        image: localhost/demoapp:v1
        ports: [{name: http, containerPort: 8080}]
        readinessProbe: {httpGet: {path: /readyz, port: http}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: hello}
spec: {selector: {app: hello}, ports: [{name: http, port: 80, targetPort: http}]}
`

// rightsCase is how the rights of a verb are tried.
type rightsCase struct {
	verb, yaml string
	// before brings the application to where the verb has everything to do.
	before func(t *testing.T, n *e2e.Namespace)
	args   []string
	// real are the needed rights that a server dry run does not need; they are tried by the verb itself.
	real []string
	// between is run before the first of those, and reset before each, so that the verb has something to wait for.
	between, reset [][]string
	// waiting are more of them, which the verb asks for only if it finds something to wait for, and that is up to how fast
	// the cluster is: it may end well without them.
	waiting []string
	// silent are the rights that are needed in situations only that are not made here: a failing pod, an HPA, or, for the
	// endpoints, a release that goes on to its switch; the verbs that do nothing but that try it.
	silent []string
}

var locking = []string{"create leases", "get leases", "update leases"}

// rarelyNeeded are the optional rights that only a failing new side, or an HPA or PDB, asks for.
var rarelyNeeded = slices.Clip([]string{"list events", "get pods/log", "get horizontalpodautoscalers", "create horizontalpodautoscalers", "patch horizontalpodautoscalers",
	"get poddisruptionbudgets", "create poddisruptionbudgets"})

func rightsCases() []rightsCase {
	const drain = "--drain-delay=100ms"
	watching := append(slices.Clone(locking), "watch deployments", "watch replicasets", "watch pods")
	// A side that takes some seconds to start.
	slow := strings.ReplaceAll(single, "image: localhost/demoapp:v1", "image: localhost/demoapp:v1\n        env: [{name: STARTUP, value: 3s}]")
	adopted := [][]string{bluegreen("prepare", "--image", e2e.Image("v2"), "--yes", drain)}
	gone := [][]string{{"delete", "deployment", "hello-green", "--ignore-not-found"}}
	return []rightsCase{
		{verb: "status", yaml: single},
		{verb: "history", yaml: single},
		{
			verb: "prepare", yaml: slow, args: []string{"--image", e2e.Image("v2"), "--yes", drain}, between: adopted, reset: gone, real: watching,
			silent: append(rarelyNeeded, "watch endpointslices"),
		},
		{
			verb: "run", yaml: slow, args: []string{"--image", e2e.Image("v2"), "--soak=0s", "--keep-old=0s", "--yes", drain}, between: adopted, reset: gone, real: watching,
			silent: append(rarelyNeeded, "watch endpointslices"),
		},
		{
			verb: "switch", yaml: blue + "---" + green, args: []string{"--to", "green", "--yes"}, reset: [][]string{bluegreen("switch", "--to", "blue", "--yes")},
			real: locking, waiting: []string{"watch endpointslices"}, silent: rarelyNeeded,
		},
		{
			verb: "rollback", yaml: strings.ReplaceAll(blue, "image: localhost/demoapp:v1", "image: localhost/demoapp:v1\n        env: [{name: STARTUP, value: 3s}]") + "---" + green,
			args: []string{"--yes"},
			before: func(t *testing.T, n *e2e.Namespace) {
				n.Want(0, bluegreen("switch", "--to", "green", "--yes")...)
				n.Kubectl("scale", "deployment/hello-blue", "--replicas=1")
			},
			reset: [][]string{bluegreen("switch", "--to", "green", "--yes"), {"scale", "deployment/hello-blue", "--replicas=1"}},
			real:  watching, waiting: []string{"watch endpointslices"}, silent: rarelyNeeded,
		},
		{
			verb: "finish", yaml: blue + "---" + green, args: []string{"--yes", drain},
			real: append(slices.Clone(locking), "list pods", "list replicasets"), waiting: []string{"watch endpointslices"}, silent: rarelyNeeded,
		},
		{
			// An adoption that was cut off when the Service was adopted already.
			verb: "abort", yaml: single, args: []string{"--yes", drain},
			before: func(t *testing.T, n *e2e.Namespace) {
				name := numbered()
				prepare := bluegreen("prepare", "--image", e2e.Image("v2"), "--yes")
				if r, dead := n.StartProxy(e2e.Hooks{}).RunKilledAt(func(c e2e.Call) bool { return name(c) == "PATCH services hello #2" }, e2e.AnswerLost, prepare...); !dead {
					t.Fatalf("%v", r)
				}
			},
			real: locking, waiting: []string{"watch deployments", "watch replicasets", "watch pods", "watch endpointslices"},
			silent: append(rarelyNeeded, "list ingresses", "list httproutes"),
		},
	}
}

// Each verb works with exactly the documented rights. With one of the needed ones less it ends with exit code 7 and names
// what is missing; with one of the optional ones less it works, and says what it did not check.
func TestLeastRights(t *testing.T) {
	t.Parallel()
	for _, one := range rightsCases() {
		t.Run(one.verb, func(t *testing.T) {
			t.Parallel()
			one.try(t)
		})
	}
}

func (c rightsCase) try(t *testing.T) {
	needed, optional := rightsOf(t, c.verb)
	if len(needed) == 0 {
		t.Fatalf("rbac/%s.yaml documents nothing", c.verb)
	}
	n := e2e.NewNamespace(t)
	n.Apply(c.yaml)
	n.Kubectl("wait", "deployment", "--all", "--for=condition=Available", "--timeout=90s")
	if c.before != nil {
		c.before(t, n)
	}
	users := grant("everything", append(slices.Clone(needed), optional...))
	user := func(r right) string { return strings.NewReplacer(" ", "-", "/", "-").Replace("without-" + r.String()) }
	for _, missing := range append(slices.Clone(needed), optional...) {
		users += grant(user(missing), without(append(slices.Clone(needed), optional...), missing))
	}
	n.Apply(users)
	c.awaitGrants(n, needed, optional, user)

	for _, missing := range needed {
		switch {
		case slices.Contains(append(append(slices.Clone(c.real), c.waiting...), c.silent...), missing.String()), missing.String() == "delete leases":
		case missing.String() == "list endpointslices": // the API server streams the list to whoever may watch
			c.degrades(t, n, missing, user(missing))
		default:
			c.refused(t, n, missing, user(missing), false, c.dry()...)
		}
	}
	for _, missing := range optional {
		c.degrades(t, n, missing, user(missing))
	}
	c.run(n, c.between)
	for _, name := range append(slices.Clone(c.real), c.waiting...) {
		at := slices.IndexFunc(needed, func(r right) bool { return r.String() == name })
		if at < 0 {
			t.Errorf("rbac/%s.yaml does not grant %s", c.verb, name)
			continue
		}
		c.run(n, c.reset)
		n.Apply(forgotten)
		c.refused(t, n, needed[at], user(needed[at]), slices.Contains(c.waiting, name))
	}
	c.run(n, c.reset)
	n.Want(0, append(bluegreen(c.verb, c.args...), "--as=everything")...)
	if c.verb == "switch" {
		c.run(n, c.reset)
		if r := n.Want(0, append(bluegreen(c.verb, c.args...), "--as=without-delete-leases")...); !strings.Contains(r.Stderr, "the lock on service/hello could not be given back") {
			t.Errorf("it does not say that the lock stays\n%v", r)
		}
	}
}

// run runs commands with all rights. They take a lock over that a refused command left.
func (c rightsCase) run(n *e2e.Namespace, commands [][]string) {
	for _, command := range commands {
		if command[0] == "bluegreen" {
			command = append(slices.Clone(command), "--take-lock")
		}
		n.Want(0, command...)
	}
}

// awaitGrants waits until the API server knows all the grants; it learns of them one by one.
func (c rightsCase) awaitGrants(n *e2e.Namespace, needed, optional []right, user func(right) string) {
	type may struct {
		user string
		has  right
	}
	all := append(slices.Clone(needed), optional...)
	wanted := []may{{"everything", all[0]}}
	if last := len(all) - 1; last > 0 {
		wanted = append(wanted, may{user(all[last]), all[0]})
	}
	for _, one := range wanted {
		n.Eventually(20e9, one.user+" may "+one.has.String(), func() bool {
			return n.Try("auth", "can-i", one.has.verb, one.has.resource+groupSuffix(one.has), "--as="+one.user).Code == 0
		})
	}
}

func groupSuffix(r right) string {
	if r.group == "" {
		return ""
	}
	return "." + r.group
}

// dry are the arguments of a run that writes nothing.
func (c rightsCase) dry() []string {
	if len(c.args) == 0 {
		return nil
	}
	return []string{"--dry-run=server"}
}

// refused runs the verb without a right that it needs. With mayEnd it may come to its end, having found nothing to wait for.
func (c rightsCase) refused(t *testing.T, n *e2e.Namespace, missing right, user string, mayEnd bool, more ...string) {
	t.Helper()
	r := n.Try(append(append(bluegreen(c.verb, c.args...), more...), "--as="+user)...)
	what := fmt.Sprintf("cannot %s resource %q in API group %q in the namespace %q", missing.verb, missing.resource, missing.group, n.Name)
	if mayEnd && r.Code == 0 {
		return
	}
	if r.Code != 7 || !strings.Contains(r.Stderr, what) {
		t.Errorf("without the right to %s: want exit code 7 and %q\n%v", missing, what, r)
	}
}

func (c rightsCase) degrades(t *testing.T, n *e2e.Namespace, missing right, user string) {
	t.Helper()
	if slices.Contains(c.silent, missing.String()) {
		return
	}
	r := n.Try(append(append(bluegreen(c.verb, c.args...), c.dry()...), "--as="+user)...)
	told := r.Stdout + r.Stderr
	if missing.resource == "events" { // nothing is written on a dry run
		told += "not checked: " + missing.resource
	}
	if r.Code != 0 || !strings.Contains(told, "not checked: ") || !strings.Contains(told, missing.resource) {
		t.Errorf("without the right to %s: want exit code 0, and that it was not checked\n%v", missing, r)
	}
}
