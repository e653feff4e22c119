package kustomize

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/test/env/manifests"
)

const (
	systemNamespace = "billing-operator-system"
	operatorName    = "billing-operator"
)

// The rendered Namespace enforces the restricted standard itself, so it is where
// pods are judged.
func TestPodsFitTheRestrictedStandard(t *testing.T) {
	manager := manifests.Find[appsv1.Deployment](t, manifests.Rendered(t, "default"), "Deployment", operatorName)
	consumer := manifests.Find[appsv1.Deployment](t, manifests.Rendered(t, "samples"), "Deployment", "acme-consumer")
	for _, row := range []struct {
		name     string
		template corev1.PodTemplateSpec
		weaken   func(*corev1.PodSpec)
		refused  string
	}{
		{"the manager", manager.Spec.Template, nil, ""},
		{"the consumer", consumer.Spec.Template, nil, ""},
		{"may be root", manager.Spec.Template,
			func(p *corev1.PodSpec) { p.SecurityContext.RunAsNonRoot = nil }, "runAsNonRoot"},
		{"any system call", manager.Spec.Template,
			func(p *corev1.PodSpec) { p.SecurityContext.SeccompProfile = nil }, "seccompProfile"},
		{"may gain privileges", manager.Spec.Template,
			func(p *corev1.PodSpec) { p.Containers[0].SecurityContext.AllowPrivilegeEscalation = nil }, "allowPrivilegeEscalation"},
		{"keeps capabilities", consumer.Spec.Template,
			func(p *corev1.PodSpec) { p.Containers[0].SecurityContext.Capabilities = nil }, "capabilities"},
	} {
		t.Run(row.name, func(t *testing.T) {
			pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
				Namespace: systemNamespace, Name: "judged", Labels: row.template.Labels, Annotations: row.template.Annotations,
			}}
			row.template.Spec.DeepCopyInto(&pod.Spec)
			if row.weaken != nil {
				row.weaken(&pod.Spec)
			}
			err := manifests.NewStrict(t, cluster(t).Config()).Create(t.Context(), pod, client.DryRunAll)
			switch {
			case row.refused == "" && err != nil:
				t.Error(err)
			case row.refused != "" && (!apierrors.IsForbidden(err) || !strings.Contains(err.Error(), row.refused)):
				t.Errorf("got %v, want it refused for its %s", err, row.refused)
			}
		})
	}
}

// Beyond what the restricted standard asks for.
func TestContainersCannotWriteTheirImage(t *testing.T) {
	for _, objects := range []manifests.Manifest{manifests.Rendered(t, "default"), manifests.Rendered(t, "samples")} {
		for _, deployment := range manifests.All[appsv1.Deployment](t, objects, "Deployment") {
			for _, container := range deployment.Spec.Template.Spec.Containers {
				if !ptr.Deref(container.SecurityContext.ReadOnlyRootFilesystem, false) {
					t.Errorf("container %s of %s has a root file system that it can write", container.Name, deployment.Name)
				}
			}
		}
	}
}

// The API server does not check what one object says of another.
func TestObjectsAgree(t *testing.T) {
	objects := manifests.Rendered(t, "default")
	deployment := manifests.Find[appsv1.Deployment](t, objects, "Deployment", operatorName)
	service := manifests.Find[corev1.Service](t, objects, "Service", operatorName+"-metrics")
	budget := manifests.Find[policyv1.PodDisruptionBudget](t, objects, "PodDisruptionBudget", operatorName)
	pod, container := deployment.Spec.Template, deployment.Spec.Template.Spec.Containers[0]

	t.Run("selectors select the manager's pods", func(t *testing.T) {
		selectors := []*metav1.LabelSelector{deployment.Spec.Selector, budget.Spec.Selector, {MatchLabels: service.Spec.Selector}}
		for _, constraint := range pod.Spec.TopologySpreadConstraints {
			selectors = append(selectors, constraint.LabelSelector)
		}
		for _, selector := range selectors {
			selects, err := metav1.LabelSelectorAsSelector(selector)
			if err != nil {
				t.Fatal(err)
			}
			if selects.Empty() || !selects.Matches(labels.Set(pod.Labels)) {
				t.Errorf("selector %q does not select %v", selects, pod.Labels)
			}
		}
	})

	t.Run("the ports that are named are those that the flags open", func(t *testing.T) {
		for _, row := range []struct{ flag, port string }{
			{"--metrics-bind-address", service.Spec.Ports[0].TargetPort.StrVal},
			{"--health-probe-bind-address", container.LivenessProbe.HTTPGet.Port.StrVal},
			{"--health-probe-bind-address", container.ReadinessProbe.HTTPGet.Port.StrVal},
		} {
			i := slices.IndexFunc(container.Ports, func(p corev1.ContainerPort) bool { return p.Name == row.port })
			if i < 0 {
				t.Errorf("no port is named %q", row.port)
				continue
			}
			if arg := fmt.Sprintf("%s=:%d", row.flag, container.Ports[i].ContainerPort); !slices.Contains(container.Args, arg) {
				t.Errorf("port %q is open only with %s; the args are %q", row.port, arg, container.Args)
			}
		}
	})

	t.Run("the pod runs as the ServiceAccount that is bound", func(t *testing.T) {
		manifests.Find[corev1.ServiceAccount](t, objects, "ServiceAccount", pod.Spec.ServiceAccountName)
	})
}
