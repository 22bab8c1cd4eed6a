package workload

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestGitOpsOwner(t *testing.T) {
	cases := []struct {
		name, metadata string
		want           Owner
	}{
		{"Argo CD by annotation", `annotations: {argocd.argoproj.io/tracking-id: "shop:apps/Deployment:prod/hello"}`,
			Owner{"Argo CD", "shop", "annotation argocd.argoproj.io/tracking-id=shop:apps/Deployment:prod/hello"}},
		{"Argo CD by its own label", `labels: {argocd.argoproj.io/instance: shop}`,
			Owner{"Argo CD", "shop", "label argocd.argoproj.io/instance=shop"}},
		{"Argo CD by field manager", `managedFields: [{manager: argocd-controller, operation: Apply}]`,
			Owner{"Argo CD", "", "field manager argocd-controller"}},
		{"a status writer owns nothing", `managedFields: [{manager: argocd-controller, operation: Update, subresource: status}]`, Owner{}},
		{"Flux Kustomization", `labels: {kustomize.toolkit.fluxcd.io/name: apps, kustomize.toolkit.fluxcd.io/namespace: flux-system}`,
			Owner{"Flux", "flux-system/apps", "label kustomize.toolkit.fluxcd.io/name=apps"}},
		{"Flux HelmRelease", `labels: {helm.toolkit.fluxcd.io/name: hello}`,
			Owner{"Flux", "hello", "label helm.toolkit.fluxcd.io/name=hello"}},
		{"Flux told to stand back", `{labels: {kustomize.toolkit.fluxcd.io/name: apps}, annotations: {kustomize.toolkit.fluxcd.io/reconcile: disabled}}`, Owner{}},
		{"the common instance label is no evidence", `labels: {app.kubernetes.io/instance: shop, app.kubernetes.io/managed-by: Helm}`, Owner{}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m := parse[metav1.ObjectMeta](t, c.metadata)
			got, ok := GitOpsOwner(m.Labels, m.Annotations, m.ManagedFields)
			if got != c.want || ok != (c.want != Owner{}) {
				t.Errorf("got %+v, %v; want %+v", got, ok, c.want)
			}
		})
	}
}

func TestHelmRelease(t *testing.T) {
	got, ok := HelmRelease(
		map[string]string{"app.kubernetes.io/managed-by": "Helm"},
		map[string]string{"meta.helm.sh/release-name": "hello", "meta.helm.sh/release-namespace": "shop"})
	want := Owner{"Helm", "shop/hello", "annotation meta.helm.sh/release-name=hello and label app.kubernetes.io/managed-by=Helm"}
	if got != want || !ok {
		t.Errorf("got %+v, %v; want %+v", got, ok, want)
	}
	if got, ok := HelmRelease(map[string]string{"app.kubernetes.io/managed-by": "Helm"}, nil); ok {
		t.Errorf("the label alone gave %+v", got)
	}
}

func TestAutoscalers(t *testing.T) {
	d := parse[appsv1.Deployment](t, `metadata: {name: hello, namespace: shop}`)
	hpas := parseAll[autoscalingv2.HorizontalPodAutoscaler](t, `
metadata: {name: mine, namespace: shop}
spec: {maxReplicas: 3, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: hello}}
---
metadata: {name: old-group, namespace: shop}
spec: {maxReplicas: 3, scaleTargetRef: {apiVersion: extensions/v1beta1, kind: Deployment, name: hello}}
---
metadata: {name: other-name, namespace: shop}
spec: {maxReplicas: 3, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: hello-green}}
---
metadata: {name: other-kind, namespace: shop}
spec: {maxReplicas: 3, scaleTargetRef: {apiVersion: apps/v1, kind: StatefulSet, name: hello}}
---
metadata: {name: other-namespace, namespace: test}
spec: {maxReplicas: 3, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: hello}}
---
metadata: {name: other-group, namespace: shop}
spec: {maxReplicas: 3, scaleTargetRef: {apiVersion: example.com/v1, kind: Deployment, name: hello}}`)
	var got []string
	for _, hpa := range Autoscalers(&d, hpas) {
		got = append(got, hpa.Name)
	}
	wantLines(t, got, []string{"mine", "old-group"})
}

func TestKedaOwned(t *testing.T) {
	for _, c := range []struct{ name, metadata, want string }{
		{"by owner", `ownerReferences: [{apiVersion: keda.sh/v1alpha1, kind: ScaledObject, name: queue, uid: u}]`, "queue"},
		{"by label", `labels: {scaledobject.keda.sh/name: queue}`, "queue"},
		{"another owner", `ownerReferences: [{apiVersion: example.com/v1, kind: ScaledObject, name: queue, uid: u}]`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			hpa := autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: parse[metav1.ObjectMeta](t, c.metadata)}
			if got, ok := KedaOwned(&hpa); got != c.want || ok != (c.want != "") {
				t.Errorf("got %q, %v", got, ok)
			}
		})
	}
}

func TestBudgets(t *testing.T) {
	pdbs := parseAll[policyv1.PodDisruptionBudget](t, `
metadata: {name: mine}
spec: {selector: {matchLabels: {app: hello}}}
---
metadata: {name: all}
spec: {selector: {}}
---
metadata: {name: none}
spec: {}
---
metadata: {name: other}
spec: {selector: {matchLabels: {app: bye}}}`)
	var got []string
	for _, pdb := range Budgets(map[string]string{"app": "hello"}, pdbs) {
		got = append(got, pdb.Name)
	}
	wantLines(t, got, []string{"mine", "all"})
}
