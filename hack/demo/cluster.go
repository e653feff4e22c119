package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/cli-runtime/pkg/printers"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

const (
	// namespace is the default for objects without one, as with kubectl.
	namespace  = "default"
	fieldOwner = "demo"
	// quickTimeout is for what takes the operator a moment. Machines are often busy.
	quickTimeout = 30 * time.Second
	pollInterval = 100 * time.Millisecond
)

// cluster is what a person can see and do with kubectl.
type cluster struct {
	client.Client
	sessions rest.Interface
}

func newCluster(config *rest.Config) (*cluster, error) {
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return nil, err
	}
	c, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, err
	}
	config = rest.CopyConfig(config)
	config.APIPath, config.GroupVersion = "/apis", &v1alpha1.GroupVersion
	config.NegotiatedSerializer = clientgoscheme.Codecs.WithoutConversion()
	sessions, err := rest.RESTClientFor(config)
	return &cluster{c, sessions}, err
}

// ready reports whether the API server answers.
func (c *cluster) ready(ctx context.Context) error {
	return c.sessions.Get().AbsPath("/readyz").Timeout(quickTimeout).Do(ctx).Error()
}

// applyFile does what kubectl apply --server-side does with the objects of a file.
func (c *cluster) applyFile(ctx context.Context, path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for document := range bytes.SplitSeq(text, []byte("\n---\n")) {
		object := &unstructured.Unstructured{}
		if err := yaml.Unmarshal(document, &object.Object); err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
		namespaced, err := c.IsObjectNamespaced(object)
		if err != nil {
			return err
		}
		if namespaced && object.GetNamespace() == "" {
			object.SetNamespace(namespace)
		}
		err = c.Apply(ctx, client.ApplyConfigurationFromUnstructured(object), client.FieldOwner(fieldOwner), client.ForceOwnership)
		if err != nil {
			return fmt.Errorf("apply %s: %w", path, err)
		}
	}
	return nil
}

func (c *cluster) secret(ctx context.Context, key client.ObjectKey) (*corev1.Secret, error) {
	var secret corev1.Secret
	return &secret, c.Get(ctx, key, &secret)
}

// row returns what "kubectl get billingsession" prints for a session. The API server
// makes that table from the columns that the CRD declares.
func (c *cluster) row(ctx context.Context, key client.ObjectKey) (string, error) {
	response, err := c.sessions.Get().Namespace(key.Namespace).Resource("billingsessions").Name(key.Name).
		SetHeader("Accept", "application/json;as=Table;v=v1;g="+metav1.GroupName).Do(ctx).Raw()
	if err != nil {
		return "", err
	}
	var table metav1.Table
	if err := json.Unmarshal(response, &table); err != nil {
		return "", fmt.Errorf("read the table: %w", err)
	}
	var printed bytes.Buffer
	err = printers.NewTablePrinter(printers.PrintOptions{}).PrintObj(&table, &printed)
	return printed.String(), err
}

// poll calls check until it returns no error. After the timeout it returns what was
// wanted, and the last error of check.
func poll(ctx context.Context, timeout time.Duration, want string, check func(context.Context) error) error {
	var lastErr error
	err := wait.PollUntilContextTimeout(ctx, pollInterval, timeout, true, func(context.Context) (bool, error) {
		lastErr = check(ctx) // the context with the timeout would replace the error by its own
		return lastErr == nil, nil
	})
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	default:
		return fmt.Errorf("not within %s: %s; %w", seconds(timeout), want, lastErr)
	}
}
