package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-switchyard/switchyard/pkg/exit"
)

func TestRun(t *testing.T) {
	tests := map[string]result{
		"switch web --replicas=3": {exit.OK, "service/web switched, old side kept: forever\n", ""},
		"switch web --replicas=3 --dry-run=server --keep-old=0s": {
			exit.OK, "service/web switched (server dry run), old side kept: 0s\n", ""},
		"-n shop switch --replicas=3 web": {exit.OK, "service/web switched, old side kept: forever\n", ""},
		"fail":                            {exit.Refused, "", "error: service \"web\"^[[2J: no pods\n  error: forged\n"},
		"fail --color=always": {
			exit.Refused, "", "\x1b[31merror: \x1b[0mservice \"web\"^[[2J: no pods\n  error: forged\n"},
		"swich": {exit.Usage, "", "error: unknown command \"swich\" for \"kubectl bluegreen\"; did you mean switch?\n" +
			"  see 'kubectl bluegreen --help'\n"},
		"frobnicate": {exit.Usage, "", "error: unknown command \"frobnicate\" for \"kubectl bluegreen\"\n" +
			"  see 'kubectl bluegreen --help'\n"},
		"switch": {exit.Usage, "", "error: missing argument SERVICE: usage: kubectl bluegreen switch SERVICE [flags]\n" +
			"  see 'kubectl bluegreen switch --help'\n"},
		"switch web api": {exit.Usage, "", "error: unexpected argument \"api\": usage: kubectl bluegreen switch SERVICE [flags]\n" +
			"  see 'kubectl bluegreen switch --help'\n"},
		"switch web": {exit.Usage, "", "error: required flag(s) \"replicas\" not set\n" +
			"  see 'kubectl bluegreen switch --help'\n"},
		"switch web --frob": {exit.Usage, "", "error: unknown flag: --frob\n" +
			"  see 'kubectl bluegreen switch --help'\n"},
		"switch web --dry-run=maybe": {exit.Usage, "",
			"error: invalid argument \"maybe\" for \"--dry-run\" flag: must be one of none, client, server\n" +
				"  see 'kubectl bluegreen switch --help'\n"},
		"wait --color=pink": {exit.Usage, "",
			"error: invalid argument \"pink\" for \"--color\" flag: must be one of auto, always, never\n" +
				"  see 'kubectl bluegreen wait --help'\n"},
		"help frobnicate": {exit.Usage, "", "error: unknown command \"frobnicate\" for \"kubectl bluegreen\"\n"},
		"version -o xml": {exit.Usage, "",
			"error: unknown output format \"xml\": -o takes one of table, wide, json, yaml, name\n"},
		"completion bash": {exit.Usage, "", "error: unknown command \"completion\" for \"kubectl bluegreen\"\n" +
			"  see 'kubectl bluegreen --help'\n"},
	}
	for args, want := range tests {
		t.Run(args, func(t *testing.T) { assertResult(t, run(t.Context(), args), want) })
	}
}

func TestRunInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assertResult(t, run(ctx, "wait"), result{exit.Interrupted, "waiting\n", "error: interrupted: wait for deployment web\n"})
	assertResult(t, run(ctx, "fail"), result{exit.Refused, "", "error: service \"web\"^[[2J: no pods\n  error: forged\n"})
}

func TestVerdict(t *testing.T) {
	cancelled, cancel := context.WithCancelCause(t.Context())
	cancel(exit.Errorf(exit.Interrupted, "interrupted (signal: terminated)"))
	late, stop := context.WithTimeout(t.Context(), 0)
	defer stop()
	missing := apierrors.NewNotFound(schema.GroupResource{Resource: "services"}, "web")

	tests := map[string]struct {
		ctx  context.Context
		err  error
		code exit.Code
		text string
	}{
		"the plain error of a context":       {cancelled, context.Canceled, exit.Interrupted, "interrupted"},
		"the cause of a context":             {cancelled, context.Cause(cancelled), exit.Interrupted, "interrupted (signal: terminated)"},
		"any other error while interrupted":  {cancelled, errors.New("read pods: EOF"), exit.Interrupted, "interrupted: read pods: EOF"},
		"a verb that cancels by itself":      {t.Context(), fmt.Errorf("list: %w", context.Canceled), exit.Interrupted, "interrupted: list"},
		"an error with a code says it all":   {cancelled, exit.Errorf(exit.No, "failed: %w", context.Canceled), exit.No, "failed: context canceled"},
		"a deadline is no interruption":      {late, context.DeadlineExceeded, exit.TimedOut, "context deadline exceeded"},
		"an API error when all goes its way": {t.Context(), missing, exit.Usage, `services "web" not found`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			code, text := verdict(tt.ctx, tt.err)
			if code != tt.code || text != tt.text {
				t.Errorf("verdict = %d %q, want %d %q", code, text, tt.code, tt.text)
			}
		})
	}
}

func TestArguments(t *testing.T) {
	tests := map[string]struct{ argv, want []string }{
		"plugin":                   {[]string{"/usr/bin/kubectl-bluegreen", "switch", "web"}, []string{"switch", "web"}},
		"completion by a link":     {[]string{"/bin/kubectl_complete-bluegreen", "switch", ""}, []string{"__complete", "switch", ""}},
		"completion on Windows":    {[]string{"kubectl_complete-bluegreen.exe", "s"}, []string{"__complete", "s"}},
		"no arguments, no program": {nil, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := arguments(tt.argv); !slices.Equal(got, tt.want) {
				t.Errorf("arguments = %q, want %q", got, tt.want)
			}
		})
	}
}
