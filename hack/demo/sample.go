package main

import (
	"context"
	"fmt"
	"path/filepath"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

// sample is what is applied: a session, and the Secret with its API key.
const sample = "config/samples/minimal.yaml"

// example is the session that the sample declares, and the Secrets around it.
type example struct {
	session client.ObjectKey
	secret  client.ObjectKey // the generated one
	key     client.ObjectKey // the one that holds the API key
	entry   string           // of the latter
}

// applySample applies the sample.
func (s *stage) applySample(ctx context.Context) (example, error) {
	objects, err := s.cluster.applyFile(ctx, filepath.Join(s.root, sample))
	if err != nil {
		return example{}, fmt.Errorf("apply %s: %w", sample, err)
	}
	for _, object := range objects {
		if object.GetKind() == "BillingSession" {
			session, err := s.cluster.session(ctx, client.ObjectKeyFromObject(object))
			return exampleOf(session), err
		}
	}
	return example{}, fmt.Errorf("%s declares no BillingSession", sample)
}

func exampleOf(session *v1alpha1.BillingSession) example {
	in := func(name string) client.ObjectKey {
		return client.ObjectKey{Namespace: session.Namespace, Name: name}
	}
	generated := session.Name
	if session.Spec.SecretName != nil {
		generated = *session.Spec.SecretName
	}
	return example{
		session: in(session.Name), secret: in(generated),
		key: in(session.Spec.APIKeySecretRef.Name), entry: session.Spec.APIKeySecretRef.Key,
	}
}

// changeKey gives the group another API key.
func (s *stage) changeKey(ctx context.Context, e example, value string) error {
	secret, err := s.cluster.secret(ctx, e.key)
	if err != nil {
		return err
	}
	before := secret.DeepCopy()
	secret.Data[e.entry] = []byte(value)
	return s.cluster.Patch(ctx, secret, client.MergeFrom(before), client.FieldOwner(fieldOwner))
}
