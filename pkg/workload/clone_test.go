package workload

import (
	"errors"
	"strings"
	"testing"
)

const liveDeployment = `
apiVersion: apps/v1
kind: Deployment
metadata:
  name: hello-blue
  namespace: shop
  uid: 0b9
  resourceVersion: "77"
  generation: 6
  creationTimestamp: "2026-01-01T00:00:00Z"
  labels: {app: hello, slot: blue, app.kubernetes.io/managed-by: Helm, app.kubernetes.io/instance: hello}
  annotations:
    deployment.kubernetes.io/revision: "6"
    kubectl.kubernetes.io/last-applied-configuration: "{}"
    kubernetes.io/change-cause: image 1.0
    meta.helm.sh/release-name: hello
    argocd.argoproj.io/tracking-id: shop:apps/Deployment:shop/hello-blue
    kubectl-switchyard.github.io/release: abc
    team: web
  ownerReferences: [{apiVersion: example.com/v1, kind: App, name: hello, uid: o}]
  finalizers: [example.com/hold]
  managedFields: [{manager: kubectl, operation: Update}]
spec:
  replicas: 3
  paused: true
  unknownToThisClient: {kept: true}
  selector: {matchLabels: {app: hello, slot: blue}}
  strategy: {type: RollingUpdate}
  template:
    metadata:
      creationTimestamp: null
      labels: {app: hello, slot: blue, pod-template-hash: 5d8f, app.kubernetes.io/version: "1.0"}
      annotations: {kubectl.kubernetes.io/restartedAt: "2026-01-01T00:00:00Z", scrape: "true"}
    spec:
      initContainers:
      - {name: migrate, image: "hello-migrate:1.0"}
      containers:
      - name: app
        image: registry.example.com:5000/hello:1.0
        novelField: kept
        env:
        - {name: APP_VERSION, value: "1.0"}
        - {name: DB, valueFrom: {secretKeyRef: {name: db, key: url}}}
        envFrom: [{configMapRef: {name: settings}}]
      - {name: log, image: "log:4"}
      affinity:
        podAntiAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
          - topologyKey: kubernetes.io/hostname
            labelSelector: {matchLabels: {app: hello}}
          preferredDuringSchedulingIgnoredDuringExecution:
          - weight: 1
            podAffinityTerm:
              topologyKey: zone
              labelSelector: {matchExpressions: [{key: app, operator: In, values: [hello]}, {key: slot, operator: In, values: [blue]}]}
          - weight: 2
            podAffinityTerm: {topologyKey: zone, labelSelector: {matchLabels: {app: noisy}}}
        podAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
          - topologyKey: zone
            labelSelector: {matchLabels: {app: cache}}
      topologySpreadConstraints:
      - {maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {app: hello, slot: blue}}}
      - {maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {app: hello}}, matchLabelKeys: [slot]}
      volumes:
      - {name: data, persistentVolumeClaim: {claimName: data}}
status: {replicas: 3, observedGeneration: 6}`

const clonedDeployment = `
apiVersion: apps/v1
kind: Deployment
metadata:
  name: hello-green
  namespace: shop
  labels: {app: hello, slot: green}
  annotations: {team: web}
spec:
  replicas: 5
  unknownToThisClient: {kept: true}
  selector: {matchLabels: {app: hello, slot: green}}
  strategy: {type: RollingUpdate}
  template:
    metadata:
      labels: {app: hello, slot: green, app.kubernetes.io/version: "1.0"}
      annotations: {scrape: "true"}
    spec:
      initContainers:
      - {name: migrate, image: "hello-migrate:2.0"}
      containers:
      - name: app
        image: registry.example.com:5000/hello:2.0
        novelField: kept
        env:
        - {name: APP_VERSION, value: "1.0"}
        - {name: DB, valueFrom: {secretKeyRef: {name: db, key: url}}}
        envFrom: [{configMapRef: {name: settings}}]
      - {name: log, image: "log:4"}
      affinity:
        podAntiAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
          - topologyKey: kubernetes.io/hostname
            labelSelector: {matchLabels: {app: hello, slot: green}}
          preferredDuringSchedulingIgnoredDuringExecution:
          - weight: 1
            podAffinityTerm:
              topologyKey: zone
              labelSelector: {matchLabels: {slot: green}, matchExpressions: [{key: app, operator: In, values: [hello]}]}
          - weight: 2
            podAffinityTerm: {topologyKey: zone, labelSelector: {matchLabels: {app: noisy}}}
        podAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
          - topologyKey: zone
            labelSelector: {matchLabels: {app: cache}}
      topologySpreadConstraints:
      - {maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {app: hello, slot: green}}}
      - {maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {app: hello}}, matchLabelKeys: [slot]}
      volumes:
      - {name: data, persistentVolumeClaim: {claimName: data}}`

func TestClone(t *testing.T) {
	active := parseObject(t, liveDeployment)
	clone, notes, err := Clone(active, CloneOptions{
		Name: "hello-green", SlotKey: "slot", From: "blue", To: "green", Replicas: 5,
		Images: map[string]string{"app": "registry.example.com:5000/hello:2.0", "migrate": "hello-migrate:2.0"},
	})
	if err != nil {
		t.Fatal(err)
	}
	wantYAML(t, clone, clonedDeployment)
	wantYAML(t, active, liveDeployment)
	wantLines(t, notes, []string{
		`the active side's required anti-affinity (spec.template.spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0], topologyKey kubernetes.io/hostname) also keeps the new pods away from its own: free nodes are needed`,
		`spec.template.spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0] now selects slot=green`,
		`spec.template.spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].podAffinityTerm now selects slot=green`,
		`spec.template.spec.topologySpreadConstraints[0] now selects slot=green`,
		`label app.kubernetes.io/version=1.0 is copied and may not be true of the new image (2.0)`,
		`variable APP_VERSION=1.0 of container "app" is copied and names the old image's version`,
		`both sides read ConfigMap "settings", Secret "db": a change there reaches the active side too`,
		`both sides mount PersistentVolumeClaim "data": unless its access mode allows several nodes, new pods may not start`,
	})
}

func TestCloneOfAPlainDeployment(t *testing.T) {
	active := parseObject(t, `
apiVersion: apps/v1
kind: Deployment
metadata: {name: hello, namespace: shop, labels: {app: hello}}
spec:
  selector: {matchLabels: {app: hello}, matchExpressions: [{key: slot, operator: NotIn, values: [green]}]}
  template:
    metadata: {labels: {app: hello}}
    spec: {containers: [{name: app, image: "hello:1"}]}`)
	clone, notes, err := Clone(active, CloneOptions{Name: "hello-green", SlotKey: "slot", From: "blue", To: "green", Replicas: 0, Images: map[string]string{"": "hello:2"}})
	if err != nil {
		t.Fatal(err)
	}
	wantYAML(t, clone, `
apiVersion: apps/v1
kind: Deployment
metadata: {name: hello-green, namespace: shop, labels: {app: hello}}
spec:
  replicas: 0
  selector: {matchLabels: {app: hello, slot: green}}
  template:
    metadata: {labels: {app: hello, slot: green}}
    spec: {containers: [{name: app, image: "hello:2"}]}`)
	wantLines(t, notes, nil)
}

func TestCloneTellsOfHostPorts(t *testing.T) {
	active := parseObject(t, `
apiVersion: apps/v1
kind: Deployment
metadata: {name: hello}
spec:
  selector: {matchLabels: {app: hello}}
  template:
    metadata: {labels: {app: hello, slot: blue}}
    spec: {topologySpreadConstraints: [{topologyKey: zone, labelSelector: {}}], containers: [{name: app, image: "hello:1", ports: [{containerPort: 80, hostPort: 8080}]}]}`)
	clone, notes, err := Clone(active, CloneOptions{Name: "hello-green", SlotKey: "slot", From: "blue", To: "green"})
	if err != nil {
		t.Fatal(err)
	}
	if got := selectorTerms(clone)[0].term["labelSelector"]; len(asMap(got)) != 0 {
		t.Errorf("a selector of all pods became %v", got)
	}
	wantLines(t, notes, []string{
		`the pods use ports of their node (8080/TCP): each new pod needs a node without an old one`,
	})
}

func TestCloneErrors(t *testing.T) {
	good := CloneOptions{Name: "hello-green", SlotKey: "slot", From: "blue", To: "green"}
	cases := []struct {
		name   string
		change func(*CloneOptions)
		want   string
	}{
		{"its own name", func(o *CloneOptions) { o.Name = "hello-blue" }, `deployment "hello-blue": the clone needs a name of its own, not "hello-blue"`},
		{"its own slot", func(o *CloneOptions) { o.To = "blue" }, `deployment "hello-blue": the clone needs a slot of its own, not "blue"`},
		{"the other slot is active", func(o *CloneOptions) { o.From, o.To = "green", "blue" },
			`deployment "hello-blue": its pods are labelled slot=blue, not slot=green: the sides are mixed up`},
		{"less than nothing", func(o *CloneOptions) { o.Replicas = -1 }, `deployment "hello-blue": replicas of the clone cannot be -1`},
		{"an unknown container", func(o *CloneOptions) { o.Images = map[string]string{"web": "hello:2"} },
			`deployment "hello-blue" has no container "web": it has app, log and the init containers migrate`},
		{"a bare image for two containers", func(o *CloneOptions) { o.Images = map[string]string{"": "hello:2"} },
			`deployment "hello-blue" has 2 containers (app, log): say which one gets "hello:2": container=image`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			o := good
			c.change(&o)
			_, _, err := Clone(parseObject(t, liveDeployment), o)
			wantError(t, err, c.want)
		})
	}
}

func TestSetImagesChangesNothingOnError(t *testing.T) {
	u := parseObject(t, liveDeployment)
	if err := SetImages(u, map[string]string{"app": "hello:2", "web": "hello:2"}); err == nil {
		t.Fatal("no error for a container that does not exist")
	}
	wantYAML(t, u, liveDeployment)
}

func TestImageTag(t *testing.T) {
	for image, want := range map[string]string{
		"hello":                              "latest",
		"localhost:5000/hello":               "latest",
		"localhost:5000/hello:2":             "2",
		"hello:2@sha256:ab":                  "2",
		"registry.example.com/a/b@sha256:ab": "sha256:ab",
	} {
		if got := imageTag(image); got != want {
			t.Errorf("%s: got %q, want %q", image, got, want)
		}
	}
}

func TestParseImages(t *testing.T) {
	cases := []struct {
		name string
		args []string
		want map[string]string
		err  string
	}{
		{name: "named", args: []string{"app=hello:2", "log=log@sha256:ab"}, want: map[string]string{"app": "hello:2", "log": "log@sha256:ab"}},
		{name: "bare, with a port", args: []string{"localhost:5000/hello:2"}, want: map[string]string{"": "localhost:5000/hello:2"}},
		{name: "none", want: map[string]string{}},
		{name: "twice", args: []string{"app=a", "app=b"}, err: `container "app" is given two images, "a" and "b"`},
		{name: "two bare ones", args: []string{"a", "b"}, err: `images "a" and "b": only one can stand without a container: write container=image`},
		{name: "no image", args: []string{"app="}, err: `image "app=": "" is no image reference: write container=image`},
		{name: "no container", args: []string{"=a"}, err: `image "=a": no container before the equals sign: write container=image, or the image alone`},
		{name: "a space", args: []string{"app=a b"}, err: `image "app=a b": "a b" is no image reference: write container=image`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := ParseImages(c.args)
			wantError(t, err, c.err)
			if len(got) != len(c.want) {
				t.Fatalf("got %v, want %v", got, c.want)
			}
			for k, v := range c.want {
				if got[k] != v {
					t.Errorf("container %q gets %q, want %q", k, got[k], v)
				}
			}
		})
	}
}

func TestIdleName(t *testing.T) {
	long := strings.Repeat("a", 60)
	cases := []struct{ name, active, from, to, want string }{
		{"the word is replaced", "hello-blue", "blue", "green", "hello-green"},
		{"in front", "blue.hello", "blue", "green", "green.hello"},
		{"in the middle, the last one", "blue-hello-blue-web", "blue", "green", "blue-hello-green-web"},
		{"appended", "hello", "blue", "green", "hello-green"},
		{"part of a word is no word", "bluebird", "blue", "green", "bluebird-green"},
		{"no slot yet", "hello", "", "green", "hello-green"},
		{"exactly long enough", strings.Repeat("a", 57), "blue", "green", strings.Repeat("a", 57) + "-green"},
		{"too long", long, "blue", "green", strings.Repeat("a", 48) + "-6f6db79f-green"},
		{"no dash or dot before the cut", strings.Repeat("a", 47) + ".-" + strings.Repeat("b", 20), "blue", "green", strings.Repeat("a", 47) + "-906033e1-green"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := IdleName(c.active, c.from, c.to)
			if got != c.want || len(got) > 63 {
				t.Errorf("got %q (%d characters), want %q", got, len(got), c.want)
			}
		})
	}
}

const liveHPA = `
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: hello-blue, namespace: shop, uid: h, labels: {app: hello}}
spec:
  minReplicas: 2
  maxReplicas: 10
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: hello-blue}
  metrics:
  - {type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 60}}}
  - {type: External, external: {metric: {name: queue}, target: {type: Value, value: "5"}}}
  behavior: {scaleDown: {novelField: 1}}
status: {currentReplicas: 6}`

func TestCloneHPA(t *testing.T) {
	clone, notes, err := CloneHPA(parseObject(t, liveHPA), "hello-green", "hello-green", 6)
	if err != nil {
		t.Fatal(err)
	}
	wantYAML(t, clone, `
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: hello-green, namespace: shop, labels: {app: hello}}
spec:
  minReplicas: 6
  maxReplicas: 10
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: hello-green}
  metrics:
  - {type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 60}}}
  - {type: External, external: {metric: {name: queue}, target: {type: Value, value: "5"}}}
  behavior: {scaleDown: {novelField: 1}}`)
	wantLines(t, notes, []string{
		"minReplicas is held at 6 instead of 2",
		"spec.metrics[1] is of type External and does not depend on the scaled pods: both sides follow the same figure",
	})
}

func TestCloneHPAErrors(t *testing.T) {
	_, _, err := CloneHPA(parseObject(t, liveHPA), "hello-green", "hello-green", 11)
	wantError(t, err, `horizontalpodautoscaler "hello-blue": minReplicas of the clone cannot be 11: it must be between 1 and maxReplicas, 10`)
	_, _, err = CloneHPA(parseObject(t, strings.Replace(liveHPA, "autoscaling/v2", "autoscaling/v1", 1)), "hello-green", "hello-green", 3)
	wantError(t, err, `horizontalpodautoscaler "hello-blue": read it as autoscaling/v2, not "autoscaling/v1"`)
	_, _, err = CloneHPA(parseObject(t, strings.Replace(liveHPA, "app: hello", "scaledobject.keda.sh/name: queue", 1)), "hello-green", "hello-green", 3)
	wantError(t, err, `horizontalpodautoscaler "hello-blue" is made by KEDA: copy ScaledObject "queue" instead`)
}

const livePDB = `
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: hello-blue, namespace: shop, resourceVersion: "4", labels: {slot: blue}}
spec:
  minAvailable: 1
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector: {matchLabels: {app: hello, slot: blue}}
status: {currentHealthy: 3}`

func TestClonePDB(t *testing.T) {
	clone, notes, err := ClonePDB(parseObject(t, livePDB), "hello-green", "slot", "green")
	if err != nil {
		t.Fatal(err)
	}
	wantYAML(t, clone, `
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: hello-green, namespace: shop, labels: {slot: green}}
spec:
  minAvailable: 1
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector: {matchLabels: {app: hello, slot: green}}`)
	wantLines(t, notes, []string{`poddisruptionbudget "hello-green" guards evictions only, not scaling down`})
}

func TestClonePDBThatCoversBothSides(t *testing.T) {
	for name, selector := range map[string]string{
		"the slot is open":     "{matchLabels: {app: hello}}",
		"both slots are in":    "{matchExpressions: [{key: slot, operator: In, values: [blue, green]}]}",
		"every pod is guarded": "{matchLabels: {}}",
	} {
		t.Run(name, func(t *testing.T) {
			pdb := parseObject(t, strings.Replace(livePDB, "{matchLabels: {app: hello, slot: blue}}", selector, 1))
			if _, _, err := ClonePDB(pdb, "hello-green", "slot", "green"); !errors.Is(err, ErrAlreadyCovered) {
				t.Errorf("got %v, want ErrAlreadyCovered", err)
			}
		})
	}
}
