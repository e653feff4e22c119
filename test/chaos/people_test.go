package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env/builders"
)

// people is what people do, by kind. The context ends with the chaos: what is to
// last for a while is over then, too.
var people = map[kind]func(w *world, chaos context.Context, s *subject, d disturbance){
	renew:      func(w *world, _ context.Context, s *subject, _ disturbance) { w.renew(s) },
	renewTwice: (*world).renewTwice,
	rotateKey:  func(w *world, _ context.Context, s *subject, _ disturbance) { w.rotateKey(s.key) },
	reapplyKey: (*world).reapplyKey,
	removeKey:  (*world).removeKey,

	deleteSecret:  (*world).deleteSecret,
	editSecret:    (*world).editSecret,
	relabelSecret: (*world).relabelSecret,
	relabelSession: func(w *world, _ context.Context, s *subject, d disturbance) {
		w.change(s, map[string]any{"metadata": map[string]any{"labels": map[string]any{"team": fmt.Sprint("team-", d.Choice)}}})
	},

	changePurge:       (*world).changePurge,
	changeExpiration:  (*world).changeExpiration,
	changeRenewBefore: (*world).changeRenewBefore,
	changeTemplate: func(w *world, _ context.Context, s *subject, d disturbance) {
		w.changeSpec(s, "secretTemplate", []any{
			nil,
			map[string]any{"labels": map[string]any{"app": fmt.Sprint("app-", d.Choice)}, "annotations": nil},
			map[string]any{"labels": nil, "annotations": map[string]any{"note": fmt.Sprint("note ", d.Choice)}},
		}[d.Choice%3])
	},
	hideURL: (*world).hideURL,
	suspend: (*world).suspend,
}

// permissionAfterTampering is what a key that is applied again, or a status that is
// cleared, may cost: a request where a Secret is to be restored from the status, as
// that does not hold all that the Secret did.
func (s *subject) permissionAfterTampering() permission {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.tampered) < *chaosLife+reaction {
		return mayAsk
	}
	return nothing
}

func (w *world) acted(s *subject, may permission, format string, args ...any) {
	w.chronicle.note(s.number, "somebody "+format, args...)
	w.chronicle.acted(s.number, act{at: time.Now(), may: may})
}

// renew asks for a fresh URL with a token that was never used before.
func (w *world) renew(s *subject) {
	w.acted(s, mayAsk, "asks for a fresh URL")
	token := strconv.FormatInt(time.Now().UnixNano(), 10)
	w.change(s, map[string]any{"metadata": map[string]any{
		"annotations": map[string]any{v1alpha1.AnnotationRenewRequestedAt: token},
	}})
}

func (w *world) renewTwice(chaos context.Context, s *subject, _ disturbance) {
	w.renew(s)
	pause(chaos, time.Second)
	w.renew(s)
}

func (w *world) rotateKey(k *key) {
	k.changing.Lock()
	defer k.changing.Unlock()
	old := k.value()
	value := k.next()
	for _, s := range k.subjects {
		w.acted(s, mayAskWithAnotherKey, "rotates the key")
	}
	w.changeKey(k, func(secret *corev1.Secret) { secret.Data[v1alpha1.DefaultAPIKeySecretKey] = []byte(value) })
	w.standin.RevokeKeys(old)
}

func (w *world) reapplyKey(_ context.Context, s *subject, d disturbance) {
	s.key.changing.Lock()
	defer s.key.changing.Unlock()
	for _, s := range s.key.subjects {
		w.acted(s, s.permissionAfterTampering(), "applies the key again")
	}
	w.changeKey(s.key, func(secret *corev1.Secret) {
		secret.Labels = map[string]string{"applied": fmt.Sprint(d.Choice)}
		if d.Choice%2 == 0 { // an editor's line end is not part of the key
			secret.Data[v1alpha1.DefaultAPIKeySecretKey] = []byte(s.key.value() + "\n")
		}
	})
}

func (w *world) changeKey(k *key, change func(*corev1.Secret)) {
	w.insist(nobody, "change "+k.name, func(ctx context.Context) error {
		secret, err := w.secret(ctx, k.name)
		if err != nil {
			return err
		}
		change(secret)
		return w.client.Update(ctx, secret)
	})
}

func (w *world) removeKey(chaos context.Context, s *subject, d disturbance) {
	k := s.key
	k.changing.Lock()
	defer k.changing.Unlock()
	for _, s := range k.subjects {
		w.acted(s, s.permissionAfterTampering(), "deletes the key's Secret, for %s", d.Lasts)
	}
	secret := builders.KeySecretOf(w.namespace, k.name, k.value())
	w.insist(nobody, "delete "+k.name, func(ctx context.Context) error {
		return client.IgnoreNotFound(w.client.Delete(ctx, secret.DeepCopy()))
	})
	pause(chaos, d.Lasts)
	for _, s := range k.subjects {
		w.acted(s, s.permissionAfterTampering(), "creates the key's Secret again")
	}
	w.insist(nobody, "create "+k.name, func(ctx context.Context) error {
		return client.IgnoreAlreadyExists(w.client.Create(ctx, secret.DeepCopy()))
	})
}

func (w *world) deleteSecret(_ context.Context, s *subject, _ disturbance) {
	w.tamper(s, "deletes the generated Secret", func(ctx context.Context, secret *corev1.Secret) error {
		s.mu.Lock()
		s.condemned[secret.UID] = true
		s.mu.Unlock()
		return w.client.Delete(ctx, secret, client.Preconditions{UID: &secret.UID, ResourceVersion: &secret.ResourceVersion})
	})
}

var edits = []struct {
	what string
	do   func(*corev1.Secret)
}{
	{"puts another URL into", func(s *corev1.Secret) { s.Data[v1alpha1.SecretKeyURL] = []byte("https://elsewhere.example/") }},
	{"puts another expire into", func(s *corev1.Secret) { s.Data[v1alpha1.SecretKeyExpire] = []byte("4102444800") }},
	{"adds an entry to", func(s *corev1.Secret) { s.Data["note"] = []byte("mine") }},
	{"removes the URL from", func(s *corev1.Secret) { delete(s.Data, v1alpha1.SecretKeyURL) }},
	{"empties", func(s *corev1.Secret) { s.Data = nil }},
	{"removes all annotations from", func(s *corev1.Secret) { s.Annotations = map[string]string{} }},
}

func (w *world) editSecret(_ context.Context, s *subject, d disturbance) {
	edit := edits[d.Choice%len(edits)]
	w.tamper(s, edit.what+" the generated Secret", func(ctx context.Context, secret *corev1.Secret) error {
		edit.do(secret)
		markEdit(secret)
		return w.client.Update(ctx, secret)
	})
}

// annotationEdit tells our edits from the manager's.
const annotationEdit = "edited-by-a-person"

func markEdit(secret *corev1.Secret) {
	if secret.Annotations == nil {
		secret.Annotations = map[string]string{}
	}
	secret.Annotations[annotationEdit] = strconv.FormatInt(time.Now().UnixNano(), 10)
}

// tamper edits or deletes the generated Secret as it stands. That costs a request
// only where the status does not hold the same URL for the same key's Secret.
func (w *world) tamper(s *subject, what string, do func(context.Context, *corev1.Secret) error) {
	w.insist(s.number, what, func(ctx context.Context) error {
		session, err := w.session(ctx, s)
		if err != nil {
			return err
		}
		secret, err := w.secret(ctx, s.name())
		if err != nil || len(secret.Data) != 2 {
			return client.IgnoreNotFound(err)
		}
		key, err := w.secret(ctx, s.key.name)
		if client.IgnoreNotFound(err) != nil {
			return err
		}
		may := nothing
		if !restorable(session, secret, key) {
			may = mayAsk
		}
		w.acted(s, may, "%s; it can be restored: %t", what, may == nothing)
		s.mu.Lock()
		s.tampered = time.Now()
		s.mu.Unlock()
		return client.IgnoreNotFound(do(ctx, secret))
	})
}

func restorable(session *v1alpha1.BillingSession, secret, key *corev1.Secret) bool {
	status := session.Status
	return status.URL == string(secret.Data[v1alpha1.SecretKeyURL]) && status.IssuedFor != nil &&
		session.Spec.URLInStatus != v1alpha1.URLInStatusHidden &&
		status.IssuedFor.KeySecretUID == key.UID && status.IssuedFor.KeySecretResourceVersion == key.ResourceVersion
}

func (w *world) relabelSecret(_ context.Context, s *subject, d disturbance) {
	w.acted(s, nothing, "edits the labels of the generated Secret")
	w.insist(s.number, "edit the Secret's labels", func(ctx context.Context) error {
		secret, err := w.secret(ctx, s.name())
		if err != nil {
			return client.IgnoreNotFound(err)
		}
		switch d.Choice % 3 {
		case 0:
			delete(secret.Labels, v1alpha1.LabelManagedBy)
		case 1:
			secret.Labels[v1alpha1.LabelSession] = "another"
		case 2:
			secret.Labels["theirs"] = "stays"
		}
		markEdit(secret)
		return client.IgnoreNotFound(w.client.Update(ctx, secret))
	})
}

func (w *world) changePurge(_ context.Context, s *subject, d disturbance) {
	w.acted(s, mayAsk, "changes purge")
	w.insist(s.number, "change purge", func(ctx context.Context) error {
		session, err := w.session(ctx, s)
		if err != nil {
			return err
		}
		before := session.DeepCopy()
		choices := []v1alpha1.Purge{"", v1alpha1.PurgeDelete, v1alpha1.PurgeProcess}
		for i, purge := range choices {
			if purge == before.Spec.Purge {
				session.Spec.Purge = choices[(i+1+d.Choice%2)%len(choices)]
			}
		}
		return w.client.Patch(ctx, session, client.MergeFrom(before))
	})
}

func (w *world) changeExpiration(_ context.Context, s *subject, d disturbance) {
	w.acted(s, mayAsk, "changes expirationSeconds")
	w.changeSpec(s, "expirationSeconds", expirationOf(s.number, d.Choice%secondsPerSession))
}

func (w *world) changeRenewBefore(_ context.Context, s *subject, d disturbance) {
	s.declaring.Lock()
	defer s.declaring.Unlock()
	seconds := int(chaosLife.Seconds()) * (d.Choice % 7) / 10 // 0 is the default
	w.acted(s, nothing, "changes renewBeforeSeconds to %d", seconds)
	var value any
	if seconds > 0 {
		value = seconds
	}
	at := w.changeSpec(s, "renewBeforeSeconds", value)
	w.chronicle.acted(s.number, act{at: at, renewBefore: ptr.To(time.Duration(seconds) * time.Second)})
}

func (w *world) hideURL(chaos context.Context, s *subject, d disturbance) {
	w.acted(s, s.permissionAfterTampering(), "hides the URL for %s", d.Lasts)
	w.changeSpec(s, "urlInStatus", v1alpha1.URLInStatusHidden)
	pause(chaos, d.Lasts)
	w.acted(s, nothing, "shows the URL again")
	w.changeSpec(s, "urlInStatus", v1alpha1.URLInStatusFull)
}

// suspend suspends the session, notes when the manager knows, and resumes it.
func (w *world) suspend(chaos context.Context, s *subject, d disturbance) {
	if !s.suspending.TryLock() {
		return // somebody has already
	}
	defer s.suspending.Unlock()
	w.acted(s, nothing, "suspends the session for %s", d.Lasts)
	w.changeSpec(s, "suspend", true)
	known := w.untilObserved(chaos, s)
	pause(chaos, d.Lasts)
	w.acted(s, nothing, "resumes the session")
	resumed := time.Now()
	w.changeSpec(s, "suspend", false)
	if !known.IsZero() {
		w.chronicle.acted(s.number, act{at: known, until: resumed})
	}
}

// untilObserved waits until the manager has seen the session as it is, and says
// when; never, when the context ends before.
func (w *world) untilObserved(ctx context.Context, s *subject) time.Time {
	for ctx.Err() == nil {
		session, err := w.session(ctx, s)
		if err == nil && session.Status.ObservedGeneration == session.Generation {
			return time.Now()
		}
		pause(ctx, time.Second)
	}
	return time.Time{}
}

// changeSpec sets a field, and says when.
func (w *world) changeSpec(s *subject, field string, value any) time.Time {
	return w.change(s, map[string]any{"spec": map[string]any{field: value}})
}

func (w *world) change(s *subject, patch map[string]any) time.Time {
	text, err := json.Marshal(patch)
	if err != nil {
		w.t.Error(err)
	}
	return w.insist(s.number, "change the session", func(ctx context.Context) error {
		return w.client.Patch(ctx, builders.Session(s.name(), builders.In(w.namespace)), client.RawPatch(types.MergePatchType, text))
	})
}

const (
	// patienceOfPeople is for how long they try while the API server is down.
	patienceOfPeople = 10 * time.Minute
	// longestBreath is what they take between two tries, at most: all of them together
	// must not keep the API server from coming up.
	longestBreath = 5 * time.Second
)

// insist does something until it works. It says when it was tried that time.
func (w *world) insist(session int, what string, do func(context.Context) error) time.Time {
	ctx, cancel := context.WithTimeout(w.t.Context(), patienceOfPeople)
	defer cancel()
	for breath := 100 * time.Millisecond; ; breath = min(2*breath, longestBreath) {
		tried := time.Now()
		err := do(ctx)
		switch {
		case err == nil:
			return tried
		case apierrors.IsInvalid(err), apierrors.IsForbidden(err), apierrors.IsBadRequest(err), ctx.Err() != nil:
			w.t.Errorf("%s, %s: %v", nameOf(session), what, err)
			return tried
		}
		pause(ctx, breath)
	}
}
