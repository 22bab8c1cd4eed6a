package workload

import (
	"cmp"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Rollout is how far a Deployment is, in replicas.
type Rollout struct {
	// Desired is spec.replicas, or 1 where it is not set.
	Desired int32 `json:"desired"`
	// Current counts all pods of the Deployment that are not being deleted, whatever their template.
	Current int32 `json:"current"`
	// Updated counts the pods of the current template.
	Updated int32 `json:"updated"`
	// Ready and Available count pods of every template; available is ready for minReadySeconds.
	Ready     int32 `json:"ready"`
	Available int32 `json:"available"`
	// Observed tells whether the controller has seen this generation. The other counts are stale while it has not.
	Observed bool `json:"observed"`
	// Settled tells that nothing is left to do: observed, and updated, available and current all equal desired.
	Settled bool `json:"settled"`
}

// RolloutOf reads the Rollout of a Deployment from its status. The rule for Settled is DeploymentComplete in
// pkg/controller/deployment/util/deployment_util.go.
func RolloutOf(d *appsv1.Deployment) Rollout {
	r := Rollout{
		Desired:   1,
		Current:   d.Status.Replicas,
		Updated:   d.Status.UpdatedReplicas,
		Ready:     d.Status.ReadyReplicas,
		Available: d.Status.AvailableReplicas,
		Observed:  d.Status.ObservedGeneration >= d.Generation,
	}
	if d.Spec.Replicas != nil {
		r.Desired = *d.Spec.Replicas
	}
	r.Settled = r.Observed && r.Updated == r.Desired && r.Available == r.Desired && r.Current == r.Desired
	return r
}

// CurrentReplicaSet returns the ReplicaSet of the Deployment's present template, or nil when the controller has not
// made it yet. Like FindNewReplicaSet in pkg/controller/deployment/util/deployment_util.go it compares templates
// without their pod-template-hash and takes the oldest of several equal ones. The result points into sets.
func CurrentReplicaSet(d *appsv1.Deployment, sets []appsv1.ReplicaSet) *appsv1.ReplicaSet {
	var found *appsv1.ReplicaSet
	for i := range sets {
		rs := &sets[i]
		if !controlledBy(rs, d.UID) || !sameTemplate(rs.Spec.Template, d.Spec.Template) {
			continue
		}
		if found == nil || olderReplicaSet(rs, found) {
			found = rs
		}
	}
	return found
}

func olderReplicaSet(a, b *appsv1.ReplicaSet) bool {
	if a.CreationTimestamp.Equal(&b.CreationTimestamp) {
		return a.Name < b.Name
	}
	return a.CreationTimestamp.Before(&b.CreationTimestamp)
}

func sameTemplate(a, b corev1.PodTemplateSpec) bool {
	a, b = *a.DeepCopy(), *b.DeepCopy()
	delete(a.Labels, appsv1.DefaultDeploymentUniqueLabelKey)
	delete(b.Labels, appsv1.DefaultDeploymentUniqueLabelKey)
	return apiequality.Semantic.DeepEqual(a, b)
}

// controlledBy compares by UID: a name can come back with another object behind it.
func controlledBy(o metav1.Object, uid types.UID) bool {
	ref := metav1.GetControllerOfNoCopy(o)
	return ref != nil && ref.UID == uid
}

// OwnedPods returns the pods that belong to the Deployment through one of its ReplicaSets, in the order given.
// Ownership follows the controller references, never labels: selectors of two Deployments may overlap.
func OwnedPods(d *appsv1.Deployment, sets []appsv1.ReplicaSet, pods []corev1.Pod) []corev1.Pod {
	owners := map[types.UID]bool{}
	for i := range sets {
		if controlledBy(&sets[i], d.UID) {
			owners[sets[i].UID] = true
		}
	}
	var owned []corev1.Pod
	for i := range pods {
		if ref := metav1.GetControllerOfNoCopy(&pods[i]); ref != nil && owners[ref.UID] {
			owned = append(owned, pods[i])
		}
	}
	return owned
}

// PodReady tells whether the pod's Ready condition is True. A pod that is being deleted can still be ready.
func PodReady(p *corev1.Pod) bool {
	c := podCondition(p, corev1.PodReady)
	return c != nil && c.Status == corev1.ConditionTrue
}

// PodAvailable tells whether the pod has been ready for at least minReadySeconds at the time now. The rule is
// IsPodAvailable in pkg/api/v1/pod/util.go.
func PodAvailable(p *corev1.Pod, minReadySeconds int32, now time.Time) bool {
	if !PodReady(p) {
		return false
	}
	if minReadySeconds == 0 {
		return true
	}
	since := podCondition(p, corev1.PodReady).LastTransitionTime
	return !since.IsZero() && !since.Add(time.Duration(minReadySeconds)*time.Second).After(now)
}

func podCondition(p *corev1.Pod, kind corev1.PodConditionType) *corev1.PodCondition {
	for i := range p.Status.Conditions {
		if p.Status.Conditions[i].Type == kind {
			return &p.Status.Conditions[i]
		}
	}
	return nil
}

// HasReadinessGate tells whether something other than the mere start of a process decides that a pod of the template
// is ready: a container or restartable init container has a readinessProbe, or the pod has a readiness gate. Without
// it a pod takes traffic as soon as its processes exist (probe results start as Success where there is no probe:
// pkg/kubelet/prober/prober_manager.go, UpdatePodStatus).
func HasReadinessGate(t corev1.PodTemplateSpec) bool {
	if len(t.Spec.ReadinessGates) > 0 {
		return true
	}
	return slices.ContainsFunc(servingContainers(t.Spec), func(c corev1.Container) bool { return c.ReadinessProbe != nil })
}

// servingContainers returns the containers that run as long as the pod does: restartable init containers first, in
// template order.
func servingContainers(s corev1.PodSpec) []corev1.Container {
	var all []corev1.Container
	for _, c := range s.InitContainers {
		if restartable(c) {
			all = append(all, c)
		}
	}
	return append(all, s.Containers...)
}

// restartable tells whether an init container is a sidecar (KEP-753).
func restartable(c corev1.Container) bool {
	return c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways
}

// StartupTime returns how long the pod took from the start of its first container to Ready. It answers false for a
// pod that is not ready, has restarted a container, or lacks the times. The time of a pod that lost its readiness and
// got it back is too long: the API keeps only the latest transition.
func StartupTime(p *corev1.Pod) (time.Duration, bool) {
	if !PodReady(p) || len(p.Status.ContainerStatuses) == 0 {
		return 0, false
	}
	var started []time.Time
	for _, s := range p.Status.ContainerStatuses {
		if s.RestartCount > 0 || s.State.Running == nil || s.State.Running.StartedAt.IsZero() {
			return 0, false
		}
		started = append(started, s.State.Running.StartedAt.Time)
	}
	ready := podCondition(p, corev1.PodReady).LastTransitionTime
	first := slices.MinFunc(started, time.Time.Compare)
	if ready.IsZero() || ready.Time.Before(first) {
		return 0, false
	}
	return ready.Sub(first), true
}

// Image is one container's image.
type Image struct {
	Container string `json:"container"`
	Image     string `json:"image"`
	Init      bool   `json:"init,omitempty"`
}

// Images returns the images of the template: containers, then init containers, each in template order.
func Images(t corev1.PodTemplateSpec) []Image {
	var all []Image
	for _, c := range t.Spec.Containers {
		all = append(all, Image{Container: c.Name, Image: c.Image})
	}
	for _, c := range t.Spec.InitContainers {
		all = append(all, Image{Container: c.Name, Image: c.Image, Init: true})
	}
	return all
}

// versionLabels are the labels that by convention carry a version, the best first
// (https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/).
var versionLabels = []string{"app.kubernetes.io/version", "version"}

// VersionLabel returns the version the template's labels claim, or "".
func VersionLabel(t corev1.PodTemplateSpec) string {
	first, second := t.Labels[versionLabels[0]], t.Labels[versionLabels[1]]
	return cmp.Or(first, second)
}
