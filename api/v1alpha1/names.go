package v1alpha1

// Names on a BillingSession and on its generated Secret that users and their
// tools may rely on.
const (
	// AnnotationRenewRequestedAt on a BillingSession asks for a fresh URL now.
	// Any new value asks once; the time of asking is the customary value.
	AnnotationRenewRequestedAt = "billing.xtracta.com/renew-requested-at"

	// LabelSession on a generated Secret names the BillingSession that owns it.
	LabelSession = "billing.xtracta.com/session"

	// LabelManagedBy and ManagedBy mark every generated Secret.
	LabelManagedBy = "app.kubernetes.io/managed-by"
	// ManagedBy is the value of LabelManagedBy.
	ManagedBy = "billing-operator"

	// SecretKeyURL holds the URL in the generated Secret, under the wire's own name.
	SecretKeyURL = "url"
	// SecretKeyExpire holds, in the generated Secret, the time at which the URL
	// expires: UNIX seconds as decimal text, as the endpoint said it.
	SecretKeyExpire = "expire"

	// DefaultAPIKeySecretKey is the entry of the key's Secret that is read unless
	// spec.apiKeySecretRef.key names another.
	DefaultAPIKeySecretKey = "api-key"
)
