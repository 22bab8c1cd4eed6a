package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/ptr"

	"golang.org/x/sync/errgroup"

	"github.com/kubectl-switchyard/switchyard/pkg/cli"
	"github.com/kubectl-switchyard/switchyard/pkg/exit"
	"github.com/kubectl-switchyard/switchyard/pkg/kube"
	"github.com/kubectl-switchyard/switchyard/pkg/release"
	"github.com/kubectl-switchyard/switchyard/pkg/workload"
)

// source says where the new version comes from.
type source struct {
	Images    []string
	Filenames []string
	Kustomize string
	To        string
	Preview   bool
}

func (s *source) add(fs *pflag.FlagSet) {
	fs.StringArrayVar(&s.Images, "image", nil, "the new image, `CONTAINER=IMAGE`, or IMAGE alone when there is one container; repeatable")
	fs.StringSliceVarP(&s.Filenames, "filename", "f", nil, "take the new Deployment from this `FILE`, directory or URL instead of cloning the active one; - is stdin")
	fs.StringVarP(&s.Kustomize, "kustomize", "k", "", "take the new Deployment from this kustomization `DIRECTORY`")
	fs.StringVar(&s.To, "to", "", "the `SLOT` to prepare; by default the idle one, else a new one")
	fs.BoolVar(&s.Preview, "preview", false, "make a Service NAME-preview that leads to the idle slot until the release ends")
}

func (s *source) given() bool { return len(s.Images)+len(s.Filenames) > 0 || s.Kustomize != "" }

func (s *source) check() error {
	if len(s.Filenames) > 0 && s.Kustomize != "" {
		return exit.Errorf(exit.Usage, "-f and -k: give one of them")
	}
	if len(s.Images) > 0 && (len(s.Filenames) > 0 || s.Kustomize != "") {
		return exit.Errorf(exit.Usage, "--image with -f or -k: give one of them; the manifest names its images")
	}
	if !s.given() {
		return exit.Errorf(exit.Usage, "say what is new: --image CONTAINER=IMAGE, or the new Deployment with -f or -k")
	}
	return nil
}

func newPrepare(env *cli.Env) *cobra.Command {
	var flags actFlags
	var from source
	cmd := actingVerb(env, "prepare SERVICE [SERVICE...]", "Bring the new version up in the idle slot; no traffic moves",
		`Create or update the idle Deployment from the active one, with new images, at the active one's present size, and wait
until it is available. No traffic moves. An HPA and a PDB of the active side get a counterpart. Before anything is
created it is looked up whether there is room for twice the size.

A Service with a single Deployment is adopted first: it gains a label that names the slot.`,
		`  kubectl bluegreen prepare hello --image app=shop/hello:2.0
  kubectl bluegreen prepare hello --image shop/hello:2.0 --preview
  kubectl bluegreen prepare hello -f hello-green.yaml --dry-run=client`,
		func(cmd *cobra.Command, args []string) error {
			if err := from.check(); err != nil && len(args) > 0 {
				return err
			}
			a, err := newActor(cmd.Context(), env, flags, args)
			if err != nil {
				return err
			}
			manifest, err := a.readManifest(from)
			if err != nil {
				return err
			}
			return a.act(cmd.Context(), "prepare", func(ctx context.Context) (*operation, error) { return a.planPrepare(ctx, from, manifest) })
		})
	flags.add(cmd.Flags())
	from.add(cmd.Flags())
	return cmd
}

func (a *actor) planPrepare(ctx context.Context, from source, manifest *unstructured.Unstructured) (*operation, error) {
	w, p, err := a.read(ctx)
	if err != nil {
		return nil, err
	}
	if underway(p.Record) && p.Record.Operation == "run" {
		return nil, exit.Errorf(exit.Refused, "release %s of %s is %s; go on with kubectl bluegreen run %s, or end it with abort", p.Record.ID, p.Record.By,
			p.Record.Phase, p.Primary.Name)
	}
	idle, err := a.planIdle(ctx, w, p, from, manifest)
	if err != nil {
		return nil, err
	}
	record := a.newRecord(p, "prepare", idle)
	op := &operation{objects: idle.objects, result: result{Operation: "prepare", Result: resultDone, Namespace: a.client.Namespace, Services: p.serviceNames(),
		SlotKey: p.Key, From: p.Active.Value, To: idle.slot.Value, Active: p.Active.Value, Release: record.ID,
		text: fmt.Sprintf("deployment.apps/%s prepared in slot %s; service %s still selects %s", idle.name, idle.slot.Value, p.Primary.Name, p.Active.Value)}}
	op.plan.Title = fmt.Sprintf("prepare slot %s of service %s in namespace %s with %s:", idle.slot.Value, p.Primary.Name, a.client.Namespace, imageText(idle.images))
	op.plan.Steps = append(a.bringUp(p, idle, record), release.Step{
		ID: "journal-prepared", Text: "note in the journal that the new side is up",
		Do: func(ctx context.Context) (string, error) {
			a.events.Normal(ctx, "Prepared", "%s prepared %s=%s with %s (release %s)", a.by, p.Key, idle.slot.Value, imageText(idle.images), record.ID)
			return "", a.journal(ctx, record.In(release.AtGate, a.now()))
		},
	})
	op.plan.Notes, op.plan.Warnings = idle.notes, idle.warnings
	op.failed = a.prepareFailed(p, record)
	return op, nil
}

// prepareFailed ends a release whose new side did not come up. Traffic never moved.
func (a *actor) prepareFailed(p *pair, record release.Record) func(context.Context, error) error {
	return func(ctx context.Context, err error) error {
		switch code := exit.CodeOf(err); code {
		case exit.Waiting:
			return err
		case exit.No, exit.Refused: // what was begun came to nothing
		default:
			return exit.Errorf(code, "%w\nno traffic was moved: service %s is on %s=%s (deployment %s); the same command again resumes, abort ends it", err, p.Primary.Name,
				p.Key, p.Active.Value, p.Active.name())
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		if undo := a.restore(ctx, p.Active.name()); undo != nil {
			a.messages.Warnf("deployment %s: its rollout settings were not put back: %v", p.Active.name(), undo)
		}
		failed := record.In(release.Failed, a.now())
		failed.Reason = firstLine(err)
		if journal := a.conclude(ctx, a.entryOf(record, record.Operation, resultFailed, failed.Reason), &failed); journal != nil {
			a.messages.Warnf("the journal was not written: %v", journal)
		}
		a.events.Warning(ctx, "PrepareFailed", "%s (release %s)", failed.Reason, record.ID)
		return exit.Errorf(exit.No, "%w\nno traffic was moved: service %s is on %s=%s (deployment %s). Clean up with kubectl bluegreen abort %s, or try again with another image",
			err, p.Primary.Name, p.Key, p.Active.Value, p.Active.name(), p.Primary.Name)
	}
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// newRecord begins the journal of a release, or goes on with the one that is under way.
func (a *actor) newRecord(p *pair, verb string, idle *idlePlan) release.Record {
	now := a.now()
	record := release.Record{
		ID: release.NewID(), Operation: verb, By: a.by, StartedAt: metav1.NewTime(now), SlotKey: p.Key, From: p.Active.Value, To: idle.slot.Value,
		Services: p.serviceNames(), Images: idle.images, FromRevision: revisionOf(p.Active),
	}
	if underway(p.Record) && p.Record.To == record.To {
		record.ID, record.By, record.StartedAt = p.Record.ID, p.Record.By, p.Record.StartedAt
	}
	return record.In(release.Preparing, now)
}

// bringUp returns the steps that bring the new side up.
func (a *actor) bringUp(p *pair, idle *idlePlan, record release.Record) []release.Step {
	// The journal comes first: from it a later call knows which Services belong together, adopted or not.
	steps := append(a.settleSteps(p), release.Step{
		ID: "journal", Text: fmt.Sprintf("begin a release in the journal of service %s", p.Primary.Name),
		Do: func(ctx context.Context) (string, error) { return "release " + record.ID, a.journal(ctx, record) },
	})
	steps = append(append(steps, idle.adopt...), idle.steps...)
	return append(steps, a.waitFullStep("await-idle", idle.name, p.Active.size(), func(ctx context.Context) []time.Duration { return a.peers(ctx, p.Active.name()) }))
}

// settleSteps finish a switch or rollback that was cut off between two Services, before anything new begins.
func (a *actor) settleSteps(p *pair) []release.Step {
	if p.Record == nil || p.Adopt || p.settled(p.Active.Value) || p.Record.To != p.Active.Value {
		return nil
	}
	m := move{services: p.serviceNames(), key: p.Key, from: p.Record.From, to: p.Record.To, deployment: p.Active.name(), record: *p.Record,
		what: fmt.Sprintf("finishing the switch to %s=%s refused", p.Key, p.Record.To)}
	return []release.Step{a.switchStep(m), a.endpointsStep(m)}
}

// room looks up whether n more pods of the template fit. What cannot be read is said.
func (a *actor) room(ctx context.Context, template corev1.PodTemplateSpec, n int32) (workload.Room, error) {
	in := workload.RoomInput{Namespace: a.client.Namespace}
	typed, namespace := a.client.Typed, a.client.Namespace
	group, ctx := errgroup.WithContext(ctx)
	fetch(group, &in.Nodes, &in.NodesUnread, func() ([]corev1.Node, error) {
		return kube.List[corev1.Node](ctx, metav1.ListOptions{}, typed.CoreV1().Nodes().List)
	})
	fetch(group, &in.Pods, &in.PodsUnread, func() ([]corev1.Pod, error) {
		running := metav1.ListOptions{FieldSelector: "status.phase!=Succeeded,status.phase!=Failed"}
		return kube.List[corev1.Pod](ctx, running, typed.CoreV1().Pods(metav1.NamespaceAll).List)
	})
	fetch(group, &in.Quotas, &in.QuotasUnread, func() ([]corev1.ResourceQuota, error) {
		return kube.List[corev1.ResourceQuota](ctx, metav1.ListOptions{}, typed.CoreV1().ResourceQuotas(namespace).List)
	})
	fetch(group, &in.Limits, &in.LimitsUnread, func() ([]corev1.LimitRange, error) {
		return kube.List[corev1.LimitRange](ctx, metav1.ListOptions{}, typed.CoreV1().LimitRanges(namespace).List)
	})
	if err := group.Wait(); err != nil {
		return workload.Room{}, err
	}
	return workload.CheckRoom(template, n, in), nil
}

// previewName is the name of the Service that leads to the idle slot.
func previewName(service *corev1.Service) string { return service.Name + "-preview" }

// previewService is a Service that leads to the idle slot with the ports of the real one.
func previewService(p *pair, slot string) *corev1.Service {
	preview := &corev1.Service{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
		ObjectMeta: metav1.ObjectMeta{Name: previewName(p.Primary), Namespace: p.Primary.Namespace,
			Annotations: map[string]string{release.AnnotationPreviewOf: p.Primary.Name}},
		Spec: corev1.ServiceSpec{Selector: map[string]string{}},
	}
	for key, value := range p.Primary.Spec.Selector {
		preview.Spec.Selector[key] = value
	}
	preview.Spec.Selector[p.Key] = slot
	for _, port := range p.Primary.Spec.Ports {
		port.NodePort = 0
		preview.Spec.Ports = append(preview.Spec.Ports, port)
	}
	return preview
}

// wantReplicas is the size that the new side gets: the serving side's present one.
func wantReplicas(p *pair) int32 { return max(ptr.Deref(p.Active.Deployment.Spec.Replicas, 1), 1) }
