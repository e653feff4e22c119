package main

import (
	"bytes"
	"encoding/json"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/printers"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/env/manifests"
)

const (
	// namespace is the default for objects without one, as with kubectl.
	namespace  = "default"
	fieldOwner = "demo"

	// What samplePath declares.
	samplePath  = "config/samples/minimal.yaml"
	sessionName = "acme"
	secretName  = "acme"         // the generated Secret
	keyName     = "acme-xtracta" // the Secret that holds the API key
)

func in(name string) client.ObjectKey { return client.ObjectKey{Namespace: namespace, Name: name} }

// applyFile does what kubectl apply --server-side does with the objects of a file.
func (e *environment) applyFile(path string) {
	text, err := os.ReadFile(env.Path(path))
	e.must(err)
	objects, err := manifests.Parse(bytes.NewReader(text))
	e.must(err)
	for _, object := range objects {
		namespaced, err := e.client.IsObjectNamespaced(object)
		e.must(err)
		if namespaced && object.GetNamespace() == "" {
			object.SetNamespace(namespace)
		}
		e.must(e.client.Apply(e.ctx, client.ApplyConfigurationFromUnstructured(object), client.FieldOwner(fieldOwner), client.ForceOwnership))
	}
}

// changeKey replaces the API key.
func (e *environment) changeKey(value string) {
	var secret corev1.Secret
	e.must(e.client.Get(e.ctx, in(keyName), &secret))
	before := secret.DeepCopy()
	secret.Data[v1alpha1.DefaultAPIKeySecretKey] = []byte(value)
	e.must(e.client.Patch(e.ctx, &secret, client.MergeFrom(before), client.FieldOwner(fieldOwner)))
}

// row returns what "kubectl get billingsession" prints for the session. The API server
// makes that table from the columns that the CRD declares.
func (e *environment) row() string {
	config := rest.CopyConfig(e.plane.Config())
	config.APIPath, config.GroupVersion = "/apis", &v1alpha1.GroupVersion
	config.NegotiatedSerializer = clientgoscheme.Codecs.WithoutConversion()
	sessions, err := rest.RESTClientFor(config)
	e.must(err)
	response, err := sessions.Get().Namespace(namespace).Resource("billingsessions").Name(sessionName).
		SetHeader("Accept", "application/json;as=Table;v=v1;g="+metav1.GroupName).Do(e.ctx).Raw()
	e.must(err)
	var table metav1.Table
	e.must(json.Unmarshal(response, &table))
	var printed bytes.Buffer
	e.must(printers.NewTablePrinter(printers.PrintOptions{}).PrintObj(&table, &printed))
	return printed.String()
}

// state is a session and its generated Secret at one moment. What is not there is empty.
type state struct {
	session v1alpha1.BillingSession
	secret  corev1.Secret
}

// read returns the present state.
func (e *environment) read() (s state) {
	e.must(client.IgnoreNotFound(e.client.Get(e.ctx, in(sessionName), &s.session)))
	e.must(client.IgnoreNotFound(e.client.Get(e.ctx, in(secretName), &s.secret)))
	return s
}

func (s state) url() string { return string(s.secret.Data[v1alpha1.SecretKeyURL]) }

// left is how long the URL still lives.
func (s state) left() time.Duration { return time.Until(s.session.Status.ExpirationTime.Time) }

// condition returns a condition of the session, with status Unknown when it is absent.
func (s state) condition(kind string) metav1.Condition {
	if found := meta.FindStatusCondition(s.session.Status.Conditions, kind); found != nil {
		return *found
	}
	return metav1.Condition{Type: kind, Status: metav1.ConditionUnknown}
}
