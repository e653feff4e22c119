// Package v1alpha1 defines the API that users work with: the BillingSession
// resource of the group billing.xtracta.com. It contains no logic.
//
// +kubebuilder:object:generate=true
// +groupName=billing.xtracta.com
package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var (
	// GroupVersion is the group and version of every type in this package.
	GroupVersion = schema.GroupVersion{Group: "billing.xtracta.com", Version: "v1alpha1"}

	// AddToScheme adds the types of this package to a scheme.
	AddToScheme = schemeBuilder.AddToScheme

	schemeBuilder = runtime.NewSchemeBuilder(addKnownTypes)
)

// Kind is the kind of a BillingSession.
const Kind = "BillingSession"

func addKnownTypes(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion, &BillingSession{}, &BillingSessionList{})
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
