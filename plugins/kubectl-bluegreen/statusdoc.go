package main

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-switchyard/switchyard/pkg/output"
	"github.com/kubectl-switchyard/switchyard/pkg/release"
	"github.com/kubectl-switchyard/switchyard/pkg/traffic"
	"github.com/kubectl-switchyard/switchyard/pkg/workload"
)

// status is the document BlueGreenStatus: one Service with its slots, as they are.
type status struct {
	Namespace string `json:"namespace"`
	Service   string `json:"service"`
	SlotKey   string `json:"slotKey"`
	// Active is the slot that has the traffic; it is empty when the Services disagree.
	Active string `json:"active"`
	// Since is when the traffic moved there, as far as the journal knows.
	Since    *metav1.Time    `json:"since,omitempty"`
	Release  *releaseStatus  `json:"release,omitempty"`
	Slots    []slotStatus    `json:"slots"`
	Services []serviceStatus `json:"services"`
	Lock     *release.Holder `json:"lock,omitempty"`
	Warnings []string        `json:"warnings"`
	// NotChecked says, by kind, what could not be read and why.
	NotChecked map[string]string `json:"notChecked,omitempty"`
	now        time.Time
}

// releaseStatus is the release in the journal.
type releaseStatus struct {
	ID        string        `json:"id"`
	Operation string        `json:"operation"`
	Phase     release.Phase `json:"phase"`
	By        string        `json:"by"`
	StartedAt metav1.Time   `json:"startedAt"`
	From      string        `json:"from"`
	To        string        `json:"to"`
	// Until is when the phase ends by itself.
	Until  *metav1.Time `json:"until,omitempty"`
	Reason string       `json:"reason,omitempty"`
}

// slotStatus is one side. Replica counts are the Deployment's own.
type slotStatus struct {
	Value      string `json:"value"`
	Deployment string `json:"deployment"`
	// Active tells that it has traffic: all of it, or some while the Services disagree.
	Active  bool              `json:"active"`
	Images  map[string]string `json:"images"`
	Version string            `json:"version,omitempty"`
	workload.Rollout
}

// serviceStatus is one Service that leads, or once led, to a slot.
type serviceStatus struct {
	Name string `json:"name"`
	Type string `json:"type"`
	// Slot is the one that its selector names, empty when it names none.
	Slot string `json:"slot,omitempty"`
	// Role is released (it moves with the others), preview, or both (it selects both slots).
	Role  string       `json:"role"`
	Ports []portStatus `json:"ports"`
	// Portless counts endpoints that look ready but carry no port, so that nothing reaches them.
	Portless int `json:"portless,omitempty"`
}

// portStatus counts the endpoints of one port.
type portStatus struct {
	Name     string `json:"name,omitempty"`
	Port     int32  `json:"port"`
	Ready    int    `json:"ready"`
	NotReady int    `json:"notReady"`
	Draining int    `json:"draining"`
}

// describe makes the status of a pair. It is pure.
func describe(w *world, p *pair, now time.Time) *status {
	s := &status{Namespace: p.Primary.Namespace, Service: p.Primary.Name, SlotKey: p.Key, Slots: []slotStatus{}, Warnings: []string{}, NotChecked: w.NotChecked, now: now}
	if p.settled(p.Active.Value) || p.Adopt {
		s.Active = p.Active.Value
	}
	if r := p.Record; r != nil {
		s.Release = &releaseStatus{ID: r.ID, Operation: r.Operation, Phase: r.Phase, By: r.By, StartedAt: r.StartedAt, From: r.From, To: r.To, Until: r.Until, Reason: r.Reason}
	}
	s.Since = movedAt(p)
	for _, one := range p.Slots {
		s.Slots = append(s.Slots, slotStatus{Value: one.Value, Deployment: one.name(), Active: one.Value == s.Active || s.Active == "" && p.anySelects(one.Value), Images: imagesOf(one.Deployment),
			Version: workload.VersionLabel(one.Deployment.Spec.Template), Rollout: workload.RolloutOf(one.Deployment)})
	}
	s.Services = describeServices(w, p)
	if lease := w.lease(s.Namespace, release.LeaseName("service/"+p.LockName)); lease != nil {
		s.Lock = release.HolderOf(lease)
	}
	s.Warnings = append(s.Warnings, statusWarnings(w, p, s)...)
	return s
}

// movedAt is when the traffic came to the active slot.
func movedAt(p *pair) *metav1.Time {
	if p.Record != nil && p.Record.SwitchedAt != nil && p.Record.To == p.Active.Value {
		return p.Record.SwitchedAt
	}
	entries, err := release.ReadHistory(p.Primary.Annotations)
	if err != nil {
		return nil
	}
	for _, entry := range entries {
		if entry.To == p.Active.Value && entry.From != entry.To && (entry.Result == resultDone && entry.Operation != "finish") {
			return &entry.At
		}
		if entry.Result == resultRolledBack && entry.From == p.Active.Value {
			return &entry.At
		}
	}
	return nil
}

func describeServices(w *world, p *pair) []serviceStatus {
	var all []serviceStatus
	add := func(service *corev1.Service, role string) {
		one := serviceStatus{Name: service.Name, Type: string(service.Spec.Type), Slot: service.Spec.Selector[p.Key], Role: role, Ports: []portStatus{}}
		if service.Spec.ClusterIP == corev1.ClusterIPNone {
			one.Type = "Headless"
		}
		endpoints := traffic.EndpointsOf(service, w.Slices)
		one.Portless = len(endpoints.Portless)
		for _, port := range endpoints.Ports {
			one.Ports = append(one.Ports, portStatus{Name: port.Port.Name, Port: port.Port.Port, Ready: len(port.Ready), NotReady: len(port.NotReady), Draining: len(port.Draining)})
		}
		all = append(all, one)
	}
	for _, service := range p.Services {
		add(service, "released")
	}
	for i := range w.Services {
		if w.Services[i].Namespace == p.Primary.Namespace && w.Services[i].Annotations[release.AnnotationPreviewOf] == p.Primary.Name {
			add(&w.Services[i], "preview")
		}
	}
	for _, service := range p.Bystanders {
		add(service, "both")
	}
	return all
}

// statusWarnings says what a person should know who looks at this Service.
func statusWarnings(w *world, p *pair, s *status) []string {
	var warnings []string
	if p.RecordError != nil {
		warnings = append(warnings, fmt.Sprintf("service %s: %v", s.Service, p.RecordError))
	}
	if s.Active == "" {
		warnings = append(warnings, fmt.Sprintf("the services do not all select the same slot (%s): finish with the command that was cut off", slotsOfServices(p)))
	}
	if p.Adopt {
		warnings = append(warnings, fmt.Sprintf("service %s names no slot yet; its first release adopts it", s.Service))
	}
	if before, err := readHeld(p.Active.Deployment); before != nil || err != nil {
		warnings = append(warnings, fmt.Sprintf("deployment %s is in the middle of its adoption: run prepare again to go on, or abort", p.Active.name()))
	}
	warnings = append(warnings, endpointWarnings(s)...)
	for _, service := range p.Services {
		if owner, owned := workload.GitOpsOwner(service.Labels, service.Annotations, service.ManagedFields); owned {
			warnings = append(warnings, fmt.Sprintf("service %s is managed by %s (%s)", service.Name, owner.Tool, owner.Evidence))
		}
		if service.Spec.SessionAffinity == corev1.ServiceAffinityClientIP {
			warnings = append(warnings, fmt.Sprintf("service %s has session affinity ClientIP", service.Name))
		}
	}
	for _, one := range p.Slots {
		warnings = append(warnings, sideWarnings(w, one)...)
		warnings = append(warnings, scalingWarnings(w, one)...)
	}
	return append(warnings, w.unread()...)
}

func slotsOfServices(p *pair) string {
	var parts []string
	for _, service := range p.Services {
		parts = append(parts, service.Name+": "+orNone(service.Spec.Selector[p.Key]))
	}
	return strings.Join(parts, ", ")
}

func endpointWarnings(s *status) []string {
	if s.NotChecked["endpointslices"] != "" {
		return nil
	}
	var warnings []string
	for _, service := range s.Services {
		if service.Portless > 0 {
			warnings = append(warnings, fmt.Sprintf("service %s has %d endpoints without a port: no container declares its named targetPort, so nothing reaches them", service.Name, service.Portless))
		}
		for _, port := range service.Ports {
			if port.Ready == 0 && service.Role == "released" {
				warnings = append(warnings, fmt.Sprintf("port %s of service %s has no ready endpoint", portName(port), service.Name))
			}
		}
	}
	return warnings
}

func portName(port portStatus) string {
	return traffic.PortLabel(corev1.ServicePort{Name: port.Name, Port: port.Port})
}

// scalingWarnings says what else scales a slot or guards its pods.
func scalingWarnings(w *world, s *slot) []string {
	var warnings []string
	if hpa := w.autoscalerOf(s.Deployment); hpa != nil {
		text := fmt.Sprintf("deployment %s is scaled by HPA %s", s.name(), hpa.Name)
		if floor := hpa.Annotations[release.AnnotationFloor]; floor != "" {
			text += fmt.Sprintf(", whose minimum is held at the present size for this release (its own is %s)", floor)
		}
		warnings = append(warnings, text)
	}
	for _, budget := range workload.Budgets(s.Deployment.Spec.Template.Labels, w.Budgets) {
		if budget.Namespace == s.Deployment.Namespace {
			warnings = append(warnings, fmt.Sprintf("deployment %s is guarded by PDB %s", s.name(), budget.Name))
		}
	}
	return warnings
}

// DocumentKind implements output.Document.
func (*status) DocumentKind() string { return "BlueGreenStatus" }

// Names implements output.Document.
func (s *status) Names() []string { return []string{"service/" + s.Service} }

// Tables implements output.Document.
func (s *status) Tables() []output.Table {
	tables := []output.Table{s.headTable(), s.slotTable(), s.serviceTable()}
	if len(s.Warnings) > 0 {
		table := output.Table{Columns: []output.Column{{}}}
		for _, warning := range s.Warnings {
			table.Rows = append(table.Rows, []output.Cell{output.S(output.Warn, "warning: "+warning)})
		}
		tables = append(tables, table)
	}
	return tables
}

// headTable says in a few lines who has the traffic, where the release stands, and who holds the lock.
func (s *status) headTable() output.Table {
	lines := []string{s.trafficLine()}
	if s.Release != nil {
		lines = append(lines, s.releaseLine())
	}
	if lock := s.Lock; lock != nil {
		line := fmt.Sprintf("locked by %s since %s ago (%s)", lock.Name, output.Age(lock.Since.Time, s.now), lock.Operation)
		if lock.Expired {
			line += ", expired"
		}
		lines = append(lines, line)
	}
	table := output.Table{Columns: []output.Column{{}}}
	for _, line := range lines {
		table.Rows = append(table.Rows, []output.Cell{output.C("%s", line)})
	}
	return table
}

func (s *status) trafficLine() string {
	where := fmt.Sprintf("service %s in namespace %s: ", s.Service, s.Namespace)
	if s.Active == "" {
		return where + "its services are on different slots"
	}
	where += fmt.Sprintf("%s=%s has the traffic", s.SlotKey, s.Active)
	if s.Since != nil {
		where += " since " + output.Age(s.Since.Time, s.now) + " ago"
	}
	return where
}

func (s *status) releaseLine() string {
	r := s.Release
	line := fmt.Sprintf("release %s (%s by %s): %s", r.ID, r.Operation, r.By, r.Phase)
	if r.Until != nil && r.Until.After(s.now) {
		line += ", " + output.Duration(r.Until.Sub(s.now).Round(time.Second)) + " left"
	}
	if r.Reason != "" {
		line += ": " + r.Reason
	}
	return line
}

func (s *status) slotTable() output.Table {
	table := output.Table{Columns: []output.Column{{Name: "SLOT"}, {Name: "TRAFFIC"}, {Name: "DEPLOYMENT"}, {Name: "READY"}, {Name: "AVAILABLE"},
		{Name: "UPDATED", Wide: true}, {Name: "VERSION"}, {Name: "IMAGES"}}}
	for _, one := range s.Slots {
		traffic := output.S(output.Dim, "-")
		switch {
		case one.Active && s.Active == "":
			traffic = output.S(output.Warn, "part")
		case one.Active:
			traffic = output.S(output.Good, "active")
		}
		table.Rows = append(table.Rows, []output.Cell{
			output.C("%s", one.Value), traffic, output.C("%s", one.Deployment), countCell(one.Ready, one.Desired), output.C("%d", one.Available),
			output.C("%d", one.Updated), output.C("%s", orNone(one.Version)), output.C("%s", imageText(one.Images)),
		})
	}
	return table
}

func countCell(have, want int32) output.Cell {
	style := output.Plain
	if have < want {
		style = output.Warn
	}
	return output.S(style, fmt.Sprintf("%d/%d", have, want))
}

func (s *status) serviceTable() output.Table {
	table := output.Table{Columns: []output.Column{{Name: "SERVICE"}, {Name: "TYPE"}, {Name: "SLOT"}, {Name: "ROLE"}, {Name: "PORT"}, {Name: "READY"}, {Name: "NOT-READY"}, {Name: "DRAINING"}}}
	for _, service := range s.Services {
		for _, port := range service.Ports {
			ready, notReady, draining := output.C("%d", port.Ready), output.C("%d", port.NotReady), output.C("%d", port.Draining)
			if port.Ready == 0 {
				ready.Style = output.Bad
			}
			if s.NotChecked["endpointslices"] != "" {
				ready, notReady, draining = output.S(output.Dim, "not checked"), output.S(output.Dim, "-"), output.S(output.Dim, "-")
			}
			table.Rows = append(table.Rows, []output.Cell{output.C("%s", service.Name), output.C("%s", service.Type), output.C("%s", orNone(service.Slot)), output.C("%s", service.Role),
				output.C("%s", portName(port)), ready, notReady, draining})
		}
	}
	return table
}

// statusList is the document BlueGreenStatusList.
type statusList struct {
	Items []*status `json:"items"`
	// NotChecked says, by kind, what could not be read and why.
	NotChecked map[string]string `json:"notChecked,omitempty"`
	namespaced bool
}

// DocumentKind implements output.Document.
func (*statusList) DocumentKind() string { return "BlueGreenStatusList" }

// Names implements output.Document.
func (l *statusList) Names() []string {
	var names []string
	for _, item := range l.Items {
		names = append(names, item.Names()...)
	}
	return names
}

// Tables implements output.Document.
func (l *statusList) Tables() []output.Table {
	table := output.Table{Columns: []output.Column{{Name: "SERVICE"}, {Name: "ACTIVE"}, {Name: "SINCE"}, {Name: "READY"}, {Name: "IMAGES"}, {Name: "IDLE"}, {Name: "IDLE-READY"},
		{Name: "PHASE"}, {Name: "WARNINGS"}}}
	if !l.namespaced {
		table.Columns = append([]output.Column{{Name: "NAMESPACE"}}, table.Columns...)
	}
	for _, item := range l.Items {
		row := item.row()
		if !l.namespaced {
			row = append([]output.Cell{output.C("%s", item.Namespace)}, row...)
		}
		table.Rows = append(table.Rows, row)
	}
	return []output.Table{table}
}

// row is the status in one row of a listing.
func (s *status) row() []output.Cell {
	since, ready, images, phase := "<unknown>", output.C("-"), "-", "-"
	var idle, idleReady []string
	if s.Since != nil {
		since = output.Age(s.Since.Time, s.now)
	}
	for _, one := range s.Slots {
		switch {
		case one.Value == s.Active:
			ready, images = countCell(one.Ready, one.Desired), imageText(one.Images)
		case !one.Active:
			idle = append(idle, one.Value)
			idleReady = append(idleReady, fmt.Sprintf("%d/%d", one.Ready, one.Desired))
		}
	}
	if s.Release != nil {
		phase = string(s.Release.Phase)
	}
	return []output.Cell{output.C("%s", s.Service), output.S(output.Good, orNone(s.Active)), output.C("%s", since), ready, output.C("%s", images),
		output.C("%s", orNone(strings.Join(idle, ","))), output.C("%s", orNone(strings.Join(idleReady, ","))), output.C("%s", phase), output.C("%d", len(s.Warnings))}
}
