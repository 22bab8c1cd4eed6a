package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-switchyard/switchyard/pkg/cli"
	"github.com/kubectl-switchyard/switchyard/pkg/exit"
	"github.com/kubectl-switchyard/switchyard/pkg/kube"
	"github.com/kubectl-switchyard/switchyard/pkg/output"
	"github.com/kubectl-switchyard/switchyard/pkg/release"
)

// history is the document BlueGreenHistory.
type history struct {
	Namespace string `json:"namespace"`
	Service   string `json:"service"`
	// Releases are the last ones, newest first.
	Releases []release.Entry `json:"releases"`
	now      time.Time
}

// DocumentKind implements output.Document.
func (*history) DocumentKind() string { return "BlueGreenHistory" }

// Names implements output.Document.
func (h *history) Names() []string {
	var names []string
	for _, entry := range h.Releases {
		names = append(names, entry.ID)
	}
	return names
}

// Tables implements output.Document.
func (h *history) Tables() []output.Table {
	table := output.Table{Columns: []output.Column{{Name: "AGE"}, {Name: "OPERATION"}, {Name: "RESULT"}, {Name: "FROM"}, {Name: "TO"}, {Name: "IMAGES"}, {Name: "BY"},
		{Name: "RELEASE", Wide: true}, {Name: "TIME", Wide: true}, {Name: "REASON", Wide: true}}}
	for _, entry := range h.Releases {
		style := output.Good
		if entry.Result != resultDone {
			style = output.Warn
		}
		table.Rows = append(table.Rows, []output.Cell{
			output.C("%s", output.Age(entry.At.Time, h.now)), output.C("%s", entry.Operation), output.S(style, entry.Result), output.C("%s", orNone(entry.From)),
			output.C("%s", orNone(entry.To)), output.C("%s", orNone(imageText(entry.Images))), output.C("%s", entry.By), output.C("%s", entry.ID),
			output.C("%s", entry.At.UTC().Format(time.RFC3339)), output.C("%s", orNone(entry.Reason)),
		})
	}
	return []output.Table{table}
}

func orNone(text string) string {
	if text == "" {
		return "<none>"
	}
	return text
}

func newHistory(env *cli.Env) *cobra.Command {
	var flags output.Flags
	cmd := &cobra.Command{
		Use: "history SERVICE", Short: "Show the last releases: who, when, from, to, images, result",
		Long:    "Show the last ten releases of a Service, newest first, as kept in its annotations.",
		Example: "  kubectl bluegreen history hello\n  kubectl bluegreen history hello -o json",
		Args:    cli.RangeArgs(0, 1, "SERVICE"), ValidArgsFunction: completeServices(env),
		RunE: func(cmd *cobra.Command, args []string) error { return runHistory(cmd.Context(), env, flags, args) },
	}
	flags.AddFlags(cmd.Flags())
	return cmd
}

func runHistory(ctx context.Context, env *cli.Env, flags output.Flags, args []string) error {
	printer, err := env.Printer(flags)
	if err != nil {
		return err
	}
	names, err := parseServices(args)
	if err != nil {
		return err
	}
	client, err := kube.New(env.Config)
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return needService(ctx, client)
	}
	service, err := journalOf(ctx, client, names[0])
	if err != nil {
		return err
	}
	entries, err := release.ReadHistory(service.Annotations)
	if err != nil {
		return exit.Errorf(exit.No, "service %s: %w", names[0], err)
	}
	if len(entries) == 0 {
		env.Messages().Infof("service %s in namespace %s has no release history", names[0], client.Namespace)
		if printer.Format() == output.FormatTable || printer.Format() == output.FormatWide {
			return nil
		}
		entries = []release.Entry{}
	}
	return printer.Print(&history{Namespace: client.Namespace, Service: service.Name, Releases: entries, now: env.Clock()})
}

// journalOf returns the Service that carries the journal of the named one, which is itself when it leads to no slots any
// more.
func journalOf(ctx context.Context, client *kube.Client, name string) (*corev1.Service, error) {
	w, err := readWorld(ctx, client, client.Namespace, "")
	if err != nil {
		return nil, err
	}
	named := w.service(client.Namespace, name)
	if named == nil {
		return nil, kube.NotFound("Service", name, client.Namespace, w.serviceNames(client.Namespace))
	}
	p, err := findPair(w, named, "")
	if err != nil || named.Annotations[release.AnnotationHistory] != "" {
		return named, nil
	}
	return primaryOf(w, p, nil), nil
}
