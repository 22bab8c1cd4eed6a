package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-switchyard/switchyard/pkg/exit"
)

// confirm asks "switch web?" of somebody who types the given input.
func confirm(ctx context.Context, in io.Reader, terminal bool) (answer bool, asked string, err error) {
	var errOut bytes.Buffer
	env := NewEnv(genericiooptions.IOStreams{In: in, Out: io.Discard, ErrOut: &errOut})
	env.IsTerminal = func() bool { return terminal }
	answer, err = Confirm(ctx, env, "switch web\x1b?")
	return answer, errOut.String(), err
}

func TestConfirm(t *testing.T) {
	const question = "switch web^[? [y/N] "
	const again = "please answer yes or no\n"
	tests := map[string]struct {
		in    string
		want  bool
		asked string
	}{
		"y":                           {"y\n", true, question},
		"Yes, with a carriage return": {"Yes\r\n", true, question},
		"no":                          {"no\n", false, question},
		"return alone":                {"\n", false, question},
		"end of input":                {"", false, question + "\n"},
		"yes without a line end":      {"yes", true, question + "\n"},
		"neither, then yes":           {"maybe\ny\n", true, question + again + question},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			answer, asked, err := confirm(t.Context(), strings.NewReader(tt.in), true)
			if err != nil || answer != tt.want || asked != tt.asked {
				t.Errorf("answer %v, asked %q, error %v; want %v, %q", answer, asked, err, tt.want, tt.asked)
			}
		})
	}
}

func TestConfirmLeavesTheRestOfTheInput(t *testing.T) {
	in := strings.NewReader("yes\nnext")
	if _, _, err := confirm(t.Context(), in, true); err != nil {
		t.Fatal(err)
	}
	if rest, _ := io.ReadAll(in); string(rest) != "next" {
		t.Errorf("left %q, want next", rest)
	}
}

func TestConfirmWithoutATerminal(t *testing.T) {
	answer, asked, err := confirm(t.Context(), strings.NewReader("yes\n"), false)
	const want = "stdin is no terminal: pass --yes to go on without being asked"
	if answer || asked != "" || err == nil || err.Error() != want || exit.CodeOf(err) != exit.Usage {
		t.Errorf("answer %v, asked %q, error %v (code %d)", answer, asked, err, exit.CodeOf(err))
	}
}

func TestConfirmEndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("interrupted")
	cancel(cause)
	never, _ := io.Pipe()
	if answer, _, err := confirm(ctx, never, true); answer || !errors.Is(err, cause) {
		t.Errorf("answer %v, error %v; want the cause of the context", answer, err)
	}
}

func TestConfirmReadError(t *testing.T) {
	broken := errors.New("broken")
	if answer, _, err := confirm(t.Context(), iotest.ErrReader(broken), true); answer || !errors.Is(err, broken) {
		t.Errorf("answer %v, error %v; want broken", answer, err)
	}
}
