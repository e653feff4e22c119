package v1alpha1

// Condition types of a BillingSession. Ready is always present once the
// controller has looked at the session. The others are abnormal when true and
// absent otherwise, as kstatus expects.
const (
	// ConditionReady is true while the generated Secret holds a URL that works
	// and that was issued for the current inputs: the API key, spec.purge,
	// spec.expirationSeconds and the endpoint's address.
	ConditionReady = "Ready"

	// ConditionReconciling is true while the controller is still working towards
	// Ready and nobody has to act. kstatus reads it as InProgress.
	ConditionReconciling = "Reconciling"

	// ConditionStalled is true when nothing will change until a person acts.
	// kstatus reads it as Failed.
	ConditionStalled = "Stalled"

	// ConditionRenewalFailing is true while the URL still works but attempts to
	// replace it fail. The URL works until status.expirationTime.
	ConditionRenewalFailing = "RenewalFailing"
)

// Reasons of the conditions above.
const (
	// ReasonIssued: the URL works and was issued for the current inputs.
	ReasonIssued = "Issued"

	// ReasonExpired: the last URL has expired and has not been replaced yet.
	ReasonExpired = "Expired"

	// ReasonInputsChanged: the URL still works, but it was issued for another API
	// key, purge mode, expiry or endpoint and has not been replaced yet.
	ReasonInputsChanged = "InputsChanged"

	// ReasonQueued: the session waits for its turn to ask the endpoint.
	ReasonQueued = "Queued"

	// ReasonSuspended: spec.suspend is true and no URL for today's inputs is alive.
	ReasonSuspended = "Suspended"

	// ReasonRejected: the endpoint refused the request; the message says why.
	// Somebody must correct the API key or the fields of spec.
	ReasonRejected = "Rejected"

	// ReasonThrottled: the endpoint asked everyone with this API key to wait.
	ReasonThrottled = "Throttled"

	// ReasonUnavailable: the endpoint could not be reached, or it failed.
	ReasonUnavailable = "Unavailable"

	// ReasonMalformed: the endpoint answered, but not in the documented form.
	ReasonMalformed = "Malformed"

	// ReasonKeySecretMissing: the Secret that spec.apiKeySecretRef names does not
	// exist, or it has no such entry.
	ReasonKeySecretMissing = "KeySecretMissing"

	// ReasonKeySecretForbidden: the controller may not read the key's Secret.
	ReasonKeySecretForbidden = "KeySecretForbidden"

	// ReasonKeyInvalid: the value in the key's Secret cannot be an API key, so it
	// is never sent.
	ReasonKeyInvalid = "KeyInvalid"

	// ReasonSecretConflict: a Secret with the generated Secret's name exists and
	// this session does not own it, or an older session claims the same name.
	ReasonSecretConflict = "SecretConflict"

	// ReasonSecretWriteFailed: the generated Secret could not be written, for
	// example because of missing permissions, a quota or an admission policy.
	ReasonSecretWriteFailed = "SecretWriteFailed"

	// ReasonAwaitingCollection: the Secret belongs to a deleted session of the
	// same name, and the garbage collector has not removed it yet.
	ReasonAwaitingCollection = "AwaitingCollection"
)

// ReasonRecovered appears in events only: a session works again after a failure.
const ReasonRecovered = "Recovered"
