package secret

import (
	"errors"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/endpoint"
	"github.com/xtracta/billing-operator/controllers/renewal"
)

// TestForgedGrantIsNotBelieved has grants in a Secret, with a digest that is right, and in a
// status, of which the endpoint can have given only some. More URLs are in TestURLPolicy and TestWire of
// package endpoint.
func TestForgedGrantIsNotBelieved(t *testing.T) {
	t.Parallel()
	policy, err := endpoint.NewURLPolicy("https://api.xtracta.com/", []string{"*.xtracta.com"})
	must(t, err)
	url := func(text string) func(*Grant) { return func(g *Grant) { g.URL = endpoint.NewURL(text) } }
	for _, row := range []struct {
		why        string
		change     func(*Grant)
		isBelieved bool
	}{
		{"as granted", func(*Grant) {}, true},
		{"an allowed host", url("https://page.xtracta.com/?t=1"), true},
		{"the longest life", func(g *Grant) { g.Expire = g.Issued.Add(g.Offset + endpoint.MaxLife + time.Second) }, true},
		{"a foreign host", url("https://example.com/?t=1"), false},
		{"user info", url("https://user:word@api.xtracta.com/?t=1"), false},
		{"plain http", url("http://api.xtracta.com/?t=1"), false},
		{"nothing", url(""), false},
		{"a terminal's escape", url("https://api.xtracta.com/?t=\x1b[2J"), false},
		{"bytes that are no text", url("https://api.xtracta.com/?t=\xff"), false},
		{"forty days by the expiry", func(g *Grant) { g.Expire = g.Expire.Add(40 * 24 * time.Hour) }, false},
		{"forty days by the issue time", func(g *Grant) { g.Issued = g.Issued.Add(-40 * 24 * time.Hour) }, false},
		{"forty days by the offset", func(g *Grant) { g.Offset -= 40 * 24 * time.Hour }, false},
		{"a second too long", func(g *Grant) { g.Expire = g.Issued.Add(g.Offset + endpoint.MaxLife + 2*time.Second) }, false},
		{"no life", func(g *Grant) { g.Expire = g.Issued.Add(g.Offset) }, false},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			g := &Grant{
				Grant: renewal.Grant{Expire: time.Unix(2e9, 0), Issued: time.Unix(2e9-600, 0), Offset: time.Minute, Fingerprint: "ab"},
				URL:   endpoint.NewURL("https://api.xtracta.com/?t=1"),
			}
			row.change(g)
			secret, err := Compose(owner(), nil, g)
			must(t, err)
			inspected := func(change func(*corev1.Secret), want renewal.SecretState) {
				t.Helper()
				change(secret)
				if got, read := inspect(owner(), secret, policy.Check); got != want || (read != nil) != row.isBelieved {
					t.Errorf("inspected as %d, want %d; a grant was read: %t", got, want, read != nil)
				}
			}
			owned, orphaned := renewal.SecretEdited, renewal.SecretForeign
			if row.isBelieved {
				owned, orphaned = renewal.SecretOurs, renewal.SecretDrifted
			}
			inspected(func(*corev1.Secret) {}, owned)
			inspected(func(s *corev1.Secret) { s.OwnerReferences = nil }, orphaned)
			issued, expire := metav1.NewTime(g.Issued), metav1.NewTime(g.Expire)
			status := v1alpha1.BillingSessionStatus{
				URL: g.URL.Reveal(), IssueTime: &issued, ExpirationTime: &expire,
				IssuedFor: &v1alpha1.IssuedFor{ClockOffsetSeconds: int64(g.Offset / time.Second)},
			}
			if got := FromStatus(&status, policy.Check); (got != nil) != row.isBelieved {
				t.Errorf("the status was believed: %t", got != nil)
			}
		})
	}
}

// TestWhatIsNotBelievedIsNotQuoted: a URL is a login, also one that nobody trusts.
func TestWhatIsNotBelievedIsNotQuoted(t *testing.T) {
	t.Parallel()
	g := &Grant{
		Grant: renewal.Grant{Expire: time.Unix(2e9, 0), Issued: time.Unix(2e9-600, 0)},
		URL:   endpoint.NewURL("http://example.com/?t=a-token-of-some-length"),
	}
	err := g.check(anyHost)
	if err == nil || strings.Contains(err.Error(), "a-token") {
		t.Errorf("%v", err)
	}
	if g.check(func(string) error { return errors.New("is another's") }) == nil {
		t.Error("the check does not count")
	}
}
