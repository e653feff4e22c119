package v1alpha1

// Maximum lengths, in characters, of strings in status that come from outside. The
// CRD enforces them. Whoever writes the status must keep to them: the API server
// refuses a status with one string that is too long as a whole, and the session
// would then be stuck with its old status.
const (
	// MaxURLLength bounds status.url.
	MaxURLLength = 8192
	// MaxRenewRequestLength bounds the renew tokens in status. A longer token must
	// be recorded by its digest, because two long tokens may begin alike.
	MaxRenewRequestLength = 128
	// MaxAttemptMessageLength bounds status.lastAttempt.message.
	MaxAttemptMessageLength = 1024
	// MaxEndpointLength bounds the endpoint's address in status. It must never be
	// shortened: a shortened address would look like another endpoint, and each
	// look at the session would spend a request.
	MaxEndpointLength = 2048
)
