package secret

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

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

// issuedFor is what annotationIssuedFor holds.
type issuedFor struct {
	v1alpha1.Inputs
	// Expire is when the URL expires, in UNIX seconds. The data tells that, too, but no cache
	// holds data. It is zero in what earlier versions wrote.
	Expire int64 `json:"expire,omitempty"`
}

// Grant is a URL with everything that is known of it.
type Grant struct {
	renewal.Grant
	// URL is zero where only the Secret's metadata was read.
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
	secret.Data = dataOf(g.URL, g.Expire)
	issuedFor, err := json.Marshal(issuedFor{g.Inputs, g.Expire.Unix()})
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

func dataOf(url endpoint.URL, expire time.Time) map[string][]byte {
	return map[string][]byte{
		v1alpha1.SecretKeyURL:    []byte(url.Reveal()),
		v1alpha1.SecretKeyExpire: []byte(strconv.FormatInt(expire.Unix(), 10)),
	}
}

// Rehearsal is what a dry run writes to find out whether a grant could be stored: the existing
// Secret with its metadata in line or, if its data is not at hand or not a grant's, one whose data
// looks like a grant's. With an empty Secret, a webhook that alters URLs would go unnoticed.
func Rehearsal(session *v1alpha1.BillingSession, existing *corev1.Secret) (*corev1.Secret, error) {
	if existing != nil && IsIntact(existing) {
		return WithMetadata(session, existing), nil
	}
	return Compose(session, existing, &Grant{URL: endpoint.NewURL("https://example.invalid/")})
}

// CheckURL returns nil for a URL that the endpoint may grant.
type CheckURL func(text string) error

// lastSecond is the end of the year 9999, the last that a status can hold.
const lastSecond = 253402300799

// Read reads the grant of a Secret back, nil unless it is as Compose wrote it.
//
// Anybody who may write Secrets can make a digest that is right, also while no controller
// looks. A grant that the endpoint would not give therefore counts as an edit.
func Read(secret *corev1.Secret, check CheckURL) *Grant {
	expire, err := strconv.ParseInt(string(secret.Data[v1alpha1.SecretKeyExpire]), 10, 64)
	if err != nil || expire < 0 || expire > lastSecond {
		return nil
	}
	g := &Grant{Grant: renewal.Grant{Expire: time.Unix(expire, 0)}, URL: endpoint.NewURL(string(secret.Data[v1alpha1.SecretKeyURL]))}
	if g.readAnnotations(secret.Annotations) != nil || g.Expire.Unix() != expire || g.check(check) != nil || !IsIntact(secret) {
		return nil
	}
	return g
}

// ReadMetadata reads the grant of a Secret whose data is known to be as Compose wrote it, from
// its metadata alone; nil if that does not tell. expire is when it expires, for Secrets of
// earlier versions; it may be zero. The grant has the URL that the status shows, inStatus, if
// that is the one in the Secret, as the digest tells; otherwise none.
func ReadMetadata(metadata metav1.Object, expire time.Time, inStatus *Grant) *Grant {
	g := &Grant{Grant: renewal.Grant{Expire: expire}}
	if g.readAnnotations(metadata.GetAnnotations()) != nil || g.Expire.IsZero() || g.checkLife() != nil {
		return nil
	}
	if inStatus == nil {
		return g
	}
	whole := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Annotations: metadata.GetAnnotations()}, Data: dataOf(inStatus.URL, g.Expire)}
	if IsIntact(whole) {
		g.URL = inStatus.URL
	}
	return g
}

// readAnnotations adds what the annotations of a Secret tell of its grant.
func (g *Grant) readAnnotations(annotations map[string]string) error {
	issued, err := time.Parse(time.RFC3339, annotations[annotationIssueTime])
	if err != nil {
		return fmt.Errorf("read %s: %w", annotationIssueTime, err)
	}
	offset, err := strconv.ParseInt(annotations[annotationClockOffset], 10, 32)
	if err != nil {
		return fmt.Errorf("read %s: %w", annotationClockOffset, err)
	}
	var stored issuedFor
	if err := json.Unmarshal([]byte(annotations[annotationIssuedFor]), &stored); err != nil {
		return fmt.Errorf("read %s: %w", annotationIssuedFor, err)
	}
	g.Issued, g.Offset, g.Inputs = issued, time.Duration(offset)*time.Second, stored.Inputs
	g.Fingerprint = versioned(annotations[annotationFingerprint])
	if stored.Expire != 0 {
		g.Expire = time.Unix(stored.Expire, 0)
	}
	return nil
}

// IsIssuedWith reports whether the grant of the Secret with this metadata was issued with the key.
func IsIssuedWith(key endpoint.Key, metadata metav1.Object) bool {
	var g Grant
	return g.readAnnotations(metadata.GetAnnotations()) == nil && g.Fingerprint == Fingerprint(key, g.Inputs)
}

// IsReported reports whether the status describes the grant of the Secret with this metadata.
func IsReported(status *v1alpha1.BillingSessionStatus, metadata metav1.Object) bool {
	var g Grant
	return g.readAnnotations(metadata.GetAnnotations()) == nil && status.IssueTime != nil && status.IssuedFor != nil &&
		g.Issued.Equal(status.IssueTime.Time) && g.Inputs == status.IssuedFor.Inputs
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
	if err := url(g.URL.Reveal()); err != nil {
		return fmt.Errorf("the URL %w", err)
	}
	return g.checkLife()
}

func (g *Grant) checkLife() error {
	// Issued is rounded down to a second.
	if life := g.Life(); life <= 0 || life > endpoint.MaxLife+time.Second || g.Expire.Unix() > lastSecond {
		return errors.New("the URL has a life that the endpoint does not grant")
	}
	return nil
}
