package workload

import (
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Owner is a tool that will undo changes made beside it.
type Owner struct {
	// Tool is "Argo CD", "Flux" or "Helm".
	Tool string `json:"tool"`
	// Name is the tool's own object: an Argo CD Application, a Flux namespace/name, a Helm namespace/release. It is
	// empty where the evidence does not tell it.
	Name string `json:"name,omitempty"`
	// Evidence is the annotation, label or field manager that says so.
	Evidence string `json:"evidence"`
}

const (
	argoTrackingID = "argocd.argoproj.io/tracking-id"
	argoInstance   = "argocd.argoproj.io/instance"
	fluxKustomize  = "kustomize.toolkit.fluxcd.io"
	fluxHelm       = "helm.toolkit.fluxcd.io"
)

// gitOpsManagers are the field managers under which the GitOps tools write. argocd-controller is the apply manager of
// Argo CD (common/common.go there), the others are the Flux controllers' names.
var gitOpsManagers = map[string]string{
	"argocd-controller":             "Argo CD",
	"argocd-application-controller": "Argo CD",
	"kustomize-controller":          "Flux",
	"helm-controller":               "Flux",
}

// GitOpsOwner tells whether a GitOps tool owns the manifest of an object with these labels, annotations and field
// managers, and which. The label app.kubernetes.io/instance is no evidence: Helm charts set it too. An object on which
// Flux was told to stand back (kustomize.toolkit.fluxcd.io/reconcile: disabled, or ssa: Ignore or IfNotPresent) is not
// owned by it.
func GitOpsOwner(labels, annotations map[string]string, managers []metav1.ManagedFieldsEntry) (Owner, bool) {
	if id := annotations[argoTrackingID]; id != "" {
		name, _, _ := strings.Cut(id, ":")
		return Owner{Tool: "Argo CD", Name: name, Evidence: "annotation " + argoTrackingID + "=" + id}, true
	}
	if name := labels[argoInstance]; name != "" {
		return Owner{Tool: "Argo CD", Name: name, Evidence: "label " + argoInstance + "=" + name}, true
	}
	if fluxStandsBack(labels, annotations) {
		return Owner{}, false
	}
	for _, group := range []string{fluxKustomize, fluxHelm} {
		if name := labels[group+"/name"]; name != "" {
			owner := Owner{Tool: "Flux", Name: name, Evidence: "label " + group + "/name=" + name}
			if ns := labels[group+"/namespace"]; ns != "" {
				owner.Name = ns + "/" + name
			}
			return owner, true
		}
	}
	for _, m := range managers {
		if tool := gitOpsManagers[m.Manager]; tool != "" && m.Subresource == "" {
			return Owner{Tool: tool, Evidence: "field manager " + m.Manager}, true
		}
	}
	return Owner{}, false
}

// fluxStandsBack reads Flux's per-object switches, which it takes from labels or annotations
// (https://fluxcd.io/flux/components/kustomize/kustomizations/#controlling-the-apply-behavior-of-resources).
func fluxStandsBack(labels, annotations map[string]string) bool {
	for _, m := range []map[string]string{labels, annotations} {
		if strings.EqualFold(m[fluxKustomize+"/reconcile"], "disabled") {
			return true
		}
		if ssa := m[fluxKustomize+"/ssa"]; strings.EqualFold(ssa, "Ignore") || strings.EqualFold(ssa, "IfNotPresent") {
			return true
		}
	}
	return false
}

// HelmRelease tells which Helm release an object belongs to. Only Helm's ownership annotation counts: charts rendered
// by other tools carry app.kubernetes.io/managed-by: Helm as well. The label is named in the evidence when present.
func HelmRelease(labels, annotations map[string]string) (Owner, bool) {
	release := annotations["meta.helm.sh/release-name"]
	if release == "" {
		return Owner{}, false
	}
	owner := Owner{Tool: "Helm", Name: release, Evidence: "annotation meta.helm.sh/release-name=" + release}
	if ns := annotations["meta.helm.sh/release-namespace"]; ns != "" {
		owner.Name = ns + "/" + release
	}
	if labels[managedByLabel] == "Helm" {
		owner.Evidence += " and label " + managedByLabel + "=Helm"
	}
	return owner, true
}

// KedaOwned tells whether KEDA made the autoscaler, and the name of its ScaledObject.
func KedaOwned(hpa *autoscalingv2.HorizontalPodAutoscaler) (string, bool) {
	return kedaOwner(hpa.OwnerReferences, hpa.Labels)
}

func kedaOwner(refs []metav1.OwnerReference, labels map[string]string) (string, bool) {
	for _, ref := range refs {
		if ref.Kind == "ScaledObject" && groupOf(ref.APIVersion) == "keda.sh" {
			return ref.Name, true
		}
	}
	name := labels["scaledobject.keda.sh/name"]
	return name, name != ""
}

func groupOf(apiVersion string) string {
	gv, err := schema.ParseGroupVersion(apiVersion)
	if err != nil {
		return ""
	}
	return gv.Group
}

// Autoscalers returns those of hpas that scale the Deployment, in the order given.
func Autoscalers(d *appsv1.Deployment, hpas []autoscalingv2.HorizontalPodAutoscaler) []autoscalingv2.HorizontalPodAutoscaler {
	var found []autoscalingv2.HorizontalPodAutoscaler
	for _, hpa := range hpas {
		ref := hpa.Spec.ScaleTargetRef
		// The autoscaler resolves kind and group and ignores the version.
		sameKind := ref.Kind == "Deployment" && slices.Contains([]string{"", "apps", "extensions"}, groupOf(ref.APIVersion))
		if sameKind && ref.Name == d.Name && hpa.Namespace == d.Namespace {
			found = append(found, hpa)
		}
	}
	return found
}

// Budgets returns those of pdbs whose selector matches a pod with these labels, in the order given. All are taken to
// be in the pod's namespace. In policy/v1 a missing selector matches no pod and an empty one every pod; a selector
// that cannot be parsed matches none, as in the disruption controller.
func Budgets(podLabels map[string]string, pdbs []policyv1.PodDisruptionBudget) []policyv1.PodDisruptionBudget {
	var found []policyv1.PodDisruptionBudget
	for _, pdb := range pdbs {
		selector, err := metav1.LabelSelectorAsSelector(pdb.Spec.Selector)
		if err == nil && selector.Matches(labels.Set(podLabels)) {
			found = append(found, pdb)
		}
	}
	return found
}
