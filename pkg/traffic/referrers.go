package traffic

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// Referrer is a Service that selects some pods, with the routes that lead to that Service.
type Referrer struct {
	// Service is the Service's name.
	Service string
	// Routes are the Ingresses and HTTPRoutes that send traffic to it, as "ingress/web", "httproute/web".
	Routes []string
}

// String names the Service and the routes to it.
func (r Referrer) String() string {
	if len(r.Routes) == 0 {
		return "service " + r.Service
	}
	return fmt.Sprintf("service %s (reached by %v)", r.Service, r.Routes)
}

// Referrers returns the Services of one namespace whose selector matches labels, each with the routes that lead to it.
func Referrers(labels map[string]string, services []corev1.Service, ingresses []networkingv1.Ingress,
	routes []gatewayv1.HTTPRoute) []Referrer {
	var referrers []Referrer
	for i := range services {
		if !Selects(services[i].Spec.Selector, labels) {
			continue
		}
		referrers = append(referrers, Referrer{
			Service: services[i].Name,
			Routes:  RoutesTo(services[i].Namespace, services[i].Name, ingresses, routes),
		})
	}
	return referrers
}

// RoutesTo returns the Ingresses and HTTPRoutes among those given that have the Service as a backend.
func RoutesTo(namespace, service string, ingresses []networkingv1.Ingress, routes []gatewayv1.HTTPRoute) []string {
	var found []string
	for i := range ingresses {
		if ingresses[i].Namespace == namespace && ingressLeadsTo(&ingresses[i], service) {
			found = append(found, "ingress/"+ingresses[i].Name)
		}
	}
	for i := range routes {
		if routeLeadsTo(&routes[i], namespace, service) {
			found = append(found, "httproute/"+routes[i].Name)
		}
	}
	return found
}

func ingressLeadsTo(ingress *networkingv1.Ingress, service string) bool {
	leads := func(backend *networkingv1.IngressBackend) bool {
		return backend != nil && backend.Service != nil && backend.Service.Name == service
	}
	if leads(ingress.Spec.DefaultBackend) {
		return true
	}
	for _, rule := range ingress.Spec.Rules {
		if rule.HTTP == nil {
			continue
		}
		for i := range rule.HTTP.Paths {
			if leads(&rule.HTTP.Paths[i].Backend) {
				return true
			}
		}
	}
	return false
}

// routeLeadsTo tells whether any rule of the route has the Service as a backend, whatever its weight: a backend at
// weight 0 is one edit away from traffic.
func routeLeadsTo(route *gatewayv1.HTTPRoute, namespace, service string) bool {
	for _, rule := range route.Spec.Rules {
		for _, ref := range rule.BackendRefs {
			kind, refNamespace := "Service", route.Namespace
			if ref.Kind != nil {
				kind = string(*ref.Kind)
			}
			if ref.Namespace != nil {
				refNamespace = string(*ref.Namespace)
			}
			if kind == "Service" && refNamespace == namespace && string(ref.Name) == service {
				return true
			}
		}
	}
	return false
}
