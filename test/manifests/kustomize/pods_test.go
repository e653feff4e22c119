package kustomize

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/xtracta/billing-operator/test/env/manifests"
)

var foldersWithPods = []string{"default", "namespaced", "shards", "samples", "samples/link"}

// OpenShift's restricted-v2 refuses pods that name a user or a group themselves: it assigns
// one out of the namespace's range.
func TestPodsNameNoUserOrGroup(t *testing.T) {
	eachPod(t, func(t *testing.T, pod corev1.PodSpec) {
		security := ptr.Deref(pod.SecurityContext, corev1.PodSecurityContext{})
		if security.RunAsUser != nil || security.RunAsGroup != nil || security.FSGroup != nil || len(security.SupplementalGroups) > 0 {
			t.Errorf("the pod names a user or a group: %+v", security)
		}
		if !ptr.Deref(security.RunAsNonRoot, false) {
			t.Error("the pod may run as root")
		}
		for _, container := range append(pod.InitContainers, pod.Containers...) {
			security := ptr.Deref(container.SecurityContext, corev1.SecurityContext{})
			if security.RunAsUser != nil || security.RunAsGroup != nil {
				t.Errorf("container %s names a user or a group: %+v", container.Name, security)
			}
		}
	})
}

// The images are for Linux: on a Windows node the pod would never start.
func TestPodsAreForLinux(t *testing.T) {
	eachPod(t, func(t *testing.T, pod corev1.PodSpec) {
		if diff := cmp.Diff(map[string]string{corev1.LabelOSStable: "linux"}, pod.NodeSelector); diff != "" {
			t.Errorf("nodes (-want +got):\n%s", diff)
		}
	})
}

func eachPod(t *testing.T, judge func(*testing.T, corev1.PodSpec)) {
	for _, folder := range foldersWithPods {
		deployments := manifests.All[appsv1.Deployment](t, manifests.Rendered(t, folder), "Deployment")
		if len(deployments) == 0 {
			t.Errorf("config/%s has no Deployment", folder)
		}
		for _, deployment := range deployments {
			t.Run(folder+"/"+deployment.Name, func(t *testing.T) { judge(t, deployment.Spec.Template.Spec) })
		}
	}
}
