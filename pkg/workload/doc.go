// Package workload decides about Deployments, ReplicaSets and Pods: how far a rollout is, why it is not getting
// further, how a second Deployment is made from a live one, who owns an object, whether there is room for more pods,
// and what their shutdown will do. Every function is pure: it takes objects that were read elsewhere and, where time
// matters, the time of the reading, and it changes none of its arguments unless its comment says so.
package workload
