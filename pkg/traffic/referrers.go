package traffic

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// Referrer is a Service that selects some pods, with the routes that lead to that Service.
type Referrer struct {
	// Service is the Service's name.
	Service string
	// Routes are the Ingresses and HTTPRoutes that send traffic to it, as "ingress/web", "httproute/web"; one of another
	// namespace is "httproute/edge/web".
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
// An ExternalName Service is an alias in DNS: it has no endpoints, whatever it selects.
func Referrers(labels map[string]string, services []corev1.Service, ingresses []networkingv1.Ingress,
	routes []gatewayv1.HTTPRoute) []Referrer {
	var referrers []Referrer
	for i := range services {
		if services[i].Spec.Type == corev1.ServiceTypeExternalName || !Selects(services[i].Spec.Selector, labels) {
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
		if !routeLeadsTo(&routes[i], namespace, service) {
			continue
		}
		name := routes[i].Name
		if routes[i].Namespace != namespace {
			name = routes[i].Namespace + "/" + name
		}
		found = append(found, "httproute/"+name)
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

// routeLeadsTo tells whether any rule of the route has the Service as a backend, whatever its weight (a backend at weight
// 0 is one edit away from traffic), or mirrors requests to it.
func routeLeadsTo(route *gatewayv1.HTTPRoute, namespace, service string) bool {
	leads := func(ref gatewayv1.BackendObjectReference) bool {
		group, kind, in := "", "Service", route.Namespace // the defaults of the API
		if ref.Group != nil {
			group = string(*ref.Group)
		}
		if ref.Kind != nil {
			kind = string(*ref.Kind)
		}
		if ref.Namespace != nil {
			in = string(*ref.Namespace)
		}
		return group == "" && kind == "Service" && in == namespace && string(ref.Name) == service
	}
	mirrors := func(filter gatewayv1.HTTPRouteFilter) bool {
		return filter.RequestMirror != nil && leads(filter.RequestMirror.BackendRef)
	}
	for _, rule := range route.Spec.Rules {
		if slices.ContainsFunc(rule.Filters, mirrors) {
			return true
		}
		for _, ref := range rule.BackendRefs {
			if leads(ref.BackendObjectReference) || slices.ContainsFunc(ref.Filters, mirrors) {
				return true
			}
		}
	}
	return false
}
