package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/invariants"
	"github.com/xtracta/billing-operator/test/standin"
)

// seen is a URL where it was seen, and what the endpoint granted it for.
type seen struct {
	url, key, purge string
	asked           int32 // for how long, in seconds
	expire          int64
	// unproven: it was restored from the status while the key could not be read, so
	// that nobody can tell later whether it was for the same key.
	unproven bool
	// epoch of the API server's life in which it was seen.
	epoch int64
}

// shown is what a status showed at a version, nil for no URL.
type shown struct {
	version uint64
	url     *seen
}

// shownAt is what the status showed at a version of the Secret. Versions are of the
// API server as a whole; the watch of sessions may be ahead of that of Secrets, or
// behind it.
func (s *subject) shownAt(version string) *seen {
	at := versionOf(version)
	for _, shown := range slices.Backward(s.shown) {
		if shown.version <= at {
			return shown.url
		}
	}
	return nil
}

func versionOf(resourceVersion string) uint64 {
	version, err := strconv.ParseUint(resourceVersion, 10, 64)
	if err != nil {
		panic(err) // an API server counts
	}
	return version
}

// keepVigil looks at each version of each Secret and of each session, straight
// from the API server.
func (w *world) keepVigil() {
	w.t.Helper()
	watched, err := cache.New(w.cluster.Config(), cache.Options{
		Scheme: env.Scheme(), DefaultNamespaces: map[string]cache.Config{w.namespace: {}},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	listen(w, watched, &corev1.Secret{}, w.seeSecret, w.missSecret)
	listen(w, watched, &v1alpha1.BillingSession{}, w.seeSession, func(*v1alpha1.BillingSession) {})
	ctx, cancel := context.WithCancel(context.Background())
	w.t.Cleanup(cancel)
	go func() { _ = watched.Start(ctx) }()
	if !watched.WaitForCacheSync(ctx) {
		w.t.Fatal("the vigil cannot begin")
	}
}

func listen[T client.Object](w *world, watched cache.Cache, kind T, see, miss func(T)) {
	w.t.Helper()
	informer, err := watched.GetInformer(w.t.Context(), kind, cache.BlockUntilSynced(false))
	if err != nil {
		w.t.Fatal(err)
	}
	handlers := toolscache.ResourceEventHandlerFuncs{
		AddFunc: func(object any) { see(object.(T)) },
		UpdateFunc: func(old, object any) {
			was, is := old.(T), object.(T)
			if was.GetUID() != is.GetUID() {
				miss(was)
			}
			if was.GetResourceVersion() != is.GetResourceVersion() { // not a list that shows it again
				see(is)
			}
		},
		DeleteFunc: func(object any) {
			if last, ok := object.(toolscache.DeletedFinalStateUnknown); ok {
				object = last.Obj
			}
			miss(object.(T))
		},
	}
	if _, err := informer.AddEventHandler(handlers); err != nil {
		w.t.Fatal(err)
	}
}

// subjectOf is the session that the Secret is generated for, nil if for none.
func (w *world) subjectOf(name string) *subject {
	if number := numberOf(name); number >= 0 && number < len(w.subjects) {
		return w.subjects[number]
	}
	return nil
}

// seeSecret holds that the Secret has url and expire and nothing else, as they were
// granted, and that a URL is never replaced by one that ends earlier.
func (w *world) seeSecret(secret *corev1.Secret) {
	s := w.subjectOf(secret.Name)
	if s == nil {
		return
	}
	w.mustNotShow(s.number, "the metadata of the generated Secret", secret.ObjectMeta)
	s.mu.Lock()
	defer s.mu.Unlock()
	if mark := secret.Annotations[annotationEdit]; mark != "" && mark != s.mark {
		s.mark = mark
		s.edited(secret)
		return
	}
	now, problem := w.readSecret(s, secret)
	if problem != "" {
		w.chronicle.violated(s.number, "the generated Secret at version %s: %s", secret.ResourceVersion, problem)
		return
	}
	if s.held == nil || now.url != s.held.url {
		w.chronicle.count("URLs written into Secrets", "new")
		w.chronicle.note(s.number, "the Secret has a URL until %s", w.chronicle.when(time.Unix(now.expire, 0)))
	}
	now.epoch = w.epoch.Load()
	if problem := worse(s.held, now); problem != "" {
		w.chronicle.violated(s.number, "the generated Secret at version %s: %s", secret.ResourceVersion, problem)
	}
	s.held = now
}

// Annotations of a generated Secret by which it is judged later.
const (
	annotationDigest      = "billing.xtracta.com/digest"
	annotationIssuedFor   = "billing.xtracta.com/issued-for"
	annotationFingerprint = "billing.xtracta.com/inputs-hmac"
)

// edited: we did that. If it changed what the Secret holds, or that it can be
// trusted, it is to be restored from the status.
func (s *subject) edited(secret *corev1.Secret) {
	if s.held == nil || secret.Annotations[annotationDigest] == "" || len(secret.Data) != 2 || string(secret.Data[v1alpha1.SecretKeyURL]) != s.held.url ||
		string(secret.Data[v1alpha1.SecretKeyExpire]) != strconv.FormatInt(s.held.expire, 10) {
		s.held = s.shownAt(secret.ResourceVersion)
	}
}

// missSecret holds that nobody but us deletes a generated Secret.
func (w *world) missSecret(secret *corev1.Secret) {
	s := w.subjectOf(secret.Name)
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.condemned[secret.UID] {
		w.chronicle.violated(s.number, "the generated Secret was deleted, and not by us")
	}
	s.held = s.shownAt(secret.ResourceVersion)
}

// worse says in what the URL that came is worse than the one it replaced.
func worse(was, is *seen) string {
	switch {
	case was == nil, was.epoch != is.epoch:
		return "" // nobody has seen what there was in between
	case was.unproven, was.key != is.key, was.purge != is.purge, was.asked != is.asked:
		return "" // what it replaced was for other inputs
	case is.expire < was.expire:
		return fmt.Sprintf("a URL was replaced by one for the same inputs that ends %d seconds earlier", was.expire-is.expire)
	}
	return ""
}

// readSecret reads what a generated Secret holds, or says what is wrong with it.
func (w *world) readSecret(s *subject, secret *corev1.Secret) (*seen, string) {
	url, expire := string(secret.Data[v1alpha1.SecretKeyURL]), string(secret.Data[v1alpha1.SecretKeyExpire])
	if len(secret.Data) != 2 || url == "" || expire == "" {
		return nil, fmt.Sprintf("it has the entries %v, not url and expire", entriesOf(secret))
	}
	found := w.granted(s, url)
	if found == nil {
		return nil, "its URL was never granted to the session's key"
	}
	if expire != strconv.FormatInt(found.expire, 10) {
		return nil, fmt.Sprintf("its expire is %q, but %d was granted", expire, found.expire)
	}
	var inputs v1alpha1.Inputs
	if err := json.Unmarshal([]byte(secret.Annotations[annotationIssuedFor]), &inputs); err != nil {
		return nil, "it does not say what its URL was issued for"
	}
	found.asked, found.unproven = inputs.ExpirationSeconds, secret.Annotations[annotationFingerprint] == ""
	return found, ""
}

func entriesOf(secret *corev1.Secret) (entries []string) {
	for name, value := range secret.Data {
		entries = append(entries, fmt.Sprintf("%s (%d bytes)", name, len(value)))
	}
	slices.Sort(entries)
	return entries
}

// granted finds a URL among those that were granted to any of the session's keys.
func (w *world) granted(s *subject, url string) *seen {
	for _, key := range s.key.all() {
		grants := w.standin.Grants(key)
		if i := slices.IndexFunc(grants, func(g standin.Grant) bool { return g.URL == url }); i >= 0 {
			return &seen{url: url, key: key, purge: grants[i].Purge, expire: grants[i].Expire.Unix()}
		}
	}
	return nil
}

// seeSession holds what a status promises by itself.
func (w *world) seeSession(session *v1alpha1.BillingSession) {
	s := w.subjectOf(session.Name)
	status := session.Status.DeepCopy()
	status.URL = ""
	w.mustNotShow(s.number, "the status beside its URL", status)
	if status.ObservedGeneration < 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	complain := func(format string, args ...any) {
		w.chronicle.violated(s.number, "the status at version %s: %s; %s", session.ResourceVersion,
			fmt.Sprintf(format, args...), conditionsOf(session))
	}
	if told := conditionsOf(session); told != s.told {
		s.told = told
		w.chronicle.note(s.number, "status: %s", told)
	}
	if status.ObservedGeneration < s.generation {
		complain("observedGeneration went back from %d to %d", s.generation, status.ObservedGeneration)
	}
	s.generation = status.ObservedGeneration
	for _, problem := range invariants.Conditions(session) {
		complain("%s", problem)
	}
	if w.resting.Load() && conditionsOf(session) != "Ready=True Issued" {
		complain("nothing was wrong any more")
	}
	s.shown = append(s.shown, shown{versionOf(session.ResourceVersion), w.urlShown(s, session, complain)})
}

// urlShown is the URL in a status, nil if there is none.
func (w *world) urlShown(s *subject, session *v1alpha1.BillingSession, complain func(string, ...any)) *seen {
	status := session.Status
	if status.URL == "" {
		return nil
	}
	url := w.granted(s, status.URL)
	if url == nil {
		complain("its URL was never granted to the session's key")
		return nil
	}
	if status.ExpirationTime == nil || status.ExpirationTime.Unix() != url.expire {
		complain("its expirationTime is %v, but %d was granted", status.ExpirationTime, url.expire)
	}
	url.epoch = w.epoch.Load()
	if status.IssuedFor != nil {
		url.asked = status.IssuedFor.ExpirationSeconds
	}
	return url
}

// conditionsOf is the conditions in a line.
func conditionsOf(session *v1alpha1.BillingSession) string {
	var said []string
	for _, c := range session.Status.Conditions {
		said = append(said, fmt.Sprintf("%s=%s %s", c.Type, c.Status, c.Reason))
	}
	return strings.Join(said, ", ")
}

// mustNotShow holds that an object shows no key and no granted URL.
func (w *world) mustNotShow(session int, what string, object any) {
	text, err := json.Marshal(object)
	if err != nil {
		w.t.Error(err)
	}
	for _, problem := range leaks(string(text)) {
		w.chronicle.violated(session, "%s shows %s", what, problem)
	}
}

// leaks is where a text holds a key or a granted URL.
func leaks(text string) (found []string) {
	for _, mark := range []string{keyMark, urlMark} {
		if i := strings.Index(text, mark); i >= 0 {
			found = append(found, fmt.Sprintf("what begins with %q (%d times): …%s…", mark, strings.Count(text, mark),
				text[max(0, i-300):min(len(text), i+60)]))
		}
	}
	return found
}

// searchForLeaks looks through all logs and events.
func (w *world) searchForLeaks() {
	w.t.Helper()
	for where, text := range w.fleet.logs() {
		for _, problem := range leaks(text) {
			w.chronicle.violated(nobody, "%s shows %s", where, problem)
		}
	}
	var events eventsv1.EventList
	if err := w.client.List(w.t.Context(), &events, client.InNamespace(w.namespace)); err != nil {
		w.t.Error(err)
	}
	for i := range events.Items {
		event := &events.Items[i]
		w.chronicle.count("events", event.Reason)
		w.mustNotShow(numberOf(event.Regarding.Name), "an event", event)
	}
}
