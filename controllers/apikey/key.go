package apikey

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/endpoint"
	"github.com/xtracta/billing-operator/controllers/renewal"
	generated "github.com/xtracta/billing-operator/controllers/secret"
)

// Ref is where a key is.
type Ref struct {
	Secret types.NamespacedName
	Entry  string
}

// RefOf is where the session's key is.
func RefOf(session *v1alpha1.BillingSession) Ref {
	ref := session.Spec.APIKeySecretRef
	entry := ref.Key
	if entry == "" {
		entry = v1alpha1.DefaultAPIKeySecretKey
	}
	return Ref{types.NamespacedName{Namespace: session.Namespace, Name: ref.Name}, entry}
}

// Version is a version of a Secret.
type Version struct {
	UID             types.UID
	ResourceVersion string
}

// Status is what is known of a session's key.
type Status struct {
	Version Version
	State   renewal.KeyState
	// Key is the key itself, with the state KeyRead.
	Key endpoint.Key
	// Problem is what is wrong with the Secret, with the states KeyMissing and KeyInvalid;
	// zero when there is no such Secret.
	Problem Problem
}

// Problem is why a Secret that exists holds no key. At most one field is set.
type Problem struct {
	// NoEntry reports whether the entry that the session names is missing.
	NoEntry bool
	// GeneratedFor is the session that the Secret was generated for.
	GeneratedFor string
	// Type is the type of a Secret that holds another system's credentials.
	Type corev1.SecretType
	// Value is why the value cannot be an API key.
	Value error
}

// parse finds the key in its Secret.
func parse(ref Ref, secret *corev1.Secret) Status {
	status := Status{Version: Version{secret.UID, secret.ResourceVersion}, State: renewal.KeyInvalid}
	if session := generated.GeneratedFor(secret); session != "" {
		// The granted URL, which is a login, would be sent as a key.
		status.Problem.GeneratedFor = session
		return status
	}
	if holdsForeignCredentials(secret.Type) {
		status.Problem.Type = secret.Type
		return status
	}
	value, ok := secret.Data[ref.Entry]
	if !ok {
		status.State, status.Problem.NoEntry = renewal.KeyMissing, true
		return status
	}
	key, err := endpoint.ParseKey(value)
	if err != nil {
		status.Problem.Value = err
		return status
	}
	status.State, status.Key = renewal.KeyRead, key
	return status
}

// holdsForeignCredentials reports whether Kubernetes defines what Secrets of this type
// hold: passwords, SSH keys, tokens. A session that names one would send it to the
// endpoint, with permissions that its author need not have.
func holdsForeignCredentials(t corev1.SecretType) bool {
	return strings.HasPrefix(string(t), "kubernetes.io/") || strings.HasPrefix(string(t), "bootstrap.kubernetes.io/")
}
