package main

import (
	"context"
	"fmt"
	"io"
	"sort"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/kubectl-switchyard/switchyard/pkg/cli"
	"github.com/kubectl-switchyard/switchyard/pkg/exit"
	"github.com/kubectl-switchyard/switchyard/pkg/output"
	"github.com/kubectl-switchyard/switchyard/pkg/release"
	"github.com/kubectl-switchyard/switchyard/pkg/workload"
)

// The values of result.Result.
const (
	resultDone       = "done"
	resultUnchanged  = "unchanged"
	resultWaiting    = "waiting"
	resultFailed     = "failed"
	resultRolledBack = "rolled back"
	resultAborted    = "aborted"
)

// result is what an acting verb reports: the document BlueGreenResult.
type result struct {
	Operation string `json:"operation"`
	// Result is done, unchanged, waiting, failed, rolled back or aborted.
	Result    string `json:"result"`
	Namespace string `json:"namespace"`
	// Services are those that move together.
	Services []string `json:"services"`
	SlotKey  string   `json:"slotKey"`
	From     string   `json:"from"`
	To       string   `json:"to"`
	// Active is the slot that has the traffic now, as far as this command knows.
	Active  string           `json:"active"`
	Release string           `json:"release,omitempty"`
	Reason  string           `json:"reason,omitempty"`
	DryRun  string           `json:"dryRun,omitempty"`
	Seconds float64          `json:"seconds"`
	Steps   []release.Timing `json:"steps,omitempty"`
	// text is the sentence for people.
	text string
}

// DocumentKind implements output.Document.
func (*result) DocumentKind() string { return "BlueGreenResult" }

// Names implements output.Document.
func (r *result) Names() []string {
	var names []string
	for _, service := range r.Services {
		names = append(names, "service/"+service)
	}
	return names
}

// Tables implements output.Document: one line, as kubectl confirms a write.
func (r *result) Tables() []output.Table {
	if r.Result == resultUnchanged {
		return nil // the note on stderr has said why
	}
	text := r.text
	if text == "" {
		text = fmt.Sprintf("%s: %s %s", strings.Join(r.Names(), ", "), r.Operation, r.Result)
	}
	if r.DryRun == "server" {
		text += " (server dry run)"
	}
	return []output.Table{{Columns: []output.Column{{}}, Rows: [][]output.Cell{{output.C("%s", text)}}}}
}

func (a *actor) resultOf(p *pair, verb string, m move) result {
	text := fmt.Sprintf("service/%s switched to %s=%s (deployment %s)", strings.Join(m.services, ", service/"), m.key, m.to, m.deployment)
	if verb == "rollback" {
		text = fmt.Sprintf("service/%s rolled back to %s=%s (deployment %s)", strings.Join(m.services, ", service/"), m.key, m.to, m.deployment)
	}
	return result{Operation: verb, Result: resultDone, Namespace: a.client.Namespace, Services: m.services, SlotKey: m.key, From: m.from, To: m.to,
		Active: m.to, Release: m.record.ID, text: text}
}

// unchanged is the operation of a verb that has nothing to do.
func (a *actor) unchanged(p *pair, verb, why string) *operation {
	return &operation{
		plan: release.Plan{Notes: []string{why}},
		result: result{Operation: verb, Result: resultUnchanged, Namespace: a.client.Namespace, Services: p.serviceNames(), SlotKey: p.Key,
			Active: p.Active.Value, Reason: why},
	}
}

// read reads the named Services with their slots, for a verb that acts.
func (a *actor) read(ctx context.Context) (*world, *pair, error) {
	w, p, err := readPair(ctx, a.client, a.names, a.SlotKey)
	if err != nil {
		return nil, nil, err
	}
	a.primary, a.lockName, a.events.About.Name = p.Primary.Name, p.LockName, p.Primary.Name
	a.events.About.UID = p.Primary.UID
	a.readVersion, a.readAt = p.Primary.ResourceVersion, time.Now()
	if p.RecordError != nil {
		return nil, nil, exit.Errorf(exit.Refused, "service %s: %w; look at it, then remove it with kubectl annotate service %s -n %s %s-", p.Primary.Name,
			p.RecordError, p.Primary.Name, a.client.Namespace, release.AnnotationRelease)
	}
	return w, p, nil
}

// imagesOf returns the images of the Deployment's containers by name.
func imagesOf(d *appsv1.Deployment) map[string]string {
	images := map[string]string{}
	for _, image := range workload.Images(d.Spec.Template) {
		if !image.Init {
			images[image.Container] = image.Image
		}
	}
	return images
}

// imageText is a map of images in one line.
func imageText(images map[string]string) string {
	var parts []string
	for container, image := range images {
		parts = append(parts, container+"="+image)
	}
	sort.Strings(parts)
	return strings.Join(parts, ",")
}

// mayTouchManaged tells whether objects that a GitOps tool manages may be part of the plan: with the flag, or when the plan
// is only printed, which is how its change gets into Git.
func (a *actor) mayTouchManaged() bool { return a.AllowGitOps || a.DryRun == cli.DryRunClient }

// gitOpsRefusal returns why a GitOps tool would undo the move.
func (a *actor) gitOpsRefusal(p *pair, m move) []string {
	if a.mayTouchManaged() {
		return nil
	}
	var why []string
	for _, service := range p.Services {
		owner, owned := workload.GitOpsOwner(service.Labels, service.Annotations, service.ManagedFields)
		if owned {
			why = append(why, fmt.Sprintf("service %s is managed by %s (%s), which would put its selector back; commit this change instead, or pass --allow-gitops: "+
				"spec.selector.%s: %s", service.Name, owner.Tool, owner.Evidence, m.key, m.to))
		}
	}
	return why
}

// servicesForGit returns the Services as they would be, fit for Git.
func (a *actor) servicesForGit(p *pair, m move) []*unstructured.Unstructured {
	var objects []*unstructured.Unstructured
	for _, service := range p.Services {
		clean := &corev1.Service{Spec: *service.Spec.DeepCopy()}
		clean.APIVersion, clean.Kind, clean.Name, clean.Namespace = "v1", "Service", service.Name, service.Namespace
		clean.Labels, clean.Annotations = service.Labels, withoutOurs(service.Annotations)
		clean.Spec.Selector[m.key] = m.to
		clean.Spec.ClusterIPs = nil
		if clean.Spec.ClusterIP != corev1.ClusterIPNone {
			clean.Spec.ClusterIP = ""
		}
		if object := forGit(clean); object != nil {
			objects = append(objects, object)
		}
	}
	return objects
}

// withoutOurs drops the journal and kubectl's own bookkeeping: neither belongs into Git.
func withoutOurs(annotations map[string]string) map[string]string {
	var kept map[string]string
	for key, value := range annotations {
		if strings.HasPrefix(key, release.Domain+"/") || key == corev1.LastAppliedConfigAnnotation {
			continue
		}
		if kept == nil {
			kept = map[string]string{}
		}
		kept[key] = value
	}
	return kept
}

// forGit turns a typed object into what a person would commit.
func forGit(object runtime.Object) *unstructured.Unstructured {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil { // the built-in types all convert
		return nil
	}
	unstructured.RemoveNestedField(content, "status")
	unstructured.RemoveNestedField(content, "metadata", "creationTimestamp")
	return &unstructured.Unstructured{Object: content}
}

// printObjects writes API objects, not a report: YAML documents, or one JSON list.
func printObjects(out io.Writer, format output.Format, objects []*unstructured.Unstructured) error {
	var printer printers.ResourcePrinter = &printers.YAMLPrinter{}
	if format == output.FormatJSON {
		list := &unstructured.UnstructuredList{Object: map[string]any{"apiVersion": "v1", "kind": "List"}}
		for _, object := range objects {
			list.Items = append(list.Items, *object)
		}
		return (&printers.JSONPrinter{}).PrintObj(list, out)
	}
	for _, object := range objects {
		if err := printer.PrintObj(object, out); err != nil {
			return err
		}
	}
	return nil
}
