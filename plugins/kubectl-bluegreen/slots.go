package main

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/kubectl-switchyard/switchyard/pkg/exit"
	"github.com/kubectl-switchyard/switchyard/pkg/release"
	"github.com/kubectl-switchyard/switchyard/pkg/traffic"
)

// identityKeys are labels that say what an application is; two Deployments that differ in one of them are two
// applications, so none of them is ever taken for the slot key by itself.
var identityKeys = []string{
	"app", "name", "k8s-app", "component", "tier", "app.kubernetes.io/name", "app.kubernetes.io/instance",
	"app.kubernetes.io/component", "app.kubernetes.io/part-of", "app.kubernetes.io/managed-by", "pod-template-hash",
}

// statedVersion is the recommended label for the version of an application
// (https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/).
const statedVersion = "app.kubernetes.io/version"

// slotKeys are labels that by custom tell versions of one application apart, best first.
var slotKeys = []string{"slot", "version", "color", "colour", "track", statedVersion, release.Domain + "/slot"}

// The slot that a lone Deployment gets, and the one beside it.
const (
	defaultKey = "slot"
	blue       = "blue"
	green      = "green"
)

// slot is one of the Deployments behind a Service. Deployment is nil for a slot that is yet to be made.
type slot struct {
	Value      string
	Deployment *appsv1.Deployment
}

// size returns the number of replicas that the slot is meant to have.
func (s *slot) size() int32 {
	if s == nil || s.Deployment == nil {
		return 0
	}
	return ptr.Deref(s.Deployment.Spec.Replicas, 1)
}

// name returns the Deployment's name, "" when there is none.
func (s *slot) name() string {
	if s == nil || s.Deployment == nil {
		return ""
	}
	return s.Deployment.Name
}

// pair is a Service with its slots: the unit that is released.
type pair struct {
	// Primary is the Service that was named; it carries the journal.
	Primary *corev1.Service
	// Services move together; the first is Primary.
	Services []*corev1.Service
	// Bystanders are Services that select pods of both slots, whatever is switched.
	Bystanders []*corev1.Service
	// Key is the label that tells the slots apart.
	Key string
	// Slots are in order of their value.
	Slots []*slot
	// Active is the slot that Primary names.
	Active *slot
	// Adopt is set when some of the Services do not name a slot yet: there is one Deployment, and they must gain the key.
	Adopt bool
	// LockName is the Service whose name the lock has: the same one whichever of Services is named.
	LockName string
	// Record is the release in progress, nil for none; RecordError is set when it cannot be read.
	Record      *release.Record
	RecordError error
}

// findPair works out what is released when the Service is. key is the slot key if it was given. The error has
// exit.Refused for a Service that cannot be switched, and exit.Usage when the slot key must be given.
func findPair(w *world, service *corev1.Service, key string) (*pair, error) {
	if service.Spec.Type == corev1.ServiceTypeExternalName {
		return nil, exit.Errorf(exit.Refused, "service %q is of type ExternalName: it leads to %q by DNS and selects no pods, so there is nothing to switch",
			service.Name, service.Spec.ExternalName)
	}
	if len(service.Spec.Selector) == 0 {
		return nil, exit.Errorf(exit.Refused, "service %q has no selector: its endpoints are written by somebody else, so there is nothing to switch", service.Name)
	}
	local := deploymentsIn(w, service.Namespace)
	p := &pair{Primary: service, Key: key}
	p.Record, p.RecordError = release.ReadRecord(service.Annotations)
	if p.Key == "" && p.Record != nil {
		p.Key = p.Record.SlotKey
	}
	if err := p.findSlots(local); err != nil {
		return nil, err
	}
	p.findServices(w)
	return p, nil
}

func deploymentsIn(w *world, namespace string) []*appsv1.Deployment {
	var local []*appsv1.Deployment
	for i := range w.Deployments {
		if w.Deployments[i].Namespace == namespace {
			local = append(local, &w.Deployments[i])
		}
	}
	return local
}

// findSlots fills in Key, Slots, Active and Adopt.
func (p *pair) findSlots(deployments []*appsv1.Deployment) error {
	selector := p.Primary.Spec.Selector
	if p.Key == "" {
		separating := separatingKeys(selector, deployments)
		if len(separating) > 1 {
			return exit.Errorf(exit.Usage, "service %q: the labels %s each separate two Deployments; say which one tells the slots apart with --slot-key",
				p.Primary.Name, strings.Join(separating, ", "))
		}
		if len(separating) == 1 {
			p.Key = separating[0]
		}
	}
	if value, named := selector[p.Key]; p.Key != "" && named {
		p.Slots = slotsBy(p.Key, traffic.Without(selector, p.Key), deployments)
		return p.activate(value)
	}
	return p.findLone(selector, deployments)
}

// activate makes the slot with the value the active one.
func (p *pair) activate(value string) error {
	for _, s := range p.Slots {
		if s.Value == value {
			p.Active = s
		}
	}
	if p.Active == nil {
		return exit.Errorf(exit.Refused, "service %q selects %s=%s, but no Deployment has pods with these labels%s",
			p.Primary.Name, p.Key, value, p.slotList())
	}
	if _, twice := ownersOf(p.Slots, value); twice != "" {
		return exit.Errorf(exit.Refused, "service %q: slot %s=%s is served by more than one Deployment (%s); give each a slot of its own",
			p.Primary.Name, p.Key, value, twice)
	}
	return nil
}

func (p *pair) slotList() string {
	var found []string
	for _, s := range p.Slots {
		found = append(found, fmt.Sprintf("%s (deployment %s)", s.Value, s.name()))
	}
	if len(found) == 0 {
		return ""
	}
	return "; there is " + strings.Join(found, ", ")
}

func ownersOf(slots []*slot, value string) (first *slot, twice string) {
	var names []string
	for _, s := range slots {
		if s.Value == value {
			first = s
			names = append(names, s.name())
		}
	}
	if len(names) > 1 {
		return first, strings.Join(names, ", ")
	}
	return first, ""
}

// findLone looks for the one Deployment behind a Service that names no slot.
func (p *pair) findLone(selector map[string]string, deployments []*appsv1.Deployment) error {
	var selected []*appsv1.Deployment
	for _, d := range deployments {
		if traffic.Selects(selector, d.Spec.Template.Labels) {
			selected = append(selected, d)
		}
	}
	if len(selected) == 0 {
		return exit.Errorf(exit.Refused, "service %q selects %s, but no Deployment has pods with these labels", p.Primary.Name, labelText(selector))
	}
	if len(selected) > 1 {
		var names []string
		for _, d := range selected {
			names = append(names, d.Name)
		}
		sort.Strings(names)
		return exit.Errorf(exit.Refused, "service %q selects the pods of %d Deployments at once (%s): its traffic already goes to all of them; "+
			"add a label that only one of them has to the Service's selector first", p.Primary.Name, len(names), strings.Join(names, ", "))
	}
	d := selected[0]
	if p.Key == "" {
		p.Key = loneKey(selector, d)
	}
	value := d.Spec.Template.Labels[p.Key]
	if value == "" {
		value = blue
	}
	p.Active = &slot{Value: value, Deployment: d}
	p.Slots = []*slot{p.Active}
	return nil
}

// loneKey picks the slot key for a lone Deployment: a label that its pods and the Service have already, else one that
// its pods have, else the default. app.kubernetes.io/version on pods alone is not taken: it states a version, and would
// state a false one as the name of a slot.
func loneKey(selector map[string]string, d *appsv1.Deployment) string {
	for _, key := range slotKeys {
		if selector[key] != "" {
			return key
		}
	}
	for _, key := range slotKeys {
		if d.Spec.Template.Labels[key] != "" && key != statedVersion {
			return key
		}
	}
	return defaultKey
}

// separatingKeys returns the selector keys by which Deployments differ that are otherwise selected alike. When several
// do, those that are slot keys by custom are preferred.
func separatingKeys(selector map[string]string, deployments []*appsv1.Deployment) []string {
	var keys []string
	for key := range selector {
		if slices.Contains(identityKeys, key) {
			continue
		}
		if slots := slotsBy(key, traffic.Without(selector, key), deployments); distinct(slots) > 1 {
			keys = append(keys, key)
		}
	}
	sort.Strings(keys)
	customary := slices.DeleteFunc(slices.Clone(keys), func(key string) bool { return !slices.Contains(slotKeys, key) })
	if len(customary) == 1 {
		return customary
	}
	return keys
}

// slotsBy returns the Deployments whose pods have all of base and some value of key, in order of that value. An empty
// base matches every Deployment that has the key.
func slotsBy(key string, base map[string]string, deployments []*appsv1.Deployment) []*slot {
	var slots []*slot
	for _, d := range deployments {
		labels := d.Spec.Template.Labels
		value, has := labels[key]
		if has && (len(base) == 0 || traffic.Selects(base, labels)) {
			slots = append(slots, &slot{Value: value, Deployment: d})
		}
	}
	sort.Slice(slots, func(i, j int) bool {
		return slots[i].Value+"/"+slots[i].name() < slots[j].Value+"/"+slots[j].name()
	})
	return slots
}

func distinct(slots []*slot) int {
	values := map[string]bool{}
	for _, s := range slots {
		values[s.Value] = true
	}
	return len(values)
}

// findServices fills in Services and Bystanders: every other Service of the namespace that leads to the active slot
// moves with Primary, unless it is a preview; one that leads to the active slot without naming a slot is a bystander,
// or is adopted too.
func (p *pair) findServices(w *world) {
	p.Services = []*corev1.Service{p.Primary}
	labels := p.Active.Deployment.Spec.Template.Labels
	adopting := p.Primary.Spec.Selector[p.Key] == ""
	for i := range w.Services {
		other := &w.Services[i]
		if other.Namespace != p.Primary.Namespace || other.Name == p.Primary.Name || len(other.Spec.Selector) == 0 || isPreview(other) {
			continue
		}
		value, named := other.Spec.Selector[p.Key]
		base := traffic.Without(other.Spec.Selector, p.Key)
		leads := len(base) > 0 && traffic.Selects(base, labels)
		switch {
		case !leads:
		case p.Record != nil && slices.Contains(p.Record.Services, other.Name), adopting && !named, named && value == p.Active.Value && !p.moving():
			p.Services = append(p.Services, other)
		case !named:
			p.Bystanders = append(p.Bystanders, other)
		}
	}
	p.LockName = slices.Min(p.serviceNames())
	p.Adopt = p.anySelects("")
}

// anySelects tells whether any of the Services selects the slot, "" being none.
func (p *pair) anySelects(value string) bool {
	return slices.ContainsFunc(p.Services, func(service *corev1.Service) bool { return service.Spec.Selector[p.Key] == value })
}

// moving tells whether a release in progress has fixed which Services move.
func (p *pair) moving() bool { return p.Record != nil && len(p.Record.Services) > 0 }

func isPreview(service *corev1.Service) bool {
	return service.Annotations[release.AnnotationPreviewOf] != ""
}

// only keeps the named Services, when more than one is named. Primary must be among them, since it carries the journal.
func (p *pair) only(names []string) error {
	if len(names) < 2 {
		return nil
	}
	if !slices.Contains(names, p.Primary.Name) {
		return exit.Errorf(exit.Usage, "service %q carries the release of %s; name it too", p.Primary.Name, strings.Join(p.serviceNames()[1:], ", "))
	}
	var kept []*corev1.Service
	for _, service := range p.Services {
		if slices.Contains(names, service.Name) {
			kept = append(kept, service)
		}
	}
	for _, name := range names {
		if !slices.ContainsFunc(kept, func(s *corev1.Service) bool { return s.Name == name }) {
			return exit.Errorf(exit.Usage, "service %q does not lead to the pods of slot %s=%s, so it cannot be moved with %q",
				name, p.Key, p.Active.Value, p.Primary.Name)
		}
	}
	p.Services = kept
	p.Adopt = p.anySelects("")
	return nil
}

// slot returns the slot with the value, nil when there is none.
func (p *pair) slot(value string) *slot {
	first, _ := ownersOf(p.Slots, value)
	return first
}

// idle returns the slots that Primary does not name.
func (p *pair) idle() []*slot {
	var idle []*slot
	for _, s := range p.Slots {
		if s.Value != p.Active.Value {
			idle = append(idle, s)
		}
	}
	return idle
}

// target returns the slot to release to: the one asked for, which may be yet to be made, else the only idle one, else a
// new one beside the active.
func (p *pair) target(to string) (*slot, error) {
	if to == p.Active.Value {
		return p.Active, nil
	}
	if to != "" {
		if s := p.slot(to); s != nil {
			return s, nil
		}
		return &slot{Value: to}, nil
	}
	idle := p.idle()
	switch {
	case len(idle) == 1:
		return idle[0], nil
	case len(idle) > 1:
		return nil, exit.Errorf(exit.Usage, "service %q has more than one idle slot%s; say which one with --to", p.Primary.Name, p.slotList())
	case p.Active.Value == green:
		return &slot{Value: blue}, nil
	}
	return &slot{Value: green}, nil
}

// serviceNames returns the names of the Services that move, Primary's first.
func (p *pair) serviceNames() []string {
	var names []string
	for _, service := range p.Services {
		names = append(names, service.Name)
	}
	return names
}

// settled tells whether every Service that moves names the slot.
func (p *pair) settled(value string) bool {
	for _, service := range p.Services {
		if service.Spec.Selector[p.Key] != value {
			return false
		}
	}
	return true
}

// left tells whether a Service that moves names another slot than value; one that names none does not.
func (p *pair) left(value string) bool {
	return slices.ContainsFunc(p.Services, func(service *corev1.Service) bool {
		now := service.Spec.Selector[p.Key]
		return now != "" && now != value
	})
}

// looksLikeBlueGreen tells whether a Service should be in a listing: it has slots, or a journal.
func looksLikeBlueGreen(p *pair) bool {
	return !isPreview(p.Primary) && (distinct(p.Slots) > 1 || p.Primary.Annotations[release.AnnotationHistory] != "" || p.Record != nil)
}

func labelText(labels map[string]string) string {
	var parts []string
	for key, value := range labels {
		parts = append(parts, key+"="+value)
	}
	sort.Strings(parts)
	return strings.Join(parts, ",")
}
