package main

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-switchyard/switchyard/pkg/cli"
	"github.com/kubectl-switchyard/switchyard/pkg/exit"
	"github.com/kubectl-switchyard/switchyard/pkg/kube"
	"github.com/kubectl-switchyard/switchyard/pkg/output"
)

// statusFlags are the flags of the verb status.
type statusFlags struct {
	Watch         bool
	AllNamespaces bool
	Selector      string
	SlotKey       string
	Output        output.Flags
}

func newStatus(env *cli.Env) *cobra.Command {
	var flags statusFlags
	cmd := &cobra.Command{
		Use: "status [SERVICE]", Short: "Show the slots, who has the traffic, and where a release stands",
		Long: `Show a Service's slots: images, sizes, endpoints by port, who has the traffic and since when, the release in progress and
who holds the lock. Without a Service it lists every Service that looks like blue/green. It costs the same handful of
requests however many pods there are.`,
		Example: `  kubectl bluegreen status hello
  kubectl bluegreen status hello -w
  kubectl bluegreen status -A
  kubectl bluegreen status hello -o json | jq -r .active`,
		Args: cli.RangeArgs(0, 1, "SERVICE"), ValidArgsFunction: completeServices(env),
		RunE: func(cmd *cobra.Command, args []string) error { return runStatus(cmd.Context(), env, flags, args) },
	}
	fs := cmd.Flags()
	fs.BoolVarP(&flags.Watch, "watch", "w", false, "go on showing changes until interrupted")
	fs.BoolVarP(&flags.AllNamespaces, "all-namespaces", "A", false, "list the Services of all namespaces")
	fs.StringVarP(&flags.Selector, "selector", "l", "", "list the Services with these labels")
	fs.StringVar(&flags.SlotKey, "slot-key", "", "the `LABEL` that tells the slots apart, when it is not found by itself")
	flags.Output.AddFlags(fs)
	return cmd
}

func runStatus(ctx context.Context, env *cli.Env, flags statusFlags, args []string) error {
	printer, err := env.Printer(flags.Output)
	if err != nil {
		return err
	}
	names, err := parseServices(args)
	if err != nil {
		return err
	}
	if len(names) > 0 && (flags.AllNamespaces || flags.Selector != "") {
		return exit.Errorf(exit.Usage, "a Service was named: -A and -l are for listings")
	}
	if _, err := labels.Parse(flags.Selector); err != nil {
		return exit.Errorf(exit.Usage, "-l %q: %w", flags.Selector, err)
	}
	client, err := kube.New(env.Config)
	if err != nil {
		return err
	}
	view := &statusView{env: env, client: client, printer: printer, flags: flags, names: names}
	if flags.Watch {
		return view.watch(ctx)
	}
	if len(names) == 0 {
		return view.list(ctx)
	}
	w, p, err := readPair(ctx, client, names, flags.SlotKey)
	if err != nil {
		return err
	}
	return printer.Print(describe(w, p, env.Clock()))
}

// statusView is one call of the verb status.
type statusView struct {
	env     *cli.Env
	client  *kube.Client
	printer *output.Printer
	flags   statusFlags
	names   []string
}

func (v *statusView) namespace() string {
	if v.flags.AllNamespaces {
		return metav1.NamespaceAll
	}
	return v.client.Namespace
}

func (v *statusView) list(ctx context.Context) error {
	w, err := readWorld(ctx, v.client, v.namespace(), v.flags.Selector)
	if err != nil {
		return err
	}
	list := v.listing(w)
	if len(list.Items) == 0 {
		where := "in namespace " + v.client.Namespace
		if v.flags.AllNamespaces {
			where = "in any namespace"
		}
		v.env.Messages().Infof("no Service %s looks like blue/green; prepare a first release with kubectl bluegreen prepare SERVICE --image ...", where)
		if !v.printer.Format().IsDocument() {
			return nil
		}
	}
	return v.printer.Print(list)
}

// listing picks the Services that look like blue/green. One that moves with another is not listed on its own.
func (v *statusView) listing(w *world) *statusList {
	list := &statusList{Items: []*status{}, NotChecked: w.NotChecked, namespaced: !v.flags.AllNamespaces}
	moved := map[string]bool{}
	for _, recorded := range []bool{true, false} { // one with a journal stands for its group
		for i := range w.Services {
			service := &w.Services[i]
			id := service.Namespace + "/" + service.Name
			p, err := findPair(w, service, v.flags.SlotKey)
			if err != nil || moved[id] || !looksLikeBlueGreen(p) || (p.Record != nil) != recorded {
				continue
			}
			for _, other := range p.Services {
				moved[other.Namespace+"/"+other.Name] = true
			}
			list.Items = append(list.Items, describe(w, p, v.env.Clock()))
		}
	}
	slices.SortFunc(list.Items, func(a, b *status) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Service, b.Service))
	})
	return list
}

// watch shows the status again whenever something that it tells has changed.
func (v *statusView) watch(ctx context.Context) error {
	typed, namespace := v.client.Watching, v.namespace()
	services := kube.NewStore[corev1.Service](typed.CoreV1().Services(namespace), metav1.ListOptions{LabelSelector: v.flags.Selector})
	deployments := kube.NewStore[appsv1.Deployment](typed.AppsV1().Deployments(namespace), metav1.ListOptions{})
	endpointSlices := kube.NewStore[discoveryv1.EndpointSlice](typed.DiscoveryV1().EndpointSlices(namespace), metav1.ListOptions{})
	rest, err := readWorld(ctx, v.client, namespace, v.flags.Selector)
	if err != nil {
		return err
	}
	live := output.NewLive(v.env.Out, output.LiveOptions{})
	defer live.Close()
	last := ""
	return kube.Until(ctx, func() (bool, error) {
		w := *rest
		w.Services, w.Deployments, w.Slices = services.Items(), deployments.Items(), endpointSlices.Items()
		document, summary, err := v.picture(&w)
		if err != nil {
			return false, err
		}
		if v.printer.Format().IsDocument() {
			return false, v.printChange(document, &last)
		}
		var lines []string
		for i, table := range document.Tables() {
			if i > 0 {
				lines = append(lines, "")
			}
			lines = append(lines, v.printer.Lines(table)...)
		}
		live.Update(output.Frame{Lines: lines, Summary: summary})
		return false, nil
	}, services, deployments, endpointSlices)
}

// picture makes the document of this moment, and its line for those who have no terminal.
func (v *statusView) picture(w *world) (output.Document, string, error) {
	if len(v.names) == 0 {
		list := v.listing(w)
		var lines []string
		for _, item := range list.Items {
			lines = append(lines, item.line())
		}
		return list, strings.Join(lines, " | "), nil
	}
	service := w.service(v.client.Namespace, v.names[0])
	if service == nil {
		return nil, "", kube.NotFound("Service", v.names[0], v.client.Namespace, w.serviceNames(v.client.Namespace))
	}
	p, err := findPair(w, service, v.flags.SlotKey)
	if err != nil {
		return nil, "", err
	}
	s := describe(w, p, v.env.Clock())
	return s, s.line(), nil
}

func (v *statusView) printChange(document output.Document, last *string) error {
	text, err := output.JSON(document)
	if err != nil || string(text) == *last {
		return err
	}
	*last = string(text)
	return v.printer.Print(document)
}

// line tells what changes in a status, in one line without ages, so that nothing is appended while nothing happens.
func (s *status) line() string {
	parts := []string{s.Service + ": " + s.SlotKey + "=" + orNone(s.Active)}
	for _, one := range s.Slots {
		parts = append(parts, one.Value+" "+countCell(one.Ready, one.Desired).Text)
	}
	if s.Release != nil {
		parts = append(parts, "release "+s.Release.ID+" "+string(s.Release.Phase))
	}
	return strings.Join(parts, ", ")
}
