package v1alpha1

// Condition types of a BillingSession. Ready is always present once the
// controller has looked at the session; the others are abnormal when true and
// are absent otherwise, as kstatus expects.
const (
	// ConditionReady is true while the generated Secret holds a URL that is
	// alive and was asked for with today's inputs.
	ConditionReady = "Ready"

	// ConditionReconciling is true while the controller is working towards
	// Ready and nobody has to act. kstatus reads it as InProgress.
	ConditionReconciling = "Reconciling"

	// ConditionStalled is true when nothing will change until a person acts.
	// kstatus reads it as Failed.
	ConditionStalled = "Stalled"

	// ConditionRenewalFailing is true while the URL is alive but the attempts to
	// replace it fail. The URL works until status.expirationTime.
	ConditionRenewalFailing = "RenewalFailing"
)

// Reasons of the conditions above.
const (
	// ReasonIssued: a URL for today's inputs is alive.
	ReasonIssued = "Issued"

	// ReasonExpired: the last URL has expired and no new one could be had yet.
	ReasonExpired = "Expired"

	// ReasonInputsChanged: the URL that is alive was asked for with other inputs
	// (key, purge, expiry or endpoint) and could not be replaced yet.
	ReasonInputsChanged = "InputsChanged"

	// ReasonQueued: the session waits for its turn to ask the endpoint.
	ReasonQueued = "Queued"

	// ReasonSuspended: spec.suspend is true and no URL for today's inputs is alive.
	ReasonSuspended = "Suspended"

	// ReasonRejected: the endpoint refused the request; the message says how.
	// Correct the API key or the fields of spec.
	ReasonRejected = "Rejected"

	// ReasonThrottled: the endpoint asked everyone with this key to wait.
	ReasonThrottled = "Throttled"

	// ReasonUnavailable: the endpoint could not be reached, or failed.
	ReasonUnavailable = "Unavailable"

	// ReasonMalformed: the endpoint answered, but not as its document says.
	ReasonMalformed = "Malformed"

	// ReasonKeySecretMissing: the Secret of spec.apiKeySecretRef, or its key,
	// does not exist or cannot be read.
	ReasonKeySecretMissing = "KeySecretMissing"

	// ReasonKeySecretForbidden: the controller may not read the key's Secret.
	ReasonKeySecretForbidden = "KeySecretForbidden"

	// ReasonKeyInvalid: the value in the key's Secret cannot be an API key, so it
	// is never sent.
	ReasonKeyInvalid = "KeyInvalid"

	// ReasonSecretConflict: a Secret of the generated Secret's name exists that
	// this session does not own, or an older session claims the same name.
	ReasonSecretConflict = "SecretConflict"

	// ReasonSecretWriteFailed: the API server refuses to store the generated
	// Secret (permissions, quota or admission).
	ReasonSecretWriteFailed = "SecretWriteFailed"

	// ReasonAwaitingCollection: the Secret belongs to a deleted session of the
	// same name, and garbage collection has not removed it yet.
	ReasonAwaitingCollection = "AwaitingCollection"
)

// ReasonRecovered is used in events only: a session works again after it failed.
const ReasonRecovered = "Recovered"
