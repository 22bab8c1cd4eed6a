package workload

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
)

// checkLimitRanges fills in the defaults of the LimitRanges and then holds the pod against them, as
// plugin/pkg/admission/limitranger/admission.go does.
func (r *Room) checkLimitRanges(s *corev1.PodSpec, in RoomInput) {
	if in.LimitsUnread != "" {
		r.notChecked("LimitRanges and the defaults they set: %s", in.LimitsUnread)
		return
	}
	for _, lr := range in.Limits {
		for _, item := range lr.Spec.Limits {
			if item.Type == corev1.LimitTypeContainer {
				eachContainer(s, func(c *corev1.Container, _ string) {
					setMissing(&c.Resources.Limits, item.Default)
					setMissing(&c.Resources.Requests, item.DefaultRequest)
				})
			}
		}
	}
	for _, lr := range in.Limits {
		for _, item := range lr.Spec.Limits {
			for _, violation := range violations(s, item) {
				r.short("LimitRange %q refuses the pods: %s", lr.Name, violation)
			}
		}
	}
}

func violations(s *corev1.PodSpec, item corev1.LimitRangeItem) []string {
	var found []string
	switch item.Type {
	case corev1.LimitTypeContainer:
		eachContainer(s, func(c *corev1.Container, kind string) {
			found = append(found, outOfBounds(fmt.Sprintf("%s %q", kind, c.Name), item, c.Resources.Requests, c.Resources.Limits)...)
		})
	case corev1.LimitTypePod:
		found = outOfBounds("the pod", item, podRequests(*s), podLimits(*s))
	}
	return found
}

func outOfBounds(who string, item corev1.LimitRangeItem, requests, limits corev1.ResourceList) []string {
	var found []string
	say := func(format string, args ...any) { found = append(found, who+" "+fmt.Sprintf(format, args...)) }
	for _, name := range slices.Sorted(maps.Keys(item.Min)) {
		least, request, limit := item.Min[name], quantity(requests, name), quantity(limits, name)
		switch {
		case request == nil:
			say("requests no %s, the minimum is %s", name, least.String())
		case request.Cmp(least) < 0:
			say("requests %s %s, the minimum is %s", name, request, least.String())
		case limit != nil && limit.Cmp(least) < 0:
			say("has a %s limit of %s, the minimum is %s", name, limit, least.String())
		}
	}
	for _, name := range slices.Sorted(maps.Keys(item.Max)) {
		most, request, limit := item.Max[name], quantity(requests, name), quantity(limits, name)
		switch {
		case limit == nil:
			say("has no %s limit, the maximum is %s", name, most.String())
		case limit.Cmp(most) > 0:
			say("has a %s limit of %s, the maximum is %s", name, limit, most.String())
		case request != nil && request.Cmp(most) > 0:
			say("requests %s %s, the maximum is %s", name, request, most.String())
		}
	}
	for _, name := range slices.Sorted(maps.Keys(item.MaxLimitRequestRatio)) {
		ratio, request, limit := item.MaxLimitRequestRatio[name], quantity(requests, name), quantity(limits, name)
		if request == nil || request.IsZero() || limit == nil || limit.IsZero() {
			say("needs a %s request and limit, their ratio being limited to %s", name, ratio.String())
		} else if actual := limit.AsApproximateFloat64() / request.AsApproximateFloat64(); actual > ratio.AsApproximateFloat64() {
			say("has a %s limit of %.3g times its request, the maximum ratio is %.3g", name, actual, ratio.AsApproximateFloat64())
		}
	}
	return found
}

func quantity(list corev1.ResourceList, name corev1.ResourceName) *resource.Quantity {
	q, ok := list[name]
	if !ok {
		return nil
	}
	return &q
}

// checkQuotas holds n pods against what the quotas have left. The rules are those of
// pkg/quota/v1/evaluator/core/pods.go.
func (r *Room) checkQuotas(s corev1.PodSpec, n int32, in RoomInput) {
	if in.QuotasUnread != "" {
		r.notChecked("ResourceQuotas: %s", in.QuotasUnread)
		return
	}
	usage := quotaUsage(s)
	for _, quota := range in.Quotas {
		applies, unknown := quotaApplies(quota, s)
		switch {
		case unknown != "":
			r.notChecked("ResourceQuota %q: %s", quota.Name, unknown)
			continue
		case !applies:
			continue
		case len(quota.Status.Hard) == 0 && len(quota.Spec.Hard) > 0:
			r.notChecked("ResourceQuota %q: its usage has not been computed yet", quota.Name)
			continue
		}
		r.checkRequired(s, quota)
		for _, name := range slices.Sorted(maps.Keys(quota.Status.Hard)) {
			r.checkQuota(quota, name, usage[name], n)
		}
	}
}

func (r *Room) checkQuota(quota corev1.ResourceQuota, name corev1.ResourceName, each resource.Quantity, n int32) {
	hard, used, need := quota.Status.Hard[name], quota.Status.Used[name], times(each, n)
	left := hard.DeepCopy()
	left.Sub(used)
	if each.IsZero() || need.Cmp(left) <= 0 {
		return
	}
	if left.Sign() < 0 {
		left = resource.Quantity{}
	}
	r.short("ResourceQuota %q: %d more pods need %s of %s, and %s of %s is left",
		quota.Name, n, need.String(), name, left.String(), hard.String())
}

// checkRequired finds containers without a figure that the quota counts: such pods are refused outright. That holds
// for cpu and memory only, and not where resources are declared for the whole pod.
func (r *Room) checkRequired(s corev1.PodSpec, quota corev1.ResourceQuota) {
	if s.Resources != nil && len(s.Resources.Requests)+len(s.Resources.Limits) > 0 {
		return
	}
	required := []corev1.ResourceName{
		corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceRequestsCPU, corev1.ResourceRequestsMemory,
		corev1.ResourceLimitsCPU, corev1.ResourceLimitsMemory,
	}
	for _, name := range required {
		if _, counted := quota.Status.Hard[name]; !counted {
			continue
		}
		plain, isLimit := strings.CutPrefix(string(name), "limits.")
		plain = strings.TrimPrefix(plain, "requests.")
		eachContainer(&s, func(c *corev1.Container, kind string) {
			list, word := c.Resources.Requests, "request"
			if isLimit {
				list, word = c.Resources.Limits, "limit"
			}
			if _, ok := list[corev1.ResourceName(plain)]; !ok {
				r.short("ResourceQuota %q counts %s and refuses the pods: %s %q has no %s %s", quota.Name, name, kind, c.Name, plain, word)
			}
		})
	}
}

// quotaUsage returns what one pod counts for under each name a quota may use.
func quotaUsage(s corev1.PodSpec) corev1.ResourceList {
	one := resource.MustParse("1")
	usage := corev1.ResourceList{corev1.ResourcePods: one, "count/pods": one}
	plain := []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceEphemeralStorage}
	for name, q := range podRequests(s) {
		if slices.Contains(plain, name) || strings.HasPrefix(string(name), corev1.ResourceHugePagesPrefix) {
			usage[name] = q
		}
		usage["requests."+name] = q
	}
	for name, q := range podLimits(s) {
		if slices.Contains(plain, name) {
			usage["limits."+name] = q
		}
	}
	return usage
}

// quotaApplies tells whether all scopes of the quota match the pod, or why that cannot be told.
func quotaApplies(quota corev1.ResourceQuota, s corev1.PodSpec) (bool, string) {
	var scopes []corev1.ScopedResourceSelectorRequirement
	for _, scope := range quota.Spec.Scopes {
		scopes = append(scopes, corev1.ScopedResourceSelectorRequirement{ScopeName: scope, Operator: corev1.ScopeSelectorOpExists})
	}
	if quota.Spec.ScopeSelector != nil {
		scopes = append(scopes, quota.Spec.ScopeSelector.MatchExpressions...)
	}
	unknown := ""
	for _, scope := range scopes {
		matches, reason := scopeMatches(scope, s)
		if reason == "" && !matches {
			return false, ""
		}
		if reason != "" {
			unknown = reason
		}
	}
	return unknown == "", unknown
}

func scopeMatches(scope corev1.ScopedResourceSelectorRequirement, s corev1.PodSpec) (bool, string) {
	switch scope.ScopeName {
	case corev1.ResourceQuotaScopeTerminating:
		return s.ActiveDeadlineSeconds != nil, ""
	case corev1.ResourceQuotaScopeNotTerminating:
		return s.ActiveDeadlineSeconds == nil, ""
	case corev1.ResourceQuotaScopeBestEffort:
		return bestEffort(s), ""
	case corev1.ResourceQuotaScopeNotBestEffort:
		return !bestEffort(s), ""
	case corev1.ResourceQuotaScopePriorityClass:
		return priorityMatches(scope, s.PriorityClassName)
	}
	return false, fmt.Sprintf("its scope %s is not evaluated", scope.ScopeName)
}

// bestEffort is the quality of service of a pod that declares neither cpu nor memory.
func bestEffort(s corev1.PodSpec) bool {
	for _, list := range []corev1.ResourceList{podRequests(s), podLimits(s)} {
		cpu, memory := list[corev1.ResourceCPU], list[corev1.ResourceMemory]
		if !cpu.IsZero() || !memory.IsZero() {
			return false
		}
	}
	return true
}

// priorityMatches judges a PriorityClass scope. Admission gives pods without a class the cluster's default class.
func priorityMatches(scope corev1.ScopedResourceSelectorRequirement, class string) (bool, string) {
	if class == "" {
		return false, "it is for certain priority classes, and the cluster's default class for these pods was not read"
	}
	operators := map[corev1.ScopeSelectorOperator]selection.Operator{
		corev1.ScopeSelectorOpIn: selection.In, corev1.ScopeSelectorOpNotIn: selection.NotIn,
		corev1.ScopeSelectorOpExists: selection.Exists, corev1.ScopeSelectorOpDoesNotExist: selection.DoesNotExist,
	}
	requirement, err := labels.NewRequirement(string(scope.ScopeName), operators[scope.Operator], scope.Values)
	if err != nil {
		return false, "its priority class scope cannot be read: " + err.Error()
	}
	return requirement.Matches(labels.Set{string(scope.ScopeName): class}), ""
}
