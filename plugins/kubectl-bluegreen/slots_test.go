package main

import (
	"fmt"
	"strings"
	"testing"
)

// The two sides of an application, and the Service that leads to the blue one.
const (
	helloService = `
kind: Service
metadata: {name: hello}
spec: {selector: {app: hello, slot: blue}, ports: [{name: http, port: 80}]}
---
`
	helloBlue = `
kind: Deployment
metadata: {name: hello-blue}
spec: {replicas: 4, template: {metadata: {labels: {app: hello, slot: blue}}}}
---
`
	helloGreen = `
kind: Deployment
metadata: {name: hello-green}
spec: {replicas: 4, template: {metadata: {labels: {app: hello, slot: green}}}}
---
`
)

// labelled is a Deployment with nothing but the labels of its pods, "a: b, c: d".
func labelled(name, labels string) string {
	return fmt.Sprintf("kind: Deployment\nmetadata: {name: %s}\nspec: {template: {metadata: {labels: {%s}}}}\n---\n", name, labels)
}

// selecting is a Service with nothing but its selector.
func selecting(name, selector string) string {
	return fmt.Sprintf("kind: Service\nmetadata: {name: %s}\nspec: {selector: {%s}}\n---\n", name, selector)
}

// pairText is all that was found out about a pair.
func pairText(p *pair) string {
	var slots, bystanders []string
	for _, s := range p.Slots {
		slots = append(slots, s.Value+"="+s.name())
	}
	for _, service := range p.Bystanders {
		bystanders = append(bystanders, service.Name)
	}
	return fmt.Sprintf("key %s, active %s; slots %s; services %s; bystanders %s; adopt %t; lock %s", p.Key, p.Active.Value, strings.Join(slots, " "),
		strings.Join(p.serviceNames(), " "), orNone(strings.Join(bystanders, " ")), p.Adopt, p.LockName)
}

func TestFindPair(t *testing.T) {
	tests := []struct {
		name, objects, key, want string
	}{
		{"by the label slot", helloService + helloBlue + helloGreen, "",
			"key slot, active blue; slots blue=hello-blue green=hello-green; services hello; bystanders <none>; adopt false; lock hello"},
		{"by the label version", selecting("hello", "app: hello, version: v2") + labelled("hello-1", "app: hello, version: v1") + labelled("hello-2", "app: hello, version: v2"), "",
			"key version, active v2; slots v1=hello-1 v2=hello-2; services hello; bystanders <none>; adopt false; lock hello"},
		{"by the label track", selecting("hello", "app: hello, track: a") + labelled("hello-a", "app: hello, track: a") + labelled("hello-b", "app: hello, track: b"), "",
			"key track, active a; slots a=hello-a b=hello-b; services hello; bystanders <none>; adopt false; lock hello"},
		{"by the label color alone", selecting("hello", "color: green") + labelled("hello-blue", "app: hello, color: blue") + labelled("hello-green", "app: hello, color: green"), "",
			"key color, active green; slots blue=hello-blue green=hello-green; services hello; bystanders <none>; adopt false; lock hello"},
		{"by a label that nobody knows", selecting("hello", "app: hello, gen: odd") + labelled("hello-odd", "app: hello, gen: odd") + labelled("hello-even", "app: hello, gen: even"), "",
			"key gen, active odd; slots even=hello-even odd=hello-odd; services hello; bystanders <none>; adopt false; lock hello"},
		{"a customary label before another one", selecting("hello", "app: hello, slot: a, zone: x") + labelled("hello-a", "app: hello, slot: a, zone: x") +
			labelled("hello-b", "app: hello, slot: b, zone: x") + labelled("hello-y", "app: hello, slot: a, zone: y"), "",
			"key slot, active a; slots a=hello-a b=hello-b; services hello; bystanders <none>; adopt false; lock hello"},
		{"two applications are no slots", selecting("hello", "app: hello") + labelled("hello", "app: hello") + labelled("shop", "app: shop"), "",
			"key slot, active blue; slots blue=hello; services hello; bystanders <none>; adopt true; lock hello"},
		{"nor are two components", selecting("api", "app: hello, app.kubernetes.io/component: api") + labelled("api", "app: hello, app.kubernetes.io/component: api") +
			labelled("web", "app: hello, app.kubernetes.io/component: web"), "",
			"key slot, active blue; slots blue=api; services api; bystanders <none>; adopt true; lock api"},
		{"but the person may say so", selecting("api", "app: hello, tier: one") + labelled("one", "app: hello, tier: one") + labelled("two", "app: hello, tier: two"), "tier",
			"key tier, active one; slots one=one two=two; services api; bystanders <none>; adopt false; lock api"},
		{"three slots", helloService + helloBlue + helloGreen + labelled("hello-red", "app: hello, slot: red"), "",
			"key slot, active blue; slots blue=hello-blue green=hello-green red=hello-red; services hello; bystanders <none>; adopt false; lock hello"},
		{"other namespaces do not count", helloService + helloBlue + "kind: Deployment\nmetadata: {name: hello-green, namespace: other}\nspec: {template: {metadata: {labels: {app: hello, slot: green}}}}\n---\n" +
			"kind: Service\nmetadata: {name: hello-np, namespace: other}\nspec: {selector: {app: hello, slot: blue}}\n---\n", "",
			"key slot, active blue; slots blue=hello-blue; services hello; bystanders <none>; adopt false; lock hello"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := readCluster(t, test.objects)
			wantText(t, pairText(c.pairOf(t, c.Services[0].Name, test.key)), test.want)
		})
	}
}

func TestFindPairOfALoneDeployment(t *testing.T) {
	tests := []struct {
		name, objects, key, want string
	}{
		{"without any slot label", selecting("hello", "app: hello") + labelled("hello", "app: hello"), "",
			"key slot, active blue; slots blue=hello; services hello; bystanders <none>; adopt true; lock hello"},
		{"its pods carry a label already", selecting("hello", "app: hello") + labelled("hello", "app: hello, version: v7"), "",
			"key version, active v7; slots v7=hello; services hello; bystanders <none>; adopt true; lock hello"},
		{"its pods state a version", selecting("hello", "app: hello") + labelled("hello", "app: hello, app.kubernetes.io/version: v7"), "",
			"key slot, active blue; slots blue=hello; services hello; bystanders <none>; adopt true; lock hello"},
		{"the Service names the label already", selecting("hello", "app: hello, version: v7") + labelled("hello", "app: hello, version: v7"), "",
			"key version, active v7; slots v7=hello; services hello; bystanders <none>; adopt false; lock hello"},
		{"the label is said", selecting("hello", "app: hello") + labelled("hello", "app: hello, version: v7"), "side",
			"key side, active blue; slots blue=hello; services hello; bystanders <none>; adopt true; lock hello"},
		{"key in the Deployment's selector", selecting("hello", "app: hello") + `
kind: Deployment
metadata: {name: hello}
spec: {selector: {matchLabels: {app: hello, slot: one}}, template: {metadata: {labels: {app: hello, slot: one}}}}`, "",
			"key slot, active one; slots one=hello; services hello; bystanders <none>; adopt true; lock hello"},
		{"all Services of it are adopted", selecting("hello-np", "app: hello") + selecting("hello", "app: hello") + labelled("hello", "app: hello"), "",
			"key slot, active blue; slots blue=hello; services hello-np hello; bystanders <none>; adopt true; lock hello"},
		{"one Service was adopted already, the other one is named", selecting("hello", "app: hello") + selecting("hello-np", "app: hello, slot: blue") + helloBlue, "",
			"key slot, active blue; slots blue=hello-blue; services hello hello-np; bystanders <none>; adopt true; lock hello"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := readCluster(t, test.objects)
			wantText(t, pairText(c.pairOf(t, c.Services[0].Name, test.key)), test.want)
		})
	}
}

func TestFindPairGroupsServices(t *testing.T) {
	tests := []struct {
		name, others, want string
	}{
		{"on the same slot", selecting("hello-np", "app: hello, slot: blue"), "services hello hello-np; bystanders <none>"},
		{"on the other slot", selecting("hello-np", "app: hello, slot: green"), "services hello; bystanders <none>"},
		{"on both slots", selecting("hello-all", "app: hello"), "services hello; bystanders hello-all"},
		{"of another application", selecting("shop", "app: shop, slot: blue"), "services hello; bystanders <none>"},
		{"by the slot alone, which may be anybody's", selecting("anybody", "slot: blue"), "services hello; bystanders <none>"},
		{"without a selector", "kind: Service\nmetadata: {name: outside}\n---\n", "services hello; bystanders <none>"},
		{"a preview", "kind: Service\nmetadata: {name: hello-preview, annotations: {kubectl-switchyard.github.io/preview-of: hello}}\nspec: {selector: {app: hello, slot: blue}}\n---\n",
			"services hello; bystanders <none>"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := readCluster(t, helloService+helloBlue+helloGreen+test.others).pairOf(t, "hello", "")
			wantText(t, pairText(p), "key slot, active blue; slots blue=hello-blue green=hello-green; "+test.want+"; adopt false; lock hello")
		})
	}
}

func TestFindPairRefuses(t *testing.T) {
	tests := []struct {
		name, objects, want string
	}{
		{"a Service by DNS", "kind: Service\nmetadata: {name: hello}\nspec: {type: ExternalName, externalName: hello.example.com}",
			`exit 5: service "hello" is of type ExternalName: it leads to "hello.example.com" by DNS and selects no pods, so there is nothing to switch`},
		{"a Service without a selector", "kind: Service\nmetadata: {name: hello}\nspec: {ports: [{port: 80}]}",
			`exit 5: service "hello" has no selector: its endpoints are written by somebody else, so there is nothing to switch`},
		{"nothing to select", selecting("hello", "app: hello"),
			`exit 5: service "hello" selects app=hello, but no Deployment has pods with these labels`},
		{"the active Deployment is gone", helloService + helloGreen + labelled("hello-red", "app: hello, slot: red"),
			`exit 5: service "hello" selects slot=blue, but no Deployment has pods with these labels; there is green (deployment hello-green), red (deployment hello-red)`},
		{"two Deployments in the active slot", helloService + helloBlue + helloGreen + labelled("hello-too", "app: hello, slot: blue"),
			`exit 5: service "hello": slot slot=blue is served by more than one Deployment (hello-blue, hello-too); give each a slot of its own`},
		{"traffic on two Deployments", selecting("hello", "app: hello") + helloBlue + helloGreen,
			`exit 5: service "hello" selects the pods of 2 Deployments at once (hello-blue, hello-green): its traffic already goes to all of them; ` +
				`add a label that only one of them has to the Service's selector first`},
		{"two labels that could be the slot key", selecting("hello", "app: hello, color: red, version: v1") + labelled("a", "app: hello, color: red, version: v1") +
			labelled("b", "app: hello, color: blue, version: v1") + labelled("c", "app: hello, color: red, version: v2"),
			`exit 2: service "hello": the labels color, version each separate two Deployments; say which one tells the slots apart with --slot-key`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := readCluster(t, test.objects)
			_, err := findPair(&c.world, &c.Services[0], "")
			wantText(t, errorText(err), test.want)
		})
	}
}

// journalled is the Service with a release from blue to green of hello and hello-np in its journal.
const journalled = `
kind: Service
metadata:
  name: hello
  annotations:
    kubectl-switchyard.github.io/release: '{"id":"4a3ca920","operation":"switch","phase":"%s","by":"ann@laptop","slotKey":"slot","from":"blue","to":"green","services":["hello","hello-np"]}'
spec: {selector: {app: hello, slot: %s}}
---
`

func TestFindPairInTheMiddleOfARelease(t *testing.T) {
	tests := []struct {
		name, objects, want string
	}{
		{"cut off between two Services", fmt.Sprintf(journalled, "Switched", "green") + selecting("hello-np", "app: hello, slot: blue"),
			"active green; slots blue=hello-blue green=hello-green; services hello hello-np; bystanders <none>; adopt false; lock hello; settled false"},
		{"done", fmt.Sprintf(journalled, "Switched", "green") + selecting("hello-np", "app: hello, slot: green"),
			"active green; slots blue=hello-blue green=hello-green; services hello hello-np; bystanders <none>; adopt false; lock hello; settled true"},
		{"a Service that came later is not of it", fmt.Sprintf(journalled, "Switched", "green") + selecting("hello-np", "app: hello, slot: green") + selecting("a-new", "app: hello, slot: green"),
			"active green; slots blue=hello-blue green=hello-green; services hello hello-np; bystanders <none>; adopt false; lock hello; settled true"},
		{"a Service of it is gone", fmt.Sprintf(journalled, "Soaking", "green"),
			"active green; slots blue=hello-blue green=hello-green; services hello; bystanders <none>; adopt false; lock hello; settled true"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := readCluster(t, test.objects+helloBlue+helloGreen).pairOf(t, "hello", "")
			wantText(t, fmt.Sprintf("%s; settled %t", pairText(p), p.settled("green")), "key slot, "+test.want)
		})
	}
}

func TestFindPairReadsTheJournal(t *testing.T) {
	// The journal's slot key counts where the labels alone would not decide.
	p := readCluster(t, strings.ReplaceAll(fmt.Sprintf(journalled, "Switched", "green"), `"slotKey":"slot"`, `"slotKey":"tier"`)+
		selecting("x", "a: b")+labelled("one", "app: hello, slot: green")).pairOf(t, "hello", "")
	wantText(t, pairText(p), "key tier, active blue; slots blue=one; services hello; bystanders <none>; adopt true; lock hello")

	p = readCluster(t, `
kind: Service
metadata: {name: hello, annotations: {kubectl-switchyard.github.io/release: '{"id":'}}
spec: {selector: {app: hello, slot: blue}}
---
`+helloBlue).pairOf(t, "hello", "")
	wantText(t, fmt.Sprint(p.RecordError), "annotation kubectl-switchyard.github.io/release is unreadable: unexpected end of JSON input")
}

func TestTarget(t *testing.T) {
	red := labelled("hello-red", "app: hello, slot: red")
	onGreen := selecting("hello", "app: hello, slot: green")
	tests := []struct {
		name, objects, to, want string
	}{
		{"the only idle one", helloService + helloBlue + helloGreen, "", "green=hello-green"},
		{"a new one beside blue", helloService + helloBlue, "", "green="},
		{"a new one beside green", onGreen + helloGreen, "", "blue="},
		{"one of several idle ones", helloService + helloBlue + helloGreen + red, "red", "red=hello-red"},
		{"a new one of that name", helloService + helloBlue + helloGreen, "v9", "v9="},
		{"the active one", helloService + helloBlue + helloGreen, "blue", "blue=hello-blue"},
		{"not said which", helloService + helloBlue + helloGreen + red, "",
			`exit 2: service "hello" has more than one idle slot; there is blue (deployment hello-blue), green (deployment hello-green), red (deployment hello-red); say which one with --to`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := readCluster(t, test.objects).pairOf(t, "hello", "").target(test.to)
			text := errorText(err)
			if err == nil {
				text = got.Value + "=" + got.name()
			}
			wantText(t, text, test.want)
		})
	}
}

func TestOnly(t *testing.T) {
	two := helloService + selecting("hello-lb", "app: hello, slot: blue") + selecting("hello-np", "app: hello, slot: blue")
	tests := []struct {
		name, objects string
		names         []string
		want          string
	}{
		{"one name takes them all", two, []string{"hello"}, "hello hello-lb hello-np"},
		{"two names take just these", two, []string{"hello", "hello-np"}, "hello hello-np"},
		{"in whatever order", two, []string{"hello-np", "hello"}, "hello hello-np"},
		{"one that leads elsewhere", two + selecting("away", "app: hello, slot: green"), []string{"hello", "away"},
			`exit 2: service "away" does not lead to the pods of slot slot=blue, so it cannot be moved with "hello"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := readCluster(t, test.objects+helloBlue+helloGreen).pairOf(t, "hello", "")
			text := errorText(p.only(test.names))
			if text == "none" {
				text = strings.Join(p.serviceNames(), " ")
			}
			wantText(t, text, test.want)
		})
	}
}

func TestLooksLikeBlueGreen(t *testing.T) {
	const history = "kind: Service\nmetadata: {name: hello, annotations: {kubectl-switchyard.github.io/history: '[]'}}\nspec: {selector: {app: hello, slot: blue}}\n---\n"
	tests := map[string]struct {
		objects string
		want    bool
	}{
		"two slots":        {helloService + helloBlue + helloGreen, true},
		"one slot":         {helloService + helloBlue, false},
		"with a history":   {history + helloBlue, true},
		"with a release":   {fmt.Sprintf(journalled, "WaitingAtGate", "blue") + helloBlue, true},
		"a preview itself": {"kind: Service\nmetadata: {name: hello, annotations: {kubectl-switchyard.github.io/preview-of: web}}\nspec: {selector: {app: hello, slot: blue}}\n---\n" + helloBlue + helloGreen, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := looksLikeBlueGreen(readCluster(t, test.objects).pairOf(t, "hello", "")); got != test.want {
				t.Errorf("got %t, want %t", got, test.want)
			}
		})
	}
}
