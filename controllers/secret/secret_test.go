package secret

import (
	"maps"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/endpoint"
	"github.com/xtracta/billing-operator/controllers/renewal"
	"github.com/xtracta/billing-operator/test/env/builders"
)

func owner(differences ...func(*v1alpha1.BillingSession)) *v1alpha1.BillingSession {
	return builders.Session("acme", append(differences, builders.In("finance"), func(s *v1alpha1.BillingSession) { s.UID = "uid" })...)
}

// inspect inspects a Secret whose grant was issued for the session.
func inspect(session *v1alpha1.BillingSession, s *corev1.Secret, check CheckURL) (renewal.SecretState, *Grant) {
	g := Read(s, check)
	return Inspect(session, s, g), g
}

// anyHost is what those check who know no endpoint.
var anyHost = endpoint.URLPolicy{}.Check

func grants(t *rapid.T) *Grant {
	issued := rapid.Int64Range(0, 4e9).Draw(t, "issued")
	offset := rapid.Int64Range(max(-issued, math.MinInt32), math.MaxInt32).Draw(t, "offset")
	life := rapid.Int64Range(1, int64((endpoint.MaxLife+time.Second)/time.Second)).Draw(t, "life")
	return &Grant{
		Grant: renewal.Grant{
			Expire: time.Unix(issued+offset+life, 0).UTC(),
			Issued: time.Unix(issued, 0).UTC(),
			Offset: time.Duration(offset) * time.Second,
			Inputs: v1alpha1.Inputs{
				KeySecretUID: "key-uid", KeySecretResourceVersion: rapid.String().Draw(t, "version"), KeySecretKey: "api-key",
				Purge: v1alpha1.PurgeDelete, ExpirationSeconds: rapid.Int32().Draw(t, "life"), Endpoint: "https://example.com/",
			},
			Fingerprint: rapid.StringMatching(`v1:[0-9a-f]{64}`).Draw(t, "fingerprint"),
		},
		URL: endpoint.NewURL(rapid.StringMatching(`https://[a-z]+/\?t=[!-$&-Z_-~]{1,40}`).Draw(t, "url")),
	}
}

func TestGrantIsReadBackAsItWasWritten(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		session, given := owner(), grants(t)
		secret, err := Compose(session, nil, given)
		must(t, err)
		state, got := inspect(session, secret, anyHost)
		if state != renewal.SecretOurs {
			t.Fatalf("inspected as %d", state)
		}
		if diff := cmp.Diff(given.Grant, got.Grant); diff != "" || got.URL != given.URL {
			t.Fatalf("(-written +read)\n%s", diff)
		}
		again, err := Compose(session, secret, got)
		if err != nil || !cmp.Equal(secret, again) {
			t.Fatalf("written again it differs: %s %v", cmp.Diff(secret, again), err)
		}
	})
}

// TestEveryEditShows changes one thing of a Secret that was written. TestWhoseASecretIs has more owners.
func TestEveryEditShows(t *testing.T) {
	t.Parallel()
	session := owner(builders.Template(map[string]v1alpha1.LabelValue{"a": "b"}, map[string]v1alpha1.AnnotationValue{"c": "d"}))
	for _, row := range []struct {
		why  string
		edit func(*corev1.Secret)
		want renewal.SecretState
	}{
		{"nothing was changed", func(*corev1.Secret) {}, renewal.SecretOurs},
		{"others may add labels", func(s *corev1.Secret) { s.Labels["others"] = "x" }, renewal.SecretOurs},
		{"others may add annotations", func(s *corev1.Secret) { s.Annotations["others"] = "x" }, renewal.SecretOurs},
		{"another URL", func(s *corev1.Secret) { s.Data["url"] = []byte("https://example.com") }, renewal.SecretEdited},
		{"another expiry", func(s *corev1.Secret) { s.Data["expire"] = []byte("1") }, renewal.SecretEdited},
		{"the same number in other words", func(s *corev1.Secret) { s.Data["expire"] = append([]byte("0"), s.Data["expire"]...) }, renewal.SecretEdited},
		{"another entry", func(s *corev1.Secret) { s.Data["more"] = nil }, renewal.SecretEdited},
		{"no data", func(s *corev1.Secret) { s.Data = nil }, renewal.SecretEdited},
		{"no annotations", func(s *corev1.Secret) { s.Annotations = nil }, renewal.SecretEdited},
		{"when issued", func(s *corev1.Secret) { s.Annotations[annotationIssueTime] = "2020-01-01T00:00:00Z" }, renewal.SecretEdited},
		{"the offset", func(s *corev1.Secret) { s.Annotations[annotationClockOffset] = "7" }, renewal.SecretEdited},
		{"what for", func(s *corev1.Secret) { s.Annotations[annotationIssuedFor] = "{}" }, renewal.SecretEdited},
		{"the fingerprint", func(s *corev1.Secret) { s.Annotations[annotationFingerprint] = "" }, renewal.SecretEdited},
		{"the digest", func(s *corev1.Secret) { s.Annotations[annotationDigest] = "" }, renewal.SecretEdited},
		{"a label of ours", func(s *corev1.Secret) { delete(s.Labels, v1alpha1.LabelManagedBy) }, renewal.SecretDrifted},
		{"a label of the template", func(s *corev1.Secret) { s.Labels["a"] = "x" }, renewal.SecretDrifted},
		{"an annotation of the template", func(s *corev1.Secret) { delete(s.Annotations, "c") }, renewal.SecretDrifted},
		{"what came from the template", func(s *corev1.Secret) { s.Annotations[annotationTemplate] = "garbled" }, renewal.SecretDrifted},
		{"another version of the owner's API", func(s *corev1.Secret) { s.OwnerReferences[0].APIVersion = "billing.xtracta.com/v1" }, renewal.SecretOurs},
		{"no owner and other data", func(s *corev1.Secret) { s.OwnerReferences, s.Data["url"] = nil, []byte("https://example.com") }, renewal.SecretForeign},
		{"the owner's name in another API", func(s *corev1.Secret) { s.OwnerReferences[0].APIVersion = "example.com/v1" }, renewal.SecretForeign},
		{"an earlier session of that name, and other data", func(s *corev1.Secret) { s.OwnerReferences[0].UID, s.Data = "earlier", nil }, renewal.SecretOfPredecessor},
		{"a digest of a version that is not known", func(s *corev1.Secret) {
			s.Annotations[annotationDigest] = "v2:" + strings.TrimPrefix(s.Annotations[annotationDigest], version)
		}, renewal.SecretEdited},
		{"a lost owner", func(s *corev1.Secret) { s.OwnerReferences = nil }, renewal.SecretDrifted},
		{"a session restored with another UID", func(s *corev1.Secret) { s.OwnerReferences[0].UID = "earlier" }, renewal.SecretDrifted},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			secret := written(t, session)
			row.edit(secret)
			got, _ := inspect(session, secret, anyHost)
			if got != row.want {
				t.Errorf("inspected as %d, want %d", got, row.want)
			}
			if got != renewal.SecretDrifted {
				return
			}
			if got, _ := inspect(session, WithMetadata(session, secret), anyHost); got != renewal.SecretOurs {
				t.Errorf("brought in line, it is inspected as %d", got)
			}
		})
	}
}

// TestTemplateIsFollowed applies one template after another to the same Secret.
func TestTemplateIsFollowed(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		keys := rapid.MapOf(rapid.SampledFrom([]string{"a", "b", "c"}), rapid.SampledFrom([]string{"1", "2"}))
		others := map[string]string{"others": "stay"}
		secret := WithMetadata(owner(), nil)
		maps.Copy(secret.Labels, others)
		maps.Copy(secret.Annotations, others)
		untouched := secret.DeepCopy()
		for range 3 {
			labels, annotations := keys.Draw(t, "labels"), keys.Draw(t, "annotations")
			secret = WithMetadata(owner(withTemplate(labels, annotations)), secret)
			for _, row := range []struct{ plain, template, got map[string]string }{
				{untouched.Labels, labels, secret.Labels}, {untouched.Annotations, annotations, secret.Annotations},
			} {
				want, got := maps.Clone(row.plain), maps.Clone(row.got)
				maps.Copy(want, row.template)
				delete(got, annotationTemplate)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("(-want +got)\n%s", diff)
				}
			}
		}
		// A trace would cost an update of each Secret whose session has `secretTemplate: {}`.
		if diff := cmp.Diff(untouched, WithMetadata(owner(builders.Template(nil, nil)), secret)); diff != "" {
			t.Fatalf("an empty template leaves a trace (-before +after)\n%s", diff)
		}
	})
}

func withTemplate(labels, annotations map[string]string) func(*v1alpha1.BillingSession) {
	l, a := map[string]v1alpha1.LabelValue{}, map[string]v1alpha1.AnnotationValue{}
	for key, value := range labels {
		l[key] = v1alpha1.LabelValue(value)
	}
	for key, value := range annotations {
		a[key] = v1alpha1.AnnotationValue(value)
	}
	return builders.Template(l, a)
}

func TestFingerprintTellsWhatIsSentAndNothingElse(t *testing.T) {
	t.Parallel()
	key, err := endpoint.ParseKey([]byte("one"))
	must(t, err)
	other, err := endpoint.ParseKey([]byte("two"))
	must(t, err)
	base := v1alpha1.Inputs{KeySecretUID: "a", KeySecretResourceVersion: "1", KeySecretKey: "k", ExpirationSeconds: 600, Endpoint: "https://example.com/"}
	elsewhere := base
	elsewhere.KeySecretUID, elsewhere.KeySecretResourceVersion, elsewhere.KeySecretKey = "b", "2", "l"
	if Fingerprint(key, base) != Fingerprint(key, elsewhere) {
		t.Error("it depends on where the key is")
	}
	seen := map[string]bool{Fingerprint(key, base): true, Fingerprint(other, base): true}
	for _, differ := range []func(*v1alpha1.Inputs){
		func(i *v1alpha1.Inputs) { i.Purge = v1alpha1.PurgeDelete },
		func(i *v1alpha1.Inputs) { i.ExpirationSeconds = 601 },
		func(i *v1alpha1.Inputs) { i.Endpoint = "https://example.org/" },
	} {
		inputs := base
		differ(&inputs)
		seen[Fingerprint(key, inputs)] = true
	}
	if len(seen) != 5 {
		t.Errorf("%d fingerprints of 5 different requests", len(seen))
	}
}

// FuzzInspect reads Secrets that anybody may have written, with a digest that is
// right: it is no secret how to make one.
func FuzzInspect(f *testing.F) {
	f.Add("https://example.com/?t=1", "2000000000", "2033-05-18T03:23:20Z", "0", `{"purge":"delete"}`, "ab", `{"labels":["a"]}`, "uid")
	f.Add("", "-1", "0000-01-01T00:00:00Z", "-2147483648", `null`, "", `{"labels":["app.kubernetes.io/managed-by"]}`, "uid")
	f.Add("\xff", "9223372036854775807", "9999-12-31T23:59:59Z", "2147483647", `{"expirationSeconds":-5}`, "\x00", `[`, "other")
	f.Add("x", "+5", "2030-01-01T00:00:00+14:00", "07", `[]`, "x", `{}`, "")
	f.Fuzz(func(t *testing.T, url, expire, issued, offset, issuedFor, print, template, uid string) {
		session := owner()
		secret := WithMetadata(session, nil)
		secret.OwnerReferences[0].UID = types.UID(uid)
		secret.Data = map[string][]byte{"url": []byte(url), "expire": []byte(expire)}
		maps.Copy(secret.Annotations, map[string]string{annotationIssueTime: issued, annotationClockOffset: offset,
			annotationIssuedFor: issuedFor, annotationFingerprint: print, annotationTemplate: template})
		secret.Annotations[annotationDigest] = digest(secret)
		before := secret.DeepCopy()
		state, g := inspect(session, secret, anyHost)
		if !cmp.Equal(before, secret) {
			t.Error("Inspect changed the Secret")
		}
		if state != renewal.SecretOurs && state != renewal.SecretDrifted {
			return
		}
		if _, err := metav1.NewTime(g.Expire).MarshalJSON(); err != nil || g.Expire.Year() > 9999 || g.Expire.Unix() < 0 {
			t.Errorf("an instant that no status can hold: %s", g.Expire)
		}
		again, err := Compose(session, secret, g)
		must(t, err)
		if state, _ := inspect(session, again, anyHost); state != renewal.SecretOurs {
			t.Errorf("what is written from it is inspected as %d", state)
		}
	})
}

// must ends the test if something that it needs fails.
func must(t rapid.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
