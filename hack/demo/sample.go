package main

import (
	"context"
	"fmt"
	"path/filepath"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

// samplePath declares a session, and the Secret with its API key.
const samplePath = "config/samples/minimal.yaml"

// sample is the session that samplePath declares, with its Secrets.
type sample struct {
	session client.ObjectKey
	secret  client.ObjectKey // the generated Secret
	key     client.ObjectKey // the Secret that holds the API key
	entry   string           // where the key is in that Secret
}

// applySample applies the sample.
func (e *environment) applySample(ctx context.Context) (sample, error) {
	objects, err := e.cluster.applyFile(ctx, filepath.Join(e.root, samplePath))
	if err != nil {
		return sample{}, fmt.Errorf("apply %s: %w", samplePath, err)
	}
	for _, object := range objects {
		if object.GetKind() == "BillingSession" {
			session, err := e.cluster.session(ctx, client.ObjectKeyFromObject(object))
			return sampleOf(session), err
		}
	}
	return sample{}, fmt.Errorf("%s declares no BillingSession", samplePath)
}

func sampleOf(session *v1alpha1.BillingSession) sample {
	in := func(name string) client.ObjectKey {
		return client.ObjectKey{Namespace: session.Namespace, Name: name}
	}
	generated := session.Name
	if session.Spec.SecretName != nil {
		generated = *session.Spec.SecretName
	}
	return sample{
		session: in(session.Name), secret: in(generated),
		key: in(session.Spec.APIKeySecretRef.Name), entry: session.Spec.APIKeySecretRef.Key,
	}
}

// changeKey replaces the API key.
func (e *environment) changeKey(ctx context.Context, s sample, value string) error {
	secret, err := e.cluster.secret(ctx, s.key)
	if err != nil {
		return err
	}
	before := secret.DeepCopy()
	secret.Data[s.entry] = []byte(value)
	return e.cluster.Patch(ctx, secret, client.MergeFrom(before), client.FieldOwner(fieldOwner))
}
