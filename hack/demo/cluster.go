package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

// namespace is the default for objects without one, as with kubectl.
const namespace = "default"

const fieldOwner = "demo"

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

// applyFile applies each object of a YAML file and returns the results.
func (c *cluster) applyFile(ctx context.Context, path string) ([]*unstructured.Unstructured, error) {
	objects, err := readObjects(path)
	if err != nil {
		return nil, err
	}
	for _, object := range objects {
		if err := c.apply(ctx, object); err != nil {
			return nil, err
		}
	}
	return objects, nil
}

func readObjects(path string) ([]*unstructured.Unstructured, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var (
		objects []*unstructured.Unstructured
		decoder = yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
	)
	for {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(object)
		switch {
		case errors.Is(err, io.EOF):
			return objects, nil
		case err != nil:
			return nil, fmt.Errorf("read %s: %w", path, err)
		case len(object.Object) > 0: // a document may hold nothing but a comment
			objects = append(objects, object)
		}
	}
}

// apply does what kubectl apply --server-side does.
func (c *cluster) apply(ctx context.Context, object *unstructured.Unstructured) error {
	namespaced, err := c.IsObjectNamespaced(object)
	if err != nil {
		return err
	}
	if namespaced && object.GetNamespace() == "" {
		object.SetNamespace(namespace)
	}
	return c.Apply(ctx, client.ApplyConfigurationFromUnstructured(object), client.FieldOwner(fieldOwner), client.ForceOwnership)
}

func (c *cluster) secret(ctx context.Context, key client.ObjectKey) (*corev1.Secret, error) {
	var secret corev1.Secret
	return &secret, c.Get(ctx, key, &secret)
}

func (c *cluster) session(ctx context.Context, key client.ObjectKey) (*v1alpha1.BillingSession, error) {
	var session v1alpha1.BillingSession
	return &session, c.Get(ctx, key, &session)
}

// row returns what "kubectl get billingsession" prints for a session. The API server
// makes that table from the columns that the CRD declares.
func (c *cluster) row(ctx context.Context, key client.ObjectKey) (string, error) {
	response, err := c.sessions.Get().
		Namespace(key.Namespace).Resource("billingsessions").Name(key.Name).
		SetHeader("Accept", "application/json;as=Table;v=v1;g="+metav1.GroupName).
		Do(ctx).Raw()
	if err != nil {
		return "", err
	}
	var table metav1.Table
	if err := json.Unmarshal(response, &table); err != nil {
		return "", fmt.Errorf("read the table: %w", err)
	}
	return formatTable(&table), nil
}
