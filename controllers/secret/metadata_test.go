package secret

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/endpoint"
)

// TestAGrantIsReadFromMetadata, with the URL that the status shows if it is the Secret's.
func TestAGrantIsReadFromMetadata(t *testing.T) {
	t.Parallel()
	const url = "https://example.com/?t=1"
	change := func(annotation, value string) func(*corev1.Secret) {
		return func(s *corev1.Secret) { s.Annotations[annotation] = value }
	}
	asBefore := func(s *corev1.Secret) { // which earlier versions left out
		s.Annotations[annotationIssuedFor] = strings.Replace(s.Annotations[annotationIssuedFor], `,"expire":2000000000`, "", 1)
		s.Annotations[annotationDigest] = digest(s)
	}
	for _, row := range []struct {
		why    string
		change func(*corev1.Secret)
		// known is when the URL expires by an earlier read, and shown the URL of the status.
		known         int64
		shown         string
		isRead, isURL bool
	}{
		{"the status shows its URL", nil, 0, url, true, true},
		{"it shows none", nil, 0, "", true, false},
		{"it shows another", nil, 0, "https://example.com/?t=2", true, false},
		{"an earlier version wrote it", asBefore, 0, url, false, false},
		{"an earlier version wrote it, and it was read", asBefore, 2e9, url, true, true},
		{"the issue time is garbled", change(annotationIssueTime, "soon"), 0, url, false, false},
		{"the offset is garbled", change(annotationClockOffset, "soon"), 0, url, false, false},
		{"the inputs are garbled", change(annotationIssuedFor, "{"), 0, url, false, false},
		{"it was never granted for so long", change(annotationIssuedFor, `{"expire":4000000000}`), 0, url, false, false},
		{"its annotations are gone", func(s *corev1.Secret) { s.Annotations = nil }, 2e9, url, false, false},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			s := written(t, owner())
			want := Read(s, anyHost)
			if row.change != nil {
				row.change(s)
			}
			var known time.Time
			if row.known != 0 {
				known = time.Unix(row.known, 0)
			}
			outline := Outline(s)
			var inStatus *Grant
			if row.shown != "" {
				inStatus = &Grant{URL: endpoint.NewURL(row.shown)}
			}
			got := ReadMetadata(&outline, known, inStatus)
			if (got != nil) != row.isRead || got != nil && !cmp.Equal(got.Timing(), want.Timing()) {
				t.Fatalf("read %+v, want %+v", got.Timing(), want.Timing())
			}
			if got != nil && (got.URL == want.URL) != row.isURL {
				t.Errorf("it has the Secret's URL: %t", got.URL == want.URL)
			}
		})
	}
}

// TestTheExpiryIsTheSameInDataAndMetadata: otherwise somebody has edited one of them.
func TestTheExpiryIsTheSameInDataAndMetadata(t *testing.T) {
	t.Parallel()
	s := written(t, owner())
	s.Annotations[annotationIssuedFor] = `{"expire":2000000001}`
	s.Annotations[annotationDigest] = digest(s)
	if Read(s, anyHost) != nil {
		t.Error("it is taken for what was written")
	}
}

// TestWhatShowsThatAGrantIsTheSessions is its own status, or the key.
func TestWhatShowsThatAGrantIsTheSessions(t *testing.T) {
	t.Parallel()
	key, err := endpoint.ParseKey([]byte("key"))
	must(t, err)
	other, err := endpoint.ParseKey([]byte("other"))
	must(t, err)
	grant := Read(written(t, owner()), anyHost)
	grant.Fingerprint = Fingerprint(key, grant.Inputs)
	s, err := Compose(owner(), nil, grant)
	must(t, err)
	if !IsIssuedWith(key, s) || IsIssuedWith(other, s) || IsIssuedWith(key, &corev1.Secret{}) {
		t.Error("the fingerprint does not tell the key")
	}
	issued := metav1.NewTime(grant.Issued)
	status := v1alpha1.BillingSessionStatus{IssueTime: &issued, IssuedFor: &v1alpha1.IssuedFor{Inputs: grant.Inputs}}
	if !IsReported(&status, s) || IsReported(&status, &corev1.Secret{}) || IsReported(&v1alpha1.BillingSessionStatus{}, s) {
		t.Error("the status does not tell its grant")
	}
	status.IssuedFor.Purge = v1alpha1.PurgeDelete
	if IsReported(&status, s) {
		t.Error("the status tells of other inputs")
	}
}

// TestOnlyWhatDescribesAGeneratedSecretIsCached, whatever anybody writes into it.
func TestOnlyWhatDescribesAGeneratedSecretIsCached(t *testing.T) {
	t.Parallel()
	const large = 200 << 10
	long := strings.Repeat("x", large)
	for _, row := range []struct {
		why    string
		change func(*corev1.Secret)
		// whose is what the outline tells, and isRead whether it describes the grant.
		whose  Ownership
		isRead bool
	}{
		{"as we wrote it", func(*corev1.Secret) {}, Owned, true},
		{"another label", func(s *corev1.Secret) { s.Labels["more"] = long }, Owned, true},
		{"another annotation", func(s *corev1.Secret) { s.Annotations["more"] = long }, Owned, true},
		{"managed fields", func(s *corev1.Secret) { s.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: long}} }, Owned, true},
		{"a finalizer", func(s *corev1.Secret) { s.Finalizers = []string{long} }, Owned, true},
		{"a finalizer that holds it", func(s *corev1.Secret) { s.Finalizers, s.DeletionTimestamp = []string{long}, &metav1.Time{} }, Foreign, false},
		{"an annotation of ours", func(s *corev1.Secret) { s.Annotations[annotationIssuedFor] = long }, Owned, false},
		{"many owners", func(s *corev1.Secret) {
			for i := range 1000 {
				s.OwnerReferences = append(s.OwnerReferences, sessionRef("acme", "uid"))
				s.OwnerReferences[i].Name = strconv.Itoa(i)
			}
		}, Foreign, false},
		{"our label and no owner", func(s *corev1.Secret) { s.OwnerReferences = nil }, Orphaned, true},
		{"neither label nor owner", func(s *corev1.Secret) { s.OwnerReferences, s.Labels = nil, nil }, Foreign, false},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			s := written(t, owner())
			row.change(s)
			outline := Outline(s)
			text, err := json.Marshal(outline)
			must(t, err)
			if len(text) > 2*maxOutline {
				t.Errorf("%d bytes are cached", len(text))
			}
			if whose := OwnershipOf(owner(), &outline); whose != row.whose {
				t.Errorf("ownership %d, want %d", whose, row.whose)
			}
			if g := ReadMetadata(&outline, time.Time{}, nil); (g != nil) != row.isRead {
				t.Errorf("it describes the grant: %t", g != nil)
			}
		})
	}
}
