package manifests_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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
			err := strictClient(t).Create(t.Context(), pod, client.DryRunAll)
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
func TestPodsRunAnywhereAndChangeNothing(t *testing.T) {
	for _, folder := range []string{"default", "namespaced", "shards", "samples", "samples/link"} {
		deployments := manifests.All[appsv1.Deployment](t, manifests.Rendered(t, folder), "Deployment")
		if len(deployments) == 0 {
			t.Errorf("config/%s has no Deployment", folder)
		}
		for _, deployment := range deployments {
			t.Run(folder+"/"+deployment.Name, func(t *testing.T) {
				pod := deployment.Spec.Template.Spec
				// OpenShift assigns a user and a group out of the namespace's range, and refuses pods that name
				// one themselves.
				if want := (&corev1.PodSecurityContext{
					RunAsNonRoot: ptr.To(true), SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
				}); !cmp.Equal(want, pod.SecurityContext) {
					t.Errorf("the pod runs with %+v, want %+v", pod.SecurityContext, want)
				}
				for _, container := range append(pod.InitContainers, pod.Containers...) {
					security := ptr.Deref(container.SecurityContext, corev1.SecurityContext{})
					if security.RunAsUser != nil || security.RunAsGroup != nil {
						t.Errorf("container %s names a user or a group: %+v", container.Name, security)
					}
					if !ptr.Deref(security.ReadOnlyRootFilesystem, false) {
						t.Errorf("container %s can write to its image", container.Name)
					}
				}
				// The images are for Linux: on a Windows node the pod would never start.
				if diff := cmp.Diff(map[string]string{corev1.LabelOSStable: "linux"}, pod.NodeSelector); diff != "" {
					t.Errorf("nodes (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// The API server does not check what one object says of another.
func TestObjectsAgree(t *testing.T) {
	objects := manifests.Rendered(t, "default")
	deployment := manifests.Find[appsv1.Deployment](t, objects, "Deployment", operatorName)
	service := manifests.Find[corev1.Service](t, objects, "Service", operatorName+"-metrics")
	pod, container := deployment.Spec.Template, deployment.Spec.Template.Spec.Containers[0]
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
	// It exists.
	manifests.Find[corev1.ServiceAccount](t, objects, "ServiceAccount", pod.Spec.ServiceAccountName)
}

// What selects the pods of one Deployment selects them, and no other's.
func TestPodsAreToldApart(t *testing.T) {
	for _, folder := range []string{"default", "shards"} {
		objects := manifests.Rendered(t, folder)
		deployments := manifests.All[appsv1.Deployment](t, objects, "Deployment")
		for _, of := range deployments {
			for _, selector := range selectorsOf(t, objects, of) {
				for _, other := range deployments {
					pods := labels.Set(other.Spec.Template.Labels)
					if selector.Empty() || selector.Matches(pods) != (other.Name == of.Name) {
						t.Errorf("config/%s: selector %q of %s on the pods of %s: %v", folder, selector, of.Name, other.Name, selector.Matches(pods))
					}
				}
			}
		}
	}
}

func selectorsOf(t *testing.T, objects manifests.Manifest, deployment appsv1.Deployment) (all []labels.Selector) {
	t.Helper()
	service := strings.Replace(deployment.Name, operatorName, operatorName+"-metrics", 1)
	selectors := []*metav1.LabelSelector{
		deployment.Spec.Selector,
		manifests.Find[policyv1.PodDisruptionBudget](t, objects, "PodDisruptionBudget", deployment.Name).Spec.Selector,
		{MatchLabels: manifests.Find[corev1.Service](t, objects, "Service", service).Spec.Selector},
	}
	for _, constraint := range deployment.Spec.Template.Spec.TopologySpreadConstraints {
		selectors = append(selectors, constraint.LabelSelector)
	}
	for _, selector := range selectors {
		parsed, err := metav1.LabelSelectorAsSelector(selector)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, parsed)
	}
	return all
}
