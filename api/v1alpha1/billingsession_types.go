package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// BillingSession keeps a temporary, pre-authenticated URL of a group's Xtracta
// billing page up to date. The controller asks the endpoint for it with the
// group's API key, writes it into a Secret in the same namespace and into the
// status, and replaces it before it expires.
//
// Whoever has the URL is logged in to the billing page until the URL expires.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=billingsessions,singular=billingsession,shortName=bsess,categories=xtracta
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`,description="Whether the URL works and was issued for the current API key and spec"
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`,description="Why the session is ready or not"
// +kubebuilder:printcolumn:name="Expires",type=string,JSONPath=`.status.expirationTime`,description="When the URL expires"
// +kubebuilder:printcolumn:name="Renews",type=string,JSONPath=`.status.renewalTime`,description="When the next URL will be requested"
// +kubebuilder:printcolumn:name="Secret",type=string,JSONPath=`.status.secretName`,description="The Secret that holds the URL"
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`,description="How long ago the session was created"
// +kubebuilder:printcolumn:name="Suspended",type=boolean,JSONPath=`.spec.suspend`,priority=1,description="Whether requests for this session are stopped"
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1,description="Details of why the session is ready or not"
// +kubebuilder:validation:XValidation:rule="size(self.metadata.name) <= 63",message="`metadata.name` must be at most 63 characters, because it becomes a label of the generated Secret; choose a shorter name"
// +kubebuilder:validation:XValidation:rule="(has(self.spec.secretName) ? self.spec.secretName : self.metadata.name) != self.spec.apiKeySecretRef.name",message="must not be the Secret that holds the API key; set `spec.secretName` to another name (when it is left out, the generated Secret has the name of the resource)",fieldPath=".spec.secretName"
// +kubebuilder:validation:XValidation:rule="(has(self.spec.secretName) ? self.spec.secretName : self.metadata.name) == (has(oldSelf.spec.secretName) ? oldSelf.spec.secretName : oldSelf.metadata.name)",message="must not change: the name of the generated Secret (`spec.secretName`, or `metadata.name` when that is left out) is immutable, because pods mount that Secret; create another BillingSession for another Secret",fieldPath=".spec.secretName"
type BillingSession struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec declares whose URL is wanted, how long it is to work, and where it is
	// written.
	// +required
	Spec BillingSessionSpec `json:"spec"`

	// status reports what the controller observed and did. Only the controller
	// writes it.
	// +kubebuilder:default:={"observedGeneration":-1}
	// +optional
	Status BillingSessionStatus `json:"status,omitempty"`
}

// BillingSessionList is a list of BillingSessions.
//
// +kubebuilder:object:root=true
type BillingSessionList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []BillingSession `json:"items"`
}

// BillingSessionSpec declares a billing session.
//
// +kubebuilder:validation:XValidation:rule="!has(self.renewBeforeSeconds) || self.renewBeforeSeconds * 5 <= self.expirationSeconds * 4",message="must be at most 4/5 of `spec.expirationSeconds`; lower it, raise `spec.expirationSeconds`, or leave it out for a margin that fits",fieldPath=".renewBeforeSeconds"
type BillingSessionSpec struct {
	// apiKeySecretRef names the Secret in the same namespace that holds the group's
	// API key. White space and invisible characters around the key are removed. The
	// reference is replaced as a whole, so that the name that one field manager
	// applies is never combined with the entry that another one applied.
	// +structType=atomic
	// +required
	APIKeySecretRef SecretKeyReference `json:"apiKeySecretRef"`

	// purge decides what happens to documents that are on hold because the group
	// has met its processing limit: "process" releases them, and they then count on
	// the new plan; "delete" removes them for good. Nothing happens to them when
	// the session is applied: purge takes effect only when somebody alters the
	// billing plan on the page. When purge is left out, nothing is sent and
	// Xtracta's own default applies.
	// +optional
	Purge Purge `json:"purge,omitempty"`

	// expirationSeconds is how long each URL is to work, in seconds: 60 to 259200
	// (three days), 600 (ten minutes) by default. The endpoint has the last word:
	// status.expirationTime shows what it granted. A short life limits what a stolen
	// URL is worth. Below 240 seconds, a pod that mounts the Secret may see an
	// expired URL for a while, because a kubelet takes up to 90 seconds to update
	// the files of a running pod.
	// +kubebuilder:default=600
	// +kubebuilder:validation:Minimum=60
	// +kubebuilder:validation:Maximum=259200
	// +optional
	ExpirationSeconds int32 `json:"expirationSeconds,omitempty"`

	// renewBeforeSeconds is how long before its expiry the URL is replaced, in
	// seconds: 1 to 4/5 of expirationSeconds. The default is a third of the life
	// that was granted, but at least 120 seconds and at most half of that life. A
	// URL may be replaced up to a tenth of its life earlier, so that many sessions
	// do not renew at once.
	// +kubebuilder:validation:Minimum=1
	// +optional
	RenewBeforeSeconds *int32 `json:"renewBeforeSeconds,omitempty"`

	// secretName is the name of the generated Secret, by default the name of the
	// BillingSession. It cannot be changed later, and it must not be the Secret that
	// holds the API key. An existing Secret of that name that the session does not
	// own is never touched.
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Subdomain().validate(self).hasValue()",message="must be the name of a Secret: lower-case letters, digits, '-' and '.', beginning and ending with a letter or digit; or leave it out to use `metadata.name`"
	// +optional
	SecretName *string `json:"secretName,omitempty"`

	// secretTemplate adds labels and annotations to the generated Secret, for tools
	// that select Secrets by them. What is removed from the template is removed from
	// the Secret; what others added to the Secret stays. Some tools copy a Secret to
	// other places because of a label or an annotation, and the URL with it.
	// +optional
	SecretTemplate *SecretTemplate `json:"secretTemplate,omitempty"`

	// urlInStatus is Full (the default) to show the URL in status.url while it
	// works, or Hidden to keep it in the generated Secret only, for clusters where
	// many people may read BillingSessions.
	// +kubebuilder:default=Full
	// +optional
	URLInStatus URLInStatus `json:"urlInStatus,omitempty"`

	// suspend stops all requests for this session while it is true. A URL that was
	// already issued stays where it is and works until it expires.
	// +optional
	Suspend bool `json:"suspend,omitempty"`
}

// SecretKeyReference names an entry of a Secret in the same namespace.
type SecretKeyReference struct {
	// name of the Secret.
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Subdomain().validate(self).hasValue()",message="must be the name of a Secret: lower-case letters, digits, '-' and '.', beginning and ending with a letter or digit"
	// +required
	Name string `json:"name"`

	// key is the entry of the Secret that holds the API key, "api-key" by default.
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[-._a-zA-Z0-9]+$') && self != '.' && !self.startsWith('..')",message="must be the name of an entry of the Secret: letters, digits, '-', '_' and '.', not empty and not beginning with '..'; or leave it out to use 'api-key'"
	// +optional
	Key string `json:"key,omitempty"`
}

// Purge is what happens to documents on hold when somebody alters the billing
// plan. Its values are the endpoint's own.
//
// +kubebuilder:validation:Enum=delete;process
type Purge string

const (
	// PurgeDelete removes the documents on hold for good.
	PurgeDelete Purge = "delete"
	// PurgeProcess releases the documents on hold. They count on the new plan.
	PurgeProcess Purge = "process"
)

// URLInStatus decides whether the status shows the URL.
//
// +kubebuilder:validation:Enum=Full;Hidden
type URLInStatus string

const (
	// URLInStatusFull shows the URL in status.url while it works.
	URLInStatusFull URLInStatus = "Full"
	// URLInStatusHidden keeps the URL in the generated Secret only.
	URLInStatusHidden URLInStatus = "Hidden"
)

// SecretTemplate is what a user adds to the metadata of the generated Secret.
type SecretTemplate struct {
	// labels to add to the generated Secret, at most 16. Keys under
	// billing.xtracta.com/, kubernetes.io/, k8s.io/ and argoproj.io/ are refused,
	// but app.kubernetes.io/ is allowed, except for its managed-by and instance.
	// +kubebuilder:validation:MaxProperties=16
	// +kubebuilder:validation:XValidation:rule="self.all(k, k.lowerAscii().startsWith('app.kubernetes.io/') || !k.lowerAscii().matches('^([^/]*[.])?(billing[.]xtracta[.]com|kubernetes[.]io|k8s[.]io|argoproj[.]io)/'))",message="must not have keys under 'billing.xtracta.com/', 'kubernetes.io/' (other than 'app.kubernetes.io/'), 'k8s.io/' and 'argoproj.io/', which are reserved; use a prefix of your own"
	// +kubebuilder:validation:XValidation:rule="!self.exists(k, k.lowerAscii() in ['app.kubernetes.io/managed-by', 'app.kubernetes.io/instance'])",message="must not have the keys 'app.kubernetes.io/managed-by' and 'app.kubernetes.io/instance', which are reserved: the operator sets the first, and Argo CD prunes what bears the second; use another key"
	// +kubebuilder:validation:XValidation:rule="self.all(k, !format.qualifiedName().validate(k).hasValue())",message="each key must be a label name: up to 63 letters, digits, '-', '_' and '.', with an optional DNS prefix and a slash before it"
	// +optional
	Labels map[string]LabelValue `json:"labels,omitempty"`

	// annotations to add to the generated Secret, at most 16. Keys under
	// billing.xtracta.com/, kubernetes.io/, k8s.io/ and argoproj.io/ are refused,
	// but app.kubernetes.io/ is allowed, except for its managed-by and instance.
	// +kubebuilder:validation:MaxProperties=16
	// +kubebuilder:validation:XValidation:rule="self.all(k, k.lowerAscii().startsWith('app.kubernetes.io/') || !k.lowerAscii().matches('^([^/]*[.])?(billing[.]xtracta[.]com|kubernetes[.]io|k8s[.]io|argoproj[.]io)/'))",message="must not have keys under 'billing.xtracta.com/', 'kubernetes.io/' (other than 'app.kubernetes.io/'), 'k8s.io/' and 'argoproj.io/', which are reserved; use a prefix of your own"
	// +kubebuilder:validation:XValidation:rule="!self.exists(k, k.lowerAscii() in ['app.kubernetes.io/managed-by', 'app.kubernetes.io/instance'])",message="must not have the keys 'app.kubernetes.io/managed-by' and 'app.kubernetes.io/instance', which are reserved: the operator sets the first, and Argo CD prunes what bears the second; use another key"
	// +kubebuilder:validation:XValidation:rule="self.all(k, !format.qualifiedName().validate(k.lowerAscii()).hasValue())",message="each key must be an annotation name: up to 63 letters, digits, '-', '_' and '.', with an optional DNS prefix and a slash before it"
	// +optional
	Annotations map[string]AnnotationValue `json:"annotations,omitempty"`
}

// LabelValue is the value of a label.
//
// +kubebuilder:validation:MaxLength=63
// +kubebuilder:validation:XValidation:rule="!format.labelValue().validate(self).hasValue()",message="must be a label value: up to 63 letters, digits, '-', '_' and '.', beginning and ending with a letter or digit"
type LabelValue string

// AnnotationValue is the value of an annotation. It is limited to 512 characters, so
// that a session stays small enough to be held in memory whole.
//
// +kubebuilder:validation:MaxLength=512
type AnnotationValue string
