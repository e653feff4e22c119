package secret

import (
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/endpoint"
	"github.com/xtracta/billing-operator/controllers/renewal"
	"github.com/xtracta/billing-operator/test/env/builders"
)

// written is a Secret with a grant, as a new session gets it.
func written(t *testing.T, session *v1alpha1.BillingSession) *corev1.Secret {
	t.Helper()
	secret, err := Compose(session, nil, &Grant{
		Grant: renewal.Grant{Expire: time.Unix(2e9, 0), Issued: time.Unix(2e9-600, 0), Inputs: v1alpha1.Inputs{ExpirationSeconds: 600}, Fingerprint: "ab"},
		URL:   endpoint.NewURL("https://example.com/?t=1"),
	})
	must(t, err)
	return secret
}

func TestNewSecretHasTheSessionsNameAndPlace(t *testing.T) {
	t.Parallel()
	for name, session := range map[string]*v1alpha1.BillingSession{"acme": owner(), "billing": owner(builders.SecretName("billing"))} {
		secret := written(t, session)
		if secret.Name != name || secret.Namespace != "finance" || secret.Type != corev1.SecretTypeOpaque {
			t.Errorf("%s/%s of type %s, want finance/%s of type Opaque", secret.Namespace, secret.Name, secret.Type, name)
		}
	}
}

// Only what cannot be read back counts as edited: an instant that no status can hold would make
// the API server refuse each status, and one that can must not cost a write in each pass.
func TestGrantIsReadUpToTheLastSecondThatAStatusCanHold(t *testing.T) {
	t.Parallel()
	for expire, want := range map[string]renewal.SecretState{
		"-1": renewal.SecretEdited, "0": renewal.SecretOurs, "253402300799": renewal.SecretOurs, "253402300800": renewal.SecretEdited,
		"0x10": renewal.SecretEdited, "": renewal.SecretEdited,
	} {
		secret := written(t, owner())
		secret.Data[v1alpha1.SecretKeyExpire] = []byte(expire)
		seconds, _ := strconv.ParseInt(expire, 10, 64)
		secret.Annotations[annotationIssueTime] = time.Unix(seconds-60, 0).UTC().Format(time.RFC3339) // a life that can be granted
		secret.Annotations[annotationIssuedFor] = "{}"                                                // as earlier versions wrote it
		secret.Annotations[annotationDigest] = digest(secret)                                         // whoever edits can make a digest too
		if state, _ := inspect(owner(), secret, anyHost); state != want {
			t.Errorf("with expire %q it is inspected as %d, want %d", expire, state, want)
		}
	}
	for annotation, garbled := range map[string]string{
		annotationIssueTime: "yesterday", annotationClockOffset: "2147483648", annotationIssuedFor: "{",
	} {
		secret := written(t, owner())
		secret.Annotations[annotation] = garbled
		secret.Annotations[annotationDigest] = digest(secret)
		if state, grant := inspect(owner(), secret, anyHost); state != renewal.SecretEdited || grant != nil {
			t.Errorf("with %s %q it is inspected as %d, with a grant: %t", annotation, garbled, state, grant != nil)
		}
	}
}

// The dry run has to meet the same quota and the same webhooks as the grant would, and must
// not look like an edit of the URL that pods use.
func TestRehearsalIsLikeTheWriteToCome(t *testing.T) {
	t.Parallel()
	session := owner(builders.Template(map[string]v1alpha1.LabelValue{"team": "finance"}, nil))
	stored := written(t, owner())
	edited := written(t, owner())
	edited.Data[v1alpha1.SecretKeyURL] = []byte("https://example.org/")
	for _, row := range []struct {
		why      string
		existing *corev1.Secret
		url      string
	}{
		{"there is none yet", nil, "https://example.invalid/"},
		{"the URL that pods use stays", stored, "https://example.com/?t=1"},
		{"what somebody wrote into it is not written again", edited, "https://example.invalid/"},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			rehearsal, err := Rehearsal(session, row.existing)
			must(t, err)
			if got := string(rehearsal.Data[v1alpha1.SecretKeyURL]); got != row.url || len(rehearsal.Data[v1alpha1.SecretKeyExpire]) == 0 {
				t.Errorf("rehearses %s until %s, want %s", got, rehearsal.Data[v1alpha1.SecretKeyExpire], row.url)
			}
			if rehearsal.Labels["team"] != "finance" || !IsIntact(rehearsal) {
				t.Errorf("its labels are %v, and it is intact: %t", rehearsal.Labels, IsIntact(rehearsal))
			}
		})
	}
}

// A deleted Secret is restored from the status, but only from a whole one.
func TestGrantOfTheStatusIsWholeOrNone(t *testing.T) {
	t.Parallel()
	inputs := v1alpha1.Inputs{Purge: v1alpha1.PurgeProcess}
	whole := func() *v1alpha1.BillingSessionStatus {
		return &v1alpha1.BillingSessionStatus{
			URL: "https://example.com/", IssueTime: &metav1.Time{Time: time.Unix(1e9, 0)}, ExpirationTime: &metav1.Time{Time: time.Unix(1e9+600, 0)},
			IssuedFor: &v1alpha1.IssuedFor{Inputs: inputs, ClockOffsetSeconds: -7},
		}
	}
	want := &Grant{
		Grant: renewal.Grant{Issued: time.Unix(1e9, 0), Expire: time.Unix(1e9+600, 0), Offset: -7 * time.Second, Inputs: inputs},
		URL:   endpoint.NewURL("https://example.com/"),
	}
	if got := FromStatus(whole(), anyHost); got == nil || got.URL != want.URL || !cmp.Equal(got.Timing(), want.Timing()) {
		t.Errorf("read %+v, want %+v", got, want)
	}
	for without, remove := range map[string]func(*v1alpha1.BillingSessionStatus){
		"URL":            func(s *v1alpha1.BillingSessionStatus) { s.URL = "" },
		"issueTime":      func(s *v1alpha1.BillingSessionStatus) { s.IssueTime = nil },
		"expirationTime": func(s *v1alpha1.BillingSessionStatus) { s.ExpirationTime = nil },
		"issuedFor":      func(s *v1alpha1.BillingSessionStatus) { s.IssuedFor = nil },
	} {
		status := whole()
		remove(status)
		if got := FromStatus(status, anyHost); got.Timing() != nil { // decisions take a nil grant for none
			t.Errorf("a grant without %s: %+v", without, got)
		}
	}
}

// An edit that moves a boundary between two entries, or between a key and its value, shows.
func TestDigestTellsEntriesApart(t *testing.T) {
	t.Parallel()
	seen := map[string]int{}
	for i, data := range []map[string]string{
		{"a": "b"}, {"a=b": ""}, {"a": "", "b": ""}, {"a": "\n", "b": ""}, {"a": "\"=\"b"}, {"a": "", "b": "\n"}, {"ab": ""},
	} {
		secret := &corev1.Secret{Data: map[string][]byte{}}
		for key, value := range data {
			secret.Data[key] = []byte(value)
		}
		if before, ok := seen[digest(secret)]; ok {
			t.Errorf("the entries %d and %d have the same digest", before, i)
		}
		seen[digest(secret)] = i
	}
}
