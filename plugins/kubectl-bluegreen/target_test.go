package main

import (
	"fmt"
	"strings"
	"testing"
)

func TestParseServices(t *testing.T) {
	tests := map[string]string{
		"hello":                    "hello",
		"svc/hello":                "hello",
		"hello service/b Svc/c":    "hello b c",
		"services/hello":           "hello",
		"":                         "",
		"deployment/hello":         `exit 2: "deployment/hello" is no Service; write NAME or svc/NAME`,
		"svc/":                     `exit 2: "svc/" is no Service; write NAME or svc/NAME`,
		"hello deploy/hello-green": `exit 2: "deploy/hello-green" is no Service; write NAME or svc/NAME`,
	}
	for args, want := range tests {
		t.Run(args, func(t *testing.T) {
			names, err := parseServices(strings.Fields(args))
			text := errorText(err)
			if err == nil {
				text = strings.Join(names, " ")
			}
			wantText(t, text, want)
		})
	}
}

func TestReadPairKeepsTheJournalOnOneService(t *testing.T) {
	three := selecting("hello-np", "app: hello, slot: blue") + selecting("hello", "app: hello, slot: blue") + selecting("hello-lb", "app: hello, slot: blue")
	// The release moved hello, which carries it, and was cut off before hello-np.
	cutOff := fmt.Sprintf(journalled, "Switched", "green") + selecting("hello-np", "app: hello, slot: blue") + selecting("another", "app: hello, slot: blue")
	tests := []struct {
		name, objects, named, want string
	}{
		{"the first by name of all", three, "hello-np", "hello: hello hello-lb hello-np"},
		{"whichever is named", three, "hello-lb", "hello: hello hello-lb hello-np"},
		{"the first by name of those that are named", three, "hello-np hello-lb", "hello-lb: hello-lb hello-np"},
		{"the one with the release", cutOff, "hello-np", "hello: hello hello-np"},
		{"the one with the release, named with the other", cutOff, "hello-np hello", "hello: hello hello-np"},
		{"beside the release", cutOff, "another hello-np", `exit 2: service "hello" carries the release of hello-np; name it too`},
		{"beside the release, with its Service", cutOff, "another hello-np hello", `exit 2: service "another" does not lead to the pods of slot slot=green, so it cannot be moved with "hello"`},
		{"a misspelt one", three, "helo", `exit 2: no Service "helo" in namespace "shop"; did you mean hello?`},
		{"one of two misspelt", three, "hello hello-nq", `exit 2: no Service "hello-nq" in namespace "shop"; did you mean hello-np?`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			client := readCluster(t, test.objects+helloBlue+helloGreen).client(t)
			_, p, err := readPair(t.Context(), client, strings.Fields(test.named), "")
			text := errorText(err)
			if err == nil {
				text = p.Primary.Name + ": " + strings.Join(p.serviceNames(), " ")
			}
			wantText(t, text, test.want)
		})
	}
}

func TestReadPairWantsTheServiceWithTheJournal(t *testing.T) {
	group := strings.ReplaceAll(fmt.Sprintf(journalled, "Switched", "blue"), `["hello","hello-np"]`, `["hello","hello-lb","hello-np"]`) +
		selecting("hello-np", "app: hello, slot: blue") + selecting("hello-lb", "app: hello, slot: blue")
	_, _, err := readPair(t.Context(), readCluster(t, group+helloBlue+helloGreen).client(t), []string{"hello-lb", "hello-np"}, "")
	wantText(t, errorText(err), `exit 2: service "hello" carries the release of hello-lb, hello-np; name it too`)
}

func TestNeedService(t *testing.T) {
	tests := map[string]struct{ objects, want string }{
		"some": {three(), `exit 2: name a Service; in namespace "shop" there is hello, hello-np`},
		"none": {selecting("away", "app: away") + helloBlue, `exit 2: name a Service; none in namespace "shop" leads to a Deployment`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			wantText(t, errorText(needService(t.Context(), readCluster(t, test.objects).client(t))), test.want)
		})
	}
}

// three are a Service, its node port, and its preview.
func three() string {
	return helloService + selecting("hello-np", "app: hello, slot: blue") + helloBlue +
		"kind: Service\nmetadata: {name: hello-preview, annotations: {kubectl-switchyard.github.io/preview-of: hello}}\nspec: {selector: {app: hello, slot: blue}}\n---\n"
}
