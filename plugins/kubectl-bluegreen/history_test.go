package main

import (
	"strings"
	"testing"

	"github.com/kubectl-switchyard/switchyard/pkg/output"
	"github.com/kubectl-switchyard/switchyard/pkg/release"
)

func TestHistoryTable(t *testing.T) {
	entries, err := release.ReadHistory(map[string]string{release.AnnotationHistory: `[
		{"id":"4a3ca920","operation":"run","result":"rolled back","by":"ann@laptop","at":"2026-11-22T03:25:00Z","from":"blue","to":"green","images":{"proxy":"shop/proxy:3","app":"shop/hello:2"},"reason":"container app of pod p ended"},
		{"id":"00c0ffee","operation":"\u001b[2Jswitch","result":"done","by":"bob@desk","at":"2026-11-20T03:30:00Z","from":"green","to":"blue"},
		{"id":"01c0ffee","operation":"prepare","result":"failed","by":"bob@desk"}]`})
	if err != nil {
		t.Fatal(err)
	}
	h := &history{Namespace: "shop", Service: "hello", Releases: entries, now: moment.Time}
	wantText(t, printed(t, h, output.Flags{}), `AGE         OPERATION     RESULT        FROM     TO       IMAGES                                BY
5m          run           rolled back   blue     green    app=shop/hello:2,proxy=shop/proxy:3   ann@laptop
2d          ^[[2Jswitch   done          green    blue     <none>                                bob@desk
<unknown>   prepare       failed        <none>   <none>   <none>                                bob@desk
`)
	wide := printed(t, h, output.Flags{Format: "wide", NoHeaders: true})
	if first, _, _ := strings.Cut(wide, "\n"); !strings.HasSuffix(first, "4a3ca920   2026-11-22T03:25:00Z   container app of pod p ended") {
		t.Errorf("the wide table begins with %q", first)
	}
	wantText(t, printed(t, h, output.Flags{Format: "name"}), "4a3ca920\n00c0ffee\n01c0ffee\n")
}

func TestJournalOf(t *testing.T) {
	const kept = "kind: Service\nmetadata: {name: hello-np, annotations: {kubectl-switchyard.github.io/history: '[]'}}\nspec: {selector: {app: hello, slot: blue}}\n---\n"
	tests := []struct{ name, objects, service, want string }{
		{"its own", kept + helloService + helloBlue, "hello-np", "hello-np"},
		{"that of the Service beside it", helloService + selecting("hello-np", "app: hello, slot: blue") + helloBlue, "hello-np", "hello"},
		{"of a Service that leads nowhere", selecting("hello", "app: gone"), "hello", "hello"},
		{"of one that is not there", helloService + helloBlue, "hallo", `exit 2: no Service "hallo" in namespace "shop"; did you mean hello?`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			service, err := journalOf(t.Context(), readCluster(t, test.objects).client(t), test.service)
			text := errorText(err)
			if err == nil {
				text = service.Name
			}
			wantText(t, text, test.want)
		})
	}
}
