package v1alpha1

// Names on a BillingSession and on its generated Secret that users and their
// tools may rely on.
const (
	// AnnotationRenewRequestedAt on a BillingSession asks for a fresh URL now.
	// Each new value asks once; by custom the value is the time of asking.
	AnnotationRenewRequestedAt = "billing.xtracta.com/renew-requested-at"

	// LabelSession on a generated Secret names the BillingSession that owns it.
	LabelSession = "billing.xtracta.com/session"

	// LabelManagedBy with the value ManagedBy marks every generated Secret.
	LabelManagedBy = "app.kubernetes.io/managed-by"
	// ManagedBy is the value of LabelManagedBy.
	ManagedBy = "billing-operator"

	// SecretKeyURL is the entry of the generated Secret that holds the URL. It is
	// named as in the endpoint's answer.
	SecretKeyURL = "url"
	// SecretKeyExpire is the entry of the generated Secret that holds the time at
	// which the URL expires, in UNIX seconds as decimal text. Name and value are
	// those of the endpoint's answer.
	SecretKeyExpire = "expire"

	// DefaultAPIKeySecretKey is the entry of the key's Secret that is read unless
	// spec.apiKeySecretRef.key names another. It is no default of the API: the
	// reference is applied as a whole, so that whoever compares what they applied
	// with what is stored, as Argo CD does, would see a difference for ever.
	DefaultAPIKeySecretKey = "api-key"
)
