//go:build long

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
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env/builders"
)

// habit is something that people do, and how often among all that they do. The context ends with the
// chaos: what is to last for a while is over then, too.
type habit struct {
	kind  kind
	often int
	do    func(w *world, chaos context.Context, s *subject, d disturbance)
}

func (d disturbance) isOf(h habit) bool { return h.kind == d.Kind }

var habits = []habit{
	{"somebody asks for a fresh URL", 2, patches(func(disturbance) patch { return renewal() })},
	{"somebody asks for a fresh URL, and at once again", 1, func(w *world, chaos context.Context, s *subject, _ disturbance) {
		w.act(s, renewal())
		pause(chaos, time.Second)
		w.act(s, renewal())
	}},
	{"a key is rotated, and the old one revoked", 2, (*world).rotateKey},
	{"a key's Secret is gone for a while", 1, (*world).removeKey},
	{"a generated Secret is deleted", 2, (*world).deleteSecret},
	{"a generated Secret is edited", 3, (*world).editSecret},
	{"purge is changed", 1, patches(func(d disturbance) patch {
		return spec("purge", []any{nil, v1alpha1.PurgeDelete, v1alpha1.PurgeProcess}[d.Choice%3])
	})},
	{"expirationSeconds is changed", 1, patches(func(d disturbance) patch {
		return spec("expirationSeconds", expirationOf(d.Session, d.Choice%secondsPerSession))
	})},
	{"secretTemplate is changed", 1, patches(func(d disturbance) patch {
		return spec("secretTemplate", []any{
			nil,
			patch{"labels": patch{"app": fmt.Sprint("app-", d.Choice)}, "annotations": nil},
			patch{"labels": nil, "annotations": patch{"note": fmt.Sprint("note ", d.Choice)}},
		}[d.Choice%3])
	})},
	{"the URL is hidden from the status for a while", 1, forAWhile("urlInStatus", v1alpha1.URLInStatusHidden, v1alpha1.URLInStatusFull)},
	{"the session is suspended for a while", 1, forAWhile("suspend", true, false)},
}

// patch is a part of a session.
type patch map[string]any

func spec(field string, value any) patch { return patch{"spec": patch{field: value}} }

// renewal asks for a fresh URL with a token that was never used before.
func renewal() patch {
	token := strconv.FormatInt(time.Now().UnixNano(), 10)
	return patch{"metadata": patch{"annotations": patch{v1alpha1.AnnotationRenewRequestedAt: token}}}
}

func patches(of func(disturbance) patch) func(*world, context.Context, *subject, disturbance) {
	return func(w *world, _ context.Context, s *subject, d disturbance) { w.act(s, of(d)) }
}

func forAWhile(field string, during, after any) func(*world, context.Context, *subject, disturbance) {
	return func(w *world, chaos context.Context, s *subject, d disturbance) {
		w.act(s, spec(field, during))
		pause(chaos, d.Lasts)
		w.act(s, spec(field, after))
	}
}

// act is that somebody patches a session.
func (w *world) act(s *subject, what patch) {
	text, err := json.Marshal(what)
	if err != nil {
		w.T.Error(err)
	}
	w.chronicle.acted(s.number, "patches the session with "+string(text))
	w.insist(s.number, "patch the session", func(ctx context.Context) error {
		return w.Client.Patch(ctx, builders.Session(s.name(), builders.In(w.Namespace)), client.RawPatch(types.MergePatchType, text))
	})
}

func (w *world) deleteSecret(_ context.Context, s *subject, _ disturbance) {
	w.chronicle.acted(s.number, "deletes the generated Secret")
	w.insist(s.number, "delete the Secret", func(ctx context.Context) error {
		return client.IgnoreNotFound(w.Client.Delete(ctx, builders.KeySecretOf(w.Namespace, s.name(), "")))
	})
}

func (w *world) rotateKey(_ context.Context, s *subject, _ disturbance) {
	s.key.changing.Lock()
	defer s.key.changing.Unlock()
	old, value := s.key.value(), s.key.next()
	w.actedOnKey(s.key, "rotates the key")
	w.changeSecret(nobody, s.key.name, func(secret *corev1.Secret) {
		secret.Data[v1alpha1.DefaultAPIKeySecretKey] = []byte(value)
	})
	w.Standin.RevokeKeys(old)
}

// actedOnKey notes what people did to all sessions with the key.
func (w *world) actedOnKey(k *key, what string) {
	for _, s := range k.subjects {
		w.chronicle.acted(s.number, what)
	}
}

func (w *world) removeKey(chaos context.Context, s *subject, d disturbance) {
	k := s.key
	k.changing.Lock()
	defer k.changing.Unlock()
	w.actedOnKey(k, fmt.Sprintf("deletes the key's Secret, for %s", d.Lasts))
	secret := builders.KeySecretOf(w.Namespace, k.name, k.value())
	w.insist(nobody, "delete "+k.name, func(ctx context.Context) error {
		return client.IgnoreNotFound(w.Client.Delete(ctx, secret.DeepCopy()))
	})
	pause(chaos, d.Lasts)
	w.insist(nobody, "create "+k.name, func(ctx context.Context) error {
		return client.IgnoreAlreadyExists(w.Client.Create(ctx, secret.DeepCopy()))
	})
}

var edits = []func(*corev1.Secret){
	func(s *corev1.Secret) { s.Data[v1alpha1.SecretKeyURL] = []byte("https://elsewhere.example/") },
	func(s *corev1.Secret) { s.Data[v1alpha1.SecretKeyExpire] = []byte("4102444800") },
	func(s *corev1.Secret) { s.Data = nil },
	func(s *corev1.Secret) { delete(s.Labels, v1alpha1.LabelManagedBy) },
}

func (w *world) editSecret(_ context.Context, s *subject, d disturbance) {
	edit := d.Choice % len(edits)
	w.chronicle.acted(s.number, fmt.Sprintf("edits the generated Secret in way %d", edit))
	w.changeSecret(s.number, s.name(), func(secret *corev1.Secret) {
		if len(secret.Data) == 2 && secret.Labels != nil { // not one that somebody has edited just now
			edits[edit](secret)
		}
	})
}

func (w *world) changeSecret(session int, name string, change func(*corev1.Secret)) {
	w.insist(session, "change Secret "+name, func(ctx context.Context) error {
		var secret corev1.Secret
		if err := w.Client.Get(ctx, client.ObjectKey{Namespace: w.Namespace, Name: name}, &secret); err != nil {
			return client.IgnoreNotFound(err)
		}
		change(&secret)
		return client.IgnoreNotFound(w.Client.Update(ctx, &secret))
	})
}

const (
	// patienceOfPeople is for how long they try while the API server is down.
	patienceOfPeople = 10 * time.Minute
	// longestBreath is what they take between two tries, at most: all of them together
	// must not keep the API server from coming up.
	longestBreath = 5 * time.Second
)

// insist does something until it works.
func (w *world) insist(session int, what string, do func(context.Context) error) {
	ctx, cancel := context.WithTimeout(w.T.Context(), patienceOfPeople)
	defer cancel()
	for breath := 100 * time.Millisecond; ; breath = min(2*breath, longestBreath) {
		err := do(ctx)
		switch {
		case err == nil:
			return
		case apierrors.IsInvalid(err), apierrors.IsForbidden(err), apierrors.IsBadRequest(err), ctx.Err() != nil:
			w.violated(session, "%s: %v", what, err)
			return
		}
		pause(ctx, breath)
	}
}
