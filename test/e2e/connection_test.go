package e2e

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/test/env"
)

const (
	// patience bounds every wait but that for renewals.
	patience = 3 * time.Minute
	// pace is how often we look.
	pace = time.Second
)

// connection is to the API server, with all rights.
type connection struct {
	client.Client
	config *rest.Config
	core   kubernetes.Interface // for what the client has not: logs, proxies
	http   *http.Client         // follows no redirect
}

func connect() (*connection, error) {
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
		clientcmd.NewDefaultClientConfigLoadingRules(), nil).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("KUBECONFIG: %w", err)
	}
	config.QPS = -1
	config.WarningHandler = rest.NoWarnings{}
	c := &connection{config: config}
	if c.Client, err = client.New(config, client.Options{Scheme: env.Scheme()}); err != nil {
		return nil, err
	}
	if c.core, err = kubernetes.NewForConfig(config); err != nil {
		return nil, err
	}
	if c.http, err = rest.HTTPClientFor(config); err != nil {
		return nil, err
	}
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return c, nil
}

// eventually waits until there is no error.
func eventually(t *testing.T, what string, condition func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for err := condition(ctx); err != nil; err = condition(ctx) {
		select {
		case <-ctx.Done():
			t.Fatalf("%s: %v", what, err)
		case <-time.After(pace):
		}
	}
}

func create(t *testing.T, objects ...client.Object) {
	t.Helper()
	for _, object := range objects {
		if err := cluster.Create(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
}

// gone waits until an object is no more.
func gone(t *testing.T, object client.Object) {
	t.Helper()
	eventually(t, client.ObjectKeyFromObject(object).String()+" is gone", func(ctx context.Context) error {
		err := cluster.Get(ctx, client.ObjectKeyFromObject(object), object)
		switch {
		case apierrors.IsNotFound(err):
			return nil
		case err != nil:
			return err
		}
		return fmt.Errorf("it is there, with finalizers %q", object.GetFinalizers())
	})
}

// newNamespace is one that lets in only what is harmless.
func newNamespace(t *testing.T, name string) string {
	t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: name, Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"},
	}}
	create(t, namespace)
	t.Cleanup(func() {
		if t.Failed() {
			describe(t, name)
		}
		_ = cluster.Delete(context.Background(), namespace)
	})
	return name
}

// rolledOut waits until all pods of a Deployment are of its newest template, and available.
func rolledOut(t *testing.T, namespace, name string) {
	t.Helper()
	eventually(t, name+" is rolled out", func(ctx context.Context) error {
		var d appsv1.Deployment
		if err := cluster.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, &d); err != nil {
			return err
		}
		want, s := *d.Spec.Replicas, d.Status
		if s.ObservedGeneration < d.Generation || s.UpdatedReplicas != want || s.AvailableReplicas != want || s.Replicas != want {
			return fmt.Errorf("of %d pods %d are updated, %d available; there are %d", want, s.UpdatedReplicas, s.AvailableReplicas, s.Replicas)
		}
		return nil
	})
}

// podsOf are the pods of a Deployment that are not on their way out.
func podsOf(ctx context.Context, namespace, name string) (pods []corev1.Pod, err error) {
	var d appsv1.Deployment
	if err := cluster.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, &d); err != nil {
		return nil, err
	}
	var all corev1.PodList
	if err := cluster.List(ctx, &all, client.InNamespace(namespace), client.MatchingLabels(d.Spec.Selector.MatchLabels)); err != nil {
		return nil, err
	}
	for _, pod := range all.Items {
		if pod.DeletionTimestamp == nil {
			pods = append(pods, pod)
		}
	}
	return pods, nil
}

// describe tells of a namespace in which something went wrong.
func describe(t *testing.T, namespace string) {
	ctx := context.Background()
	var events corev1.EventList
	_ = cluster.List(ctx, &events, client.InNamespace(namespace))
	for _, e := range events.Items {
		if e.Type == corev1.EventTypeWarning && e.Reason != "MissingClusterDNS" {
			t.Logf("%s %s: %s %s", e.InvolvedObject.Kind, e.InvolvedObject.Name, e.Reason, e.Message)
		}
	}
	var pods corev1.PodList
	_ = cluster.List(ctx, &pods, client.InNamespace(namespace))
	for _, pod := range pods.Items {
		lines := int64(20)
		log, _ := cluster.core.CoreV1().Pods(namespace).GetLogs(pod.Name, &corev1.PodLogOptions{TailLines: &lines}).DoRaw(ctx)
		t.Logf("pod %s is %s, and said last:\n%s", pod.Name, pod.Status.Phase, log)
	}
}
