package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// BillingSessionStatus reports what the controller observed and did.
type BillingSessionStatus struct {
	// observedGeneration is the metadata.generation that this status describes. It
	// is -1 until the controller has looked at the session for the first time.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// url is the pre-authenticated URL, while it works and spec.urlInStatus is
	// Full. Treat it like a password.
	// +kubebuilder:validation:MaxLength=8192
	// +optional
	URL string `json:"url,omitempty"`

	// issueTime is when the URL was issued, by the controller's clock.
	// +optional
	IssueTime *metav1.Time `json:"issueTime,omitempty"`

	// expirationTime is when the URL expires, as the endpoint reported it.
	// +optional
	ExpirationTime *metav1.Time `json:"expirationTime,omitempty"`

	// renewalTime is when the URL will be replaced, by the controller's clock. If
	// an attempt failed, it is the time of the next attempt.
	// +optional
	RenewalTime *metav1.Time `json:"renewalTime,omitempty"`

	// secretName is the name of the generated Secret, once it exists.
	// +kubebuilder:validation:MaxLength=253
	// +optional
	SecretName string `json:"secretName,omitempty"`

	// secretResourceVersion is the version of the generated Secret that the controller
	// wrote, or found to be as it had written it. It is empty while that cannot be
	// said of any.
	// +kubebuilder:validation:MaxLength=128
	// +optional
	SecretResourceVersion string `json:"secretResourceVersion,omitempty"`

	// lastHandledRenewRequest is the last value of the annotation
	// billing.xtracta.com/renew-requested-at that led to a grant or a rejection. A
	// value that is too long to be recorded is replaced by its SHA-256 digest.
	// +kubebuilder:validation:MaxLength=128
	// +optional
	LastHandledRenewRequest string `json:"lastHandledRenewRequest,omitempty"`

	// lastAttempt describes the last request, as long as it matters for the next.
	// +optional
	LastAttempt *Attempt `json:"lastAttempt,omitempty"`

	// issuedFor identifies the inputs that the URL was issued for. Nothing in it is
	// derived from the value of the API key.
	// +optional
	IssuedFor *IssuedFor `json:"issuedFor,omitempty"`

	// conditions of the session. Ready is always present; Reconciling, Stalled and
	// RenewalFailing are present only while they are true. "kubectl wait" never sees
	// an absent condition become false, so wait for Ready instead.
	// +kubebuilder:validation:MaxItems=16
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// Inputs identify what a request was made with, without the value of the API key.
type Inputs struct {
	// keySecretUID is the UID of the Secret that held the API key.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=128
	// +optional
	KeySecretUID types.UID `json:"keySecretUID,omitempty"`
	// keySecretResourceVersion is the resource version of that Secret.
	// +kubebuilder:validation:MaxLength=128
	// +optional
	KeySecretResourceVersion string `json:"keySecretResourceVersion,omitempty"`
	// keySecretKey is the entry of that Secret that was read.
	// +kubebuilder:validation:MaxLength=253
	// +optional
	KeySecretKey string `json:"keySecretKey,omitempty"`
	// purge that was sent.
	// +optional
	Purge Purge `json:"purge,omitempty"`
	// expirationSeconds that was sent.
	// +optional
	ExpirationSeconds int32 `json:"expirationSeconds,omitempty"`
	// endpoint is the address that the request was sent to.
	// +kubebuilder:validation:MaxLength=2048
	// +optional
	Endpoint string `json:"endpoint,omitempty"`
}

// IssuedFor identifies what a URL was issued for, and by which clock.
type IssuedFor struct {
	Inputs `json:",inline"`
	// clockOffsetSeconds is how far the endpoint's clock was ahead of the
	// controller's when the URL was issued, in seconds. It is negative when the
	// endpoint's clock was behind.
	// +optional
	ClockOffsetSeconds int64 `json:"clockOffsetSeconds,omitempty"`
}

// Outcome is the result of a request to the endpoint.
//
// It has a maximum length instead of an enumeration: with an older CRD, an
// enumeration would make the API server refuse the whole status of a newer
// controller that knows one more outcome.
//
// +kubebuilder:validation:MaxLength=64
type Outcome string

const (
	// OutcomeGranted: the endpoint returned a URL and its expiry.
	OutcomeGranted Outcome = "Granted"
	// OutcomeRejected: the endpoint refused the request, and a person must act.
	OutcomeRejected Outcome = "Rejected"
	// OutcomeThrottled: the endpoint asked everyone with this API key to wait.
	OutcomeThrottled Outcome = "Throttled"
	// OutcomeUnavailable: the endpoint could not be reached, or it failed.
	OutcomeUnavailable Outcome = "Unavailable"
	// OutcomeMalformed: the endpoint's answer does not have the documented form.
	OutcomeMalformed Outcome = "Malformed"
)

// Attempt is what the controller must know of the last request after a restart.
type Attempt struct {
	// time of the request, by the controller's clock.
	// +required
	Time metav1.Time `json:"time"`
	// inputs that the request was made with.
	// +optional
	Inputs Inputs `json:"inputs,omitempty"`
	// renewRequest is the value that the annotation
	// billing.xtracta.com/renew-requested-at had at that time. A value that is too
	// long to be recorded is replaced by its SHA-256 digest.
	// +kubebuilder:validation:MaxLength=128
	// +optional
	RenewRequest string `json:"renewRequest,omitempty"`
	// outcome of the request: Granted, Rejected, Throttled, Unavailable or Malformed.
	// +required
	Outcome Outcome `json:"outcome"`
	// message describes the endpoint's answer in a sentence. It never contains an
	// API key or a URL.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Message string `json:"message,omitempty"`
	// failures is the number of attempts in a row that did not help, including this
	// one. A rejection starts a new count, and so does the attempt that follows it.
	// +optional
	Failures int32 `json:"failures,omitempty"`
	// nextTime is when the endpoint will be asked again, unless something ends the
	// wait earlier.
	// +optional
	NextTime *metav1.Time `json:"nextTime,omitempty"`
}
