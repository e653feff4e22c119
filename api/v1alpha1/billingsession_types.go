package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// BillingSession keeps a temporary, pre-authenticated URL of a group's Xtracta
// billing page at hand. The controller asks the endpoint for it with the group's
// API key, writes it into a Secret of the same namespace (and into the status),
// and replaces it before it expires.
//
// Whoever holds the URL is logged in to the billing page until it expires.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=billingsessions,singular=billingsession,shortName=bs,categories=xtracta
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`,description="Whether a URL for today's inputs is alive"
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`,description="Why it is ready or not"
// +kubebuilder:printcolumn:name="Expires",type=string,JSONPath=`.status.expirationTime`,description="When the URL expires"
// +kubebuilder:printcolumn:name="Renews",type=string,JSONPath=`.status.renewalTime`,description="When the next URL is asked for"
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="size(self.metadata.name) <= 63",message="metadata.name: must be at most 63 characters, because it becomes a label of the generated Secret; choose a shorter name"
// +kubebuilder:validation:XValidation:rule="(has(self.spec.secretName) ? self.spec.secretName : self.metadata.name) != self.spec.apiKeySecretRef.name",message="the generated Secret (spec.secretName, or the resource's name when that is left out) must not be the Secret that holds the API key; set spec.secretName to another name",fieldPath=".spec.secretName"
// +kubebuilder:validation:XValidation:rule="(has(self.spec.secretName) ? self.spec.secretName : self.metadata.name) == (has(oldSelf.spec.secretName) ? oldSelf.spec.secretName : oldSelf.metadata.name)",message="the name of the generated Secret (spec.secretName, or the resource's name when that is left out) is immutable, because pods mount that Secret; create another BillingSession for another Secret",fieldPath=".spec.secretName"
type BillingSession struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what is wanted: whose URL, for how long, and where it goes.
	// +required
	Spec BillingSessionSpec `json:"spec"`

	// status is what the controller found and did. Only the controller writes it.
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
// +kubebuilder:validation:XValidation:rule="!has(self.renewBeforeSeconds) || self.renewBeforeSeconds * 5 <= self.expirationSeconds * 4",message="must be at most 4/5 of spec.expirationSeconds; lower it, raise spec.expirationSeconds, or leave it out for a margin that fits",fieldPath=".renewBeforeSeconds"
type BillingSessionSpec struct {
	// apiKeySecretRef names the Secret of the same namespace that holds the
	// group's API key. White space around the key is removed before it is used.
	// +required
	APIKeySecretRef SecretKeyReference `json:"apiKeySecretRef"`

	// purge decides what Xtracta does with documents that are pending when the
	// billing plan is altered on the page: "delete" discards them, "process"
	// processes them first. Nothing is sent, and Xtracta's own default holds, when
	// it is left out.
	// +optional
	Purge Purge `json:"purge,omitempty"`

	// expirationSeconds is for how long the URL is to work, in seconds: 60 to
	// 259200 (three days), 600 (ten minutes) by default. The endpoint has the last
	// word: status.expirationTime is what it granted. A short life limits what a
	// stolen URL is worth; below 240 seconds a pod that mounts the Secret may see
	// an expired URL for a while, as a kubelet takes up to 90 seconds to bring a
	// changed Secret into a running pod.
	// +kubebuilder:default=600
	// +kubebuilder:validation:Minimum=60
	// +kubebuilder:validation:Maximum=259200
	// +optional
	ExpirationSeconds int32 `json:"expirationSeconds,omitempty"`

	// renewBeforeSeconds is how long before its expiry the URL is replaced, in
	// seconds: 1 to 4/5 of expirationSeconds. By default a third of the life that
	// was granted, but at least 120 seconds and at most half of the life. Renewal
	// may come earlier by up to a tenth of the life, so that many sessions do not
	// renew at once.
	// +kubebuilder:validation:Minimum=1
	// +optional
	RenewBeforeSeconds *int32 `json:"renewBeforeSeconds,omitempty"`

	// secretName is the name of the generated Secret, by default the name of the
	// BillingSession. It cannot be changed later, and must not be the Secret that
	// holds the API key. A Secret of that name which the session does not own is
	// never touched.
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Subdomain().validate(self).hasValue()",message="must be the name of a Secret: lower-case letters, digits, '-' and '.', beginning and ending with a letter or digit; or leave it out to use the resource's name"
	// +optional
	SecretName *string `json:"secretName,omitempty"`

	// secretTemplate adds labels and annotations to the generated Secret, for tools
	// that select Secrets by them. What is dropped from the template is removed
	// from the Secret; what others added to the Secret stays.
	// +optional
	SecretTemplate *SecretTemplate `json:"secretTemplate,omitempty"`

	// urlInStatus is Full (default) to show the URL in status.url while it is
	// alive, or Hidden to keep it in the generated Secret alone, for clusters where
	// many may read BillingSessions.
	// +kubebuilder:default=Full
	// +optional
	URLInStatus URLInStatus `json:"urlInStatus,omitempty"`

	// suspend stops all requests for this session while it is true. What was
	// issued stays until it expires.
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
	// +kubebuilder:default=api-key
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[-._a-zA-Z0-9]+$') && self != '.' && !self.startsWith('..')",message="must be the name of an entry of the Secret: letters, digits, '-', '_' and '.', not empty and not beginning with '..'; or leave it out to use api-key"
	// +optional
	Key string `json:"key,omitempty"`
}

// Purge says what Xtracta does with documents pending when the billing plan is
// altered. Its values are the wire's own words.
//
// +kubebuilder:validation:Enum=delete;process
type Purge string

const (
	// PurgeDelete discards pending documents.
	PurgeDelete Purge = "delete"
	// PurgeProcess processes pending documents first.
	PurgeProcess Purge = "process"
)

// URLInStatus says whether the URL is shown in the status.
//
// +kubebuilder:validation:Enum=Full;Hidden
type URLInStatus string

const (
	// URLInStatusFull shows the URL in status.url while it is alive.
	URLInStatusFull URLInStatus = "Full"
	// URLInStatusHidden keeps the URL in the generated Secret alone.
	URLInStatusHidden URLInStatus = "Hidden"
)

// SecretTemplate is what a user adds to the metadata of the generated Secret.
type SecretTemplate struct {
	// labels to put on the generated Secret, at most 32. Keys under
	// billing.xtracta.com, kubernetes.io, k8s.io and argoproj.io are refused.
	// +kubebuilder:validation:MaxProperties=32
	// +kubebuilder:validation:XValidation:rule="self.all(k, !k.lowerAscii().matches('^([^/]*[.])?(billing[.]xtracta[.]com|kubernetes[.]io|k8s[.]io|argoproj[.]io)/'))",message="keys under billing.xtracta.com/, kubernetes.io/, k8s.io/ and argoproj.io/ are reserved; use a prefix of your own"
	// +kubebuilder:validation:XValidation:rule="self.all(k, !format.qualifiedName().validate(k).hasValue())",message="each key must be a label name: up to 63 letters, digits, '-', '_' and '.', with an optional DNS prefix and a slash before it"
	// +optional
	Labels map[string]LabelValue `json:"labels,omitempty"`

	// annotations to put on the generated Secret, at most 32. Keys under
	// billing.xtracta.com, kubernetes.io, k8s.io and argoproj.io are refused.
	// +kubebuilder:validation:MaxProperties=32
	// +kubebuilder:validation:XValidation:rule="self.all(k, !k.lowerAscii().matches('^([^/]*[.])?(billing[.]xtracta[.]com|kubernetes[.]io|k8s[.]io|argoproj[.]io)/'))",message="keys under billing.xtracta.com/, kubernetes.io/, k8s.io/ and argoproj.io/ are reserved; use a prefix of your own"
	// +kubebuilder:validation:XValidation:rule="self.all(k, !format.qualifiedName().validate(k.lowerAscii()).hasValue())",message="each key must be an annotation name: up to 63 letters, digits, '-', '_' and '.', with an optional DNS prefix and a slash before it"
	// +optional
	Annotations map[string]AnnotationValue `json:"annotations,omitempty"`
}

// LabelValue is the value of a label.
//
// +kubebuilder:validation:MaxLength=63
// +kubebuilder:validation:XValidation:rule="!format.labelValue().validate(self).hasValue()",message="must be a label value: up to 63 letters, digits, '-', '_' and '.', beginning and ending with a letter or digit"
type LabelValue string

// AnnotationValue is the value of an annotation, at most 4096 characters here.
//
// +kubebuilder:validation:MaxLength=4096
type AnnotationValue string

// BillingSessionStatus is what the controller found and did.
type BillingSessionStatus struct {
	// observedGeneration is the metadata.generation that this status speaks of;
	// -1 until the controller has looked at the session for the first time.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// url is the pre-authenticated URL, while it is alive and spec.urlInStatus is
	// Full. Treat it as a password.
	// +optional
	URL string `json:"url,omitempty"`

	// issueTime is when the URL was issued, by the controller's clock.
	// +optional
	IssueTime *metav1.Time `json:"issueTime,omitempty"`

	// expirationTime is when the URL expires, as the endpoint said it.
	// +optional
	ExpirationTime *metav1.Time `json:"expirationTime,omitempty"`

	// renewalTime is when the URL that is alive is to be replaced, by the
	// controller's clock; after that failed, when it is tried again.
	// +optional
	RenewalTime *metav1.Time `json:"renewalTime,omitempty"`

	// secretName is the name of the generated Secret, once it exists.
	// +optional
	SecretName string `json:"secretName,omitempty"`

	// lastHandledRenewRequest is the value of the annotation
	// billing.xtracta.com/renew-requested-at that was last answered by a grant or a
	// rejection.
	// +optional
	LastHandledRenewRequest string `json:"lastHandledRenewRequest,omitempty"`

	// lastAttempt is what came of the last request, while it matters for the next.
	// +optional
	LastAttempt *Attempt `json:"lastAttempt,omitempty"`

	// issuedFor says which inputs the URL was issued for. Nothing in it is derived
	// from the value of the API key.
	// +optional
	IssuedFor *IssuedFor `json:"issuedFor,omitempty"`

	// conditions: Ready, and where true Reconciling, Stalled and RenewalFailing.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// Inputs identify what a request was made with, without the key's value.
type Inputs struct {
	// keySecretUID is the UID of the Secret that held the API key.
	// +optional
	KeySecretUID types.UID `json:"keySecretUID,omitempty"`
	// keySecretResourceVersion is the version of that Secret.
	// +optional
	KeySecretResourceVersion string `json:"keySecretResourceVersion,omitempty"`
	// keySecretKey is the entry of that Secret.
	// +optional
	KeySecretKey string `json:"keySecretKey,omitempty"`
	// purge that was sent.
	// +optional
	Purge Purge `json:"purge,omitempty"`
	// expirationSeconds that was sent.
	// +optional
	ExpirationSeconds int32 `json:"expirationSeconds,omitempty"`
	// endpoint that was asked.
	// +optional
	Endpoint string `json:"endpoint,omitempty"`
}

// IssuedFor says what a URL was issued for, and by which clock.
type IssuedFor struct {
	Inputs `json:",inline"`
	// clockOffsetSeconds is how far the endpoint's clock was ahead of the
	// controller's when the URL was issued, in seconds; negative when behind.
	// +optional
	ClockOffsetSeconds int64 `json:"clockOffsetSeconds,omitempty"`
}

// Outcome is what came of a request to the endpoint.
type Outcome string

const (
	// OutcomeGranted: a URL and its expiry.
	OutcomeGranted Outcome = "Granted"
	// OutcomeRejected: a person must act.
	OutcomeRejected Outcome = "Rejected"
	// OutcomeThrottled: everyone with that key must wait.
	OutcomeThrottled Outcome = "Throttled"
	// OutcomeUnavailable: the endpoint could not be reached, or failed.
	OutcomeUnavailable Outcome = "Unavailable"
	// OutcomeMalformed: the answer is not as the endpoint's document says.
	OutcomeMalformed Outcome = "Malformed"
)

// Attempt is what a restart of the controller must know of the last request.
type Attempt struct {
	// time of the request, by the controller's clock.
	// +required
	Time metav1.Time `json:"time"`
	// inputs it was made with.
	// +optional
	Inputs Inputs `json:"inputs,omitempty"`
	// renewRequest is the token of the annotation
	// billing.xtracta.com/renew-requested-at at that time.
	// +optional
	RenewRequest string `json:"renewRequest,omitempty"`
	// outcome of the request: Granted, Rejected, Throttled, Unavailable or Malformed.
	// +required
	Outcome Outcome `json:"outcome"`
	// message says in a sentence what the endpoint answered; never a key or a URL.
	// +optional
	Message string `json:"message,omitempty"`
	// failures is how many attempts in a row did not help, this one included. A
	// rejection begins a new count, and so does whatever follows one.
	// +optional
	Failures int32 `json:"failures,omitempty"`
	// nextTime is when the endpoint is asked again, unless something cuts the wait.
	// +optional
	NextTime *metav1.Time `json:"nextTime,omitempty"`
}
