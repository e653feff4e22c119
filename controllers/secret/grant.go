package secret

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/endpoint"
	"github.com/xtracta/billing-operator/controllers/renewal"
)

// Annotations of a generated Secret that describe its grant. Later passes need them to
// decide whether the grant is still good.
const (
	annotationIssueTime   = "billing.xtracta.com/issue-time"
	annotationClockOffset = "billing.xtracta.com/clock-offset-seconds"
	annotationIssuedFor   = "billing.xtracta.com/issued-for"
	annotationFingerprint = "billing.xtracta.com/inputs-hmac"
)

// Grant is a URL with everything that is known of it.
type Grant struct {
	renewal.Grant
	URL endpoint.URL
}

// Timing is the part of a grant that decisions need; nil for none.
func (g *Grant) Timing() *renewal.Grant {
	if g == nil {
		return nil
	}
	return &g.Grant
}

// Compose is the Secret that holds the grant: the existing one changed, or a new one.
func Compose(session *v1alpha1.BillingSession, existing *corev1.Secret, g *Grant) (*corev1.Secret, error) {
	secret := WithMetadata(session, existing)
	secret.Data = map[string][]byte{
		v1alpha1.SecretKeyURL:    []byte(g.URL.Reveal()),
		v1alpha1.SecretKeyExpire: []byte(strconv.FormatInt(g.Expire.Unix(), 10)),
	}
	issuedFor, err := json.Marshal(g.Inputs)
	if err != nil {
		return nil, fmt.Errorf("encode the inputs of the grant: %w", err)
	}
	maps.Copy(secret.Annotations, map[string]string{
		annotationIssueTime:   g.Issued.UTC().Format(time.RFC3339),
		annotationClockOffset: strconv.FormatInt(int64(g.Offset/time.Second), 10),
		annotationIssuedFor:   string(issuedFor),
		annotationFingerprint: g.Fingerprint,
	})
	secret.Annotations[annotationDigest] = digest(secret)
	return secret, nil
}

// Rehearsal is what a dry run writes to find out whether a grant could be stored: the
// existing Secret with its metadata in line, or else one whose data looks like a grant's.
// With an empty Secret, a webhook that alters URLs would go unnoticed.
func Rehearsal(session *v1alpha1.BillingSession, existing *corev1.Secret) (*corev1.Secret, error) {
	if existing != nil && IsIntact(existing) {
		return WithMetadata(session, existing), nil
	}
	return Compose(session, existing, &Grant{URL: endpoint.NewURL("https://example.invalid/")})
}

// CheckURL returns nil for a URL that the endpoint may grant.
type CheckURL func(text string) error

// Inspect tells what the Secret is to the session, and reads its grant where it is ours
// and as it was written. living are the UIDs of its OtherOwners that still exist.
//
// Anybody who may write Secrets can make a digest that is right, also while no controller
// looks. A grant that the endpoint would not give therefore counts as an edit.
func Inspect(session *v1alpha1.BillingSession, secret *corev1.Secret, check CheckURL, living ...types.UID) (renewal.SecretState, *Grant) {
	g, err := read(secret)
	if err == nil {
		err = g.check(check)
	}
	isIntact := err == nil && IsIntact(secret)
	whose := ownershipOf(session, secret, isIntact, living)
	switch whose {
	case foreign:
		return renewal.SecretForeign, nil
	case ofPredecessor:
		return renewal.SecretOfPredecessor, nil
	case owned, orphaned:
	}
	if !isIntact {
		return renewal.SecretEdited, nil
	}
	if whose == orphaned || !hasMetadata(session, secret) {
		return renewal.SecretDrifted, g
	}
	return renewal.SecretOurs, g
}

// lastSecond is the end of the year 9999, the last that a status can hold.
const lastSecond = 253402300799

// read reads back what Compose wrote.
func read(secret *corev1.Secret) (*Grant, error) {
	expire, err := strconv.ParseInt(string(secret.Data[v1alpha1.SecretKeyExpire]), 10, 64)
	if err != nil || expire < 0 || expire > lastSecond {
		return nil, fmt.Errorf("read %s: not a UNIX time", v1alpha1.SecretKeyExpire)
	}
	issued, err := time.Parse(time.RFC3339, secret.Annotations[annotationIssueTime])
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", annotationIssueTime, err)
	}
	offset, err := strconv.ParseInt(secret.Annotations[annotationClockOffset], 10, 32)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", annotationClockOffset, err)
	}
	g := &Grant{
		Grant: renewal.Grant{
			Expire:      time.Unix(expire, 0),
			Issued:      issued,
			Offset:      time.Duration(offset) * time.Second,
			Fingerprint: versioned(secret.Annotations[annotationFingerprint]),
		},
		URL: endpoint.NewURL(string(secret.Data[v1alpha1.SecretKeyURL])),
	}
	if err := json.Unmarshal([]byte(secret.Annotations[annotationIssuedFor]), &g.Inputs); err != nil {
		return nil, fmt.Errorf("read %s: %w", annotationIssuedFor, err)
	}
	return g, nil
}

// FromStatus is the grant that the status shows, nil unless it is complete and one that the
// endpoint may give.
func FromStatus(status *v1alpha1.BillingSessionStatus, check CheckURL) *Grant {
	if status.URL == "" || status.IssueTime == nil || status.ExpirationTime == nil || status.IssuedFor == nil {
		return nil
	}
	g := &Grant{
		Grant: renewal.Grant{
			Expire: status.ExpirationTime.Time,
			Issued: status.IssueTime.Time,
			Offset: time.Duration(status.IssuedFor.ClockOffsetSeconds) * time.Second,
			Inputs: status.IssuedFor.Inputs,
		},
		URL: endpoint.NewURL(status.URL),
	}
	if g.check(check) != nil {
		return nil
	}
	return g
}

// check returns why the endpoint cannot have given the grant.
func (g *Grant) check(url CheckURL) error {
	// Issued is rounded down to a second.
	if life := g.Life(); life <= 0 || life > endpoint.MaxLife+time.Second {
		return errors.New("the URL has a life that the endpoint does not grant")
	}
	if err := url(g.URL.Reveal()); err != nil {
		return fmt.Errorf("the URL %w", err)
	}
	return nil
}
