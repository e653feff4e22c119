//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/env/builders"
)

// patience bounds what a cluster does to pods.
const patience = 3 * time.Minute

// stage is a namespace that lets in only what is harmless.
type stage struct {
	*env.Stage
	cluster *cluster
}

func newStage(t *testing.T, on *cluster, namespace string) *stage {
	t.Helper()
	s := &stage{&env.Stage{T: t, Namespace: namespace, Client: on}, on}
	object := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: namespace, Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"},
	}}
	s.Create(object)
	t.Cleanup(func() {
		if t.Failed() {
			s.describe()
		}
		_ = on.Delete(context.Background(), object)
	})
	return s
}

// in is the stage for a subtest.
func (s *stage) in(t *testing.T) *stage { return &stage{s.On(t), s.cluster} }

// eventually waits until there is no error.
func (s *stage) eventually(what string, condition func() error) {
	s.T.Helper()
	env.EventuallyWithin(s.T, patience, what, func() string {
		time.Sleep(500 * time.Millisecond) // the pace of looking: the cluster may share this machine
		if err := condition(); err != nil {
			return err.Error()
		}
		return ""
	})
}

// keyOf is the API key of a session; each has its own, so that the stand-in can tell who asked.
func (s *stage) keyOf(session string) string {
	return env.KeyPrefix + s.Namespace + "-" + session
}

// declare applies a session and its key.
func (s *stage) declare(name string, differences ...func(*v1alpha1.BillingSession)) *v1alpha1.BillingSession {
	s.T.Helper()
	s.GiveKey(name+"-key", s.keyOf(name))
	return s.Session(name, append(differences, builders.KeySecret(name+"-key"))...)
}

// issued declares a session and waits until it is ready.
func (s *stage) issued(name string) (url string) {
	s.T.Helper()
	s.declare(name)
	s.Ready(name)
	return s.URLIn(name)
}

// gone waits until an object is no more.
func (s *stage) gone(object client.Object) {
	s.T.Helper()
	key := client.ObjectKeyFromObject(object)
	s.eventually(key.String()+" is gone", func() error {
		err := s.cluster.Get(s.T.Context(), key, object)
		if apierrors.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("it is there (%w), with finalizers %q", err, object.GetFinalizers())
	})
}

// rolledOut waits until all pods of a Deployment are of its newest template, and available.
func (s *stage) rolledOut(name string) {
	s.T.Helper()
	s.eventually(name+" is rolled out", func() error {
		var d appsv1.Deployment
		if err := s.cluster.Get(s.T.Context(), s.At(name), &d); err != nil {
			return err
		}
		want, got := *d.Spec.Replicas, d.Status
		if got.ObservedGeneration < d.Generation || got.UpdatedReplicas != want || got.AvailableReplicas != want || got.Replicas != want {
			return fmt.Errorf("of %d pods %d are updated, %d available; there are %d", want, got.UpdatedReplicas, got.AvailableReplicas, got.Replicas)
		}
		return nil
	})
}

// podsOf are the pods of a Deployment that are not on their way out.
func (s *stage) podsOf(name string) (pods []corev1.Pod, err error) {
	var d appsv1.Deployment
	if err := s.cluster.Get(s.T.Context(), s.At(name), &d); err != nil {
		return nil, err
	}
	var all corev1.PodList
	if err := s.cluster.List(s.T.Context(), &all, client.InNamespace(s.Namespace), client.MatchingLabels(d.Spec.Selector.MatchLabels)); err != nil {
		return nil, err
	}
	for _, pod := range all.Items {
		if pod.DeletionTimestamp == nil {
			pods = append(pods, pod)
		}
	}
	return pods, nil
}

// logOf is all that a pod has said.
func (s *stage) logOf(ctx context.Context, pod string) ([]byte, error) {
	return s.cluster.resource(s.Namespace, "pods", pod).SubResource("log").DoRaw(ctx)
}

// describe tells of a namespace in which something went wrong.
func (s *stage) describe() {
	ctx := context.Background()
	var events corev1.EventList
	_ = s.cluster.List(ctx, &events, client.InNamespace(s.Namespace))
	for _, e := range events.Items {
		if e.Type == corev1.EventTypeWarning && e.Reason != "MissingClusterDNS" {
			s.T.Logf("%s %s: %s %s", e.InvolvedObject.Kind, e.InvolvedObject.Name, e.Reason, e.Message)
		}
	}
	var pods corev1.PodList
	_ = s.cluster.List(ctx, &pods, client.InNamespace(s.Namespace))
	for _, pod := range pods.Items {
		log, _ := s.logOf(ctx, pod.Name)
		s.T.Logf("pod %s is %s, and said last:\n%s", pod.Name, pod.Status.Phase, log[max(0, len(log)-4096):])
	}
}

// sample is a Deployment of config/samples, for the Secret of another session.
func (s *stage) sample(file, session string) *appsv1.Deployment {
	s.T.Helper()
	text, err := os.ReadFile(env.Path("config", "samples", file))
	s.Must(err)
	d := &appsv1.Deployment{}
	s.Must(yaml.UnmarshalStrict(text, d))
	d.Namespace, d.Name = s.Namespace, d.Name+"-of-"+session
	labels := map[string]string{"app.kubernetes.io/name": d.Name}
	d.Spec.Selector.MatchLabels, d.Spec.Template.Labels = labels, labels
	d.Spec.Template.Spec.Volumes[0].Secret.SecretName = session
	return d
}

// restart is kubectl rollout restart.
func (s *stage) restart(name string) {
	s.T.Helper()
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: s.Namespace, Name: name}}
	const change = `{"spec":{"template":{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":"now"}}}}}`
	s.Must(s.cluster.Patch(s.T.Context(), d, client.RawPatch(client.Merge.Type(), []byte(change))))
	s.rolledOut(name)
}

// mustNotLeak looks for keys and URLs in what a Deployment's pods say.
func (s *stage) mustNotLeak(name string) {
	s.T.Helper()
	pods, err := s.podsOf(name)
	s.Must(err)
	if len(pods) == 0 {
		s.T.Errorf("%s has no pods", name)
	}
	for _, pod := range pods {
		log, err := s.logOf(s.T.Context(), pod.Name)
		s.Must(err)
		s.MustNotLeak("the log of "+pod.Name, string(log))
	}
}

// harmless is a container as the restricted Pod Security Standard wants it.
func harmless(c corev1.Container) corev1.Container {
	c.SecurityContext = &corev1.SecurityContext{
		AllowPrivilegeEscalation: ptr.To(false), ReadOnlyRootFilesystem: ptr.To(true), RunAsNonRoot: ptr.To(true), RunAsUser: ptr.To(int64(65532)),
		Capabilities:   &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
	return c
}
