package traffic

import (
	"fmt"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// PortVerdict says what is known of a pod serving one port of a Service.
type PortVerdict int

// The verdicts on a port.
const (
	// Declared: a container of the pod declares the port.
	Declared PortVerdict = iota
	// Undeclared: the port is a number that no container declares. That is legal, so nothing is known.
	Undeclared
	// Missing: the port is a name that no container declares: the EndpointSlice will have no such port.
	Missing
)

// PodPort resolves the target of a Service port in a pod's containers the way the EndpointSlice controller does
// (k8s.io/endpointslice FindPort): a name is looked up by name and protocol among the containers and the
// restartable init containers, a number is taken as it is.
func PodPort(port corev1.ServicePort, spec corev1.PodSpec) (number int32, verdict PortVerdict) {
	named := port.TargetPort.Type == intstr.String && port.TargetPort.StrVal != ""
	number = port.TargetPort.IntVal
	if !named && number == 0 { // the API server defaults targetPort to port (SetDefaults_Service)
		number = port.Port
	}
	for _, declared := range declaredPorts(spec) {
		if protocolOf(declared.Protocol) != protocolOf(port.Protocol) {
			continue
		}
		if named && declared.Name == port.TargetPort.StrVal || !named && declared.ContainerPort == number {
			return declared.ContainerPort, Declared
		}
	}
	if named {
		return 0, Missing
	}
	return number, Undeclared
}

func declaredPorts(spec corev1.PodSpec) []corev1.ContainerPort {
	var ports []corev1.ContainerPort
	for _, container := range spec.Containers {
		ports = append(ports, container.Ports...)
	}
	for _, container := range spec.InitContainers {
		if container.RestartPolicy != nil && *container.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			ports = append(ports, container.Ports...)
		}
	}
	return ports
}

func protocolOf(protocol corev1.Protocol) corev1.Protocol {
	if protocol == "" {
		return corev1.ProtocolTCP
	}
	return protocol
}

// PortLabel names a Service port for a person: its name, or its number when it has none; port 0 stands for all ports.
func PortLabel(port corev1.ServicePort) string {
	switch {
	case port.Name != "":
		return port.Name
	case port.Port == 0:
		return "<all>"
	}
	return strconv.Itoa(int(port.Port))
}

// MissingPorts returns a sentence for every port of the Service that some of the pods would not serve: pods that lack
// a named target port. It is empty when no pod lacks one.
func MissingPorts(service *corev1.Service, pods []corev1.Pod) []string {
	var gaps []string
	for _, port := range service.Spec.Ports {
		lacking := 0
		for i := range pods {
			if _, verdict := PodPort(port, pods[i].Spec); verdict == Missing {
				lacking++
			}
		}
		if lacking > 0 {
			gaps = append(gaps, fmt.Sprintf("port %q of service %s goes to the container port named %q, which %d of %d pods do not declare",
				PortLabel(port), service.Name, port.TargetPort.StrVal, lacking, len(pods)))
		}
	}
	return gaps
}
