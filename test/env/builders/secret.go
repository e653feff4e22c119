package builders

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

// KeySecretOf is a Secret that holds an API key where sessions expect it.
func KeySecretOf(namespace, name, key string) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Data:       map[string][]byte{v1alpha1.DefaultAPIKeySecretKey: []byte(key)},
	}
}

// ForeignSecret is a Secret that no session owns.
func ForeignSecret(namespace, name string) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		StringData: map[string]string{"mine": "hands off"},
	}
}
