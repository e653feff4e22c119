package controllers

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/apikey"
	"github.com/xtracta/billing-operator/controllers/endpoint"
	"github.com/xtracta/billing-operator/controllers/renewal"
	"github.com/xtracta/billing-operator/controllers/secret"
	"github.com/xtracta/billing-operator/controllers/status"
)

// reader reads everything that a decision depends on: from the cache, or live where that does
// not tell enough. It writes nothing to the cluster.
type reader struct {
	// cached reads sessions, and the metadata of Secrets.
	cached client.Reader
	// live reads past the cache.
	live  client.Reader
	keys  *apikey.Cache
	clock clock.PassiveClock

	// checkURL says whether the endpoint may grant a URL that is read back.
	checkURL secret.CheckURL
	// pausedUntil is when the pause of a key ends; zero when there is none.
	pausedUntil func(endpoint.Key) time.Time
}

// maxRead bounds a live read. A read that hangs would otherwise hold its worker for the whole
// pass.
const maxRead = 10 * time.Second

// liveReader bounds reads in time.
type liveReader struct{ client.Reader }

// Get implements client.Reader.
func (r liveReader) Get(ctx context.Context, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
	ctx, cancel := context.WithTimeout(ctx, maxRead)
	defer cancel()
	return r.Reader.Get(ctx, key, object, options...)
}

// List implements client.Reader.
func (r liveReader) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	ctx, cancel := context.WithTimeout(ctx, maxRead)
	defer cancel()
	return r.Reader.List(ctx, list, options...)
}

// observation is a snapshot of everything that one pass knows of a session. What learns
// more returns a changed copy.
type observation struct {
	session *v1alpha1.BillingSession
	local   *localState

	// secret is the generated Secret where it is ours, nil otherwise. Unless isWhole it has only
	// the metadata that the cache holds, which is enough of one that is as it should be.
	secret      *corev1.Secret
	isWhole     bool
	secretState renewal.SecretState
	// secretProblem says whose Secret has the name of the generated one.
	secretProblem string
	// finalizers hold the generated Secret although it is being deleted.
	finalizers []string
	// inSecret and inStatus are the grants that the Secret and the status hold.
	inSecret, inStatus *secret.Grant

	key         apikey.Status
	pausedUntil time.Time

	// isQueued reports whether the session waits for its turn to ask.
	isQueued bool
	// requestTook is how long the request of this pass took; zero if it made none.
	requestTook time.Duration
}

// observe reads a session and all that belongs to it. It returns nil when there is nothing
// to do: the session or its namespace is gone or being deleted. It returns errBehind when a cache
// has not shown our own last write yet.
func (r *reader) observe(ctx context.Context, name types.NamespacedName, locals *localStates) (*observation, error) {
	cached, err := getOrNil(ctx, r.cached, name, &v1alpha1.BillingSession{})
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the session: %w", err)
	case cached == nil:
		locals.forget(name, r.clock.Now())
		return nil, nil
	case cached.DeletionTimestamp != nil:
		return nil, nil
	}
	local := locals.of(cached, r.clock.Now())
	if local.namespaceGone {
		return nil, nil
	}
	session, err := r.latestSession(ctx, cached, local)
	if err != nil || session == nil {
		return nil, err
	}
	local.look(session, r.clock.Now())
	key := apikey.RefOf(session)
	version, err := r.keyVersion(ctx, key.Secret)
	if err != nil {
		return nil, err
	}
	seen := observation{session: session, local: local, inStatus: secret.FromStatus(&session.Status, r.checkURL)}
	seen, err = r.withSecret(ctx, r.withKey(seen, r.keys.Lookup(key, version)))
	if err != nil {
		return nil, err
	}
	return &seen, nil
}

// latestSession is the session as the cache shows it. One that the cache shows too late is read
// live; nil when it is gone.
func (r *reader) latestSession(ctx context.Context, cached *v1alpha1.BillingSession, local *localState) (*v1alpha1.BillingSession, error) {
	mustReadLive, err := local.session.check(cached.ResourceVersion, r.clock.Now())
	if err != nil || !mustReadLive {
		return cached, err
	}
	live, err := r.sessionLive(ctx, client.ObjectKeyFromObject(cached))
	if err != nil {
		return nil, fmt.Errorf("read the session past the cache: %w", err)
	}
	if live == nil || live.UID != cached.UID || live.DeletionTimestamp != nil {
		return nil, nil
	}
	local.session.wrote(live.ResourceVersion, r.clock.Now())
	return live, nil
}

// sessionLive reads a session past the cache, nil if there is none. It lists, which the
// controller may do anyway: to get one would take another permission.
func (r *reader) sessionLive(ctx context.Context, name types.NamespacedName) (*v1alpha1.BillingSession, error) {
	var sessions v1alpha1.BillingSessionList
	err := r.live.List(ctx, &sessions, client.InNamespace(name.Namespace), client.MatchingFields{metav1.ObjectNameField: name.Name})
	if err != nil || len(sessions.Items) == 0 {
		return nil, err
	}
	session := &sessions.Items[0]
	stripMetadata(session)
	return session, nil
}

// keyVersion is the version of the key's Secret, nil if there is none.
func (r *reader) keyVersion(ctx context.Context, name types.NamespacedName) (*apikey.Version, error) {
	metadata, err := r.secretMetadata(ctx, name)
	if err != nil || metadata == nil {
		return nil, err
	}
	return &apikey.Version{UID: metadata.UID, ResourceVersion: metadata.ResourceVersion}, nil
}

// withKey adds what is known of the key, and when its pause ends.
func (r *reader) withKey(seen observation, key apikey.Status) observation {
	seen.key = key
	if key.State == renewal.KeyRead {
		seen.pausedUntil = r.pausedUntil(key.Key)
	}
	return seen
}

// secretMetadata is the metadata of a Secret from the cache, nil if there is none.
func (r *reader) secretMetadata(ctx context.Context, name types.NamespacedName) (*metav1.PartialObjectMetadata, error) {
	metadata, err := getOrNil(ctx, r.cached, name, newSecretMetadata())
	if err != nil {
		return nil, fmt.Errorf("read the metadata of Secret %q: %w", name.Name, err)
	}
	return metadata, nil
}

func newSecretMetadata() *metav1.PartialObjectMetadata {
	metadata := &metav1.PartialObjectMetadata{}
	metadata.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
	return metadata
}

func getOrNil[T client.Object](ctx context.Context, from client.Reader, name types.NamespacedName, into T, options ...client.GetOption) (T, error) {
	var none T
	err := from.Get(ctx, name, into, options...)
	if apierrors.IsNotFound(err) {
		return none, nil
	}
	if err != nil {
		return none, err
	}
	return into, nil
}

// inputsFor are what a request made now would be made with.
func (seen observation) inputsFor(endpointURL string) v1alpha1.Inputs {
	spec := seen.session.Spec
	return v1alpha1.Inputs{
		KeySecretUID:             seen.key.Version.UID,
		KeySecretResourceVersion: seen.key.Version.ResourceVersion,
		KeySecretKey:             apikey.RefOf(seen.session).Entry,
		Purge:                    spec.Purge,
		ExpirationSeconds:        spec.ExpirationSeconds,
		Endpoint:                 endpointURL,
	}
}

// factsAt are the facts of the observation, for a decision taken at now.
func (seen observation) factsAt(now time.Time, endpointURL string) renewal.Facts {
	session, reported := seen.session, &seen.session.Status
	f := renewal.Facts{
		Now:            now,
		UID:            string(session.UID),
		Created:        session.CreationTimestamp.Time,
		Suspended:      session.Spec.Suspend,
		RenewRequest:   status.RenewRequest(session),
		HandledRequest: reported.LastHandledRenewRequest,
		Inputs:         seen.inputsFor(endpointURL),
		Key:            seen.key.State,
		Secret:         seen.secretState,
		InSecret:       seen.inSecret.Timing(),
		InStatus:       seen.inStatus.Timing(),
		Unsaved:        seen.local.pending.grant.Timing(),
		Issued:         seen.inSecret != nil || reported.ExpirationTime != nil,
		Observed:       reported.ObservedGeneration >= 0,
		Last:           reported.LastAttempt,
		PausedUntil:    seen.pausedUntil,
		Write:          seen.local.pending.state,
	}
	if before := session.Spec.RenewBeforeSeconds; before != nil {
		f.RenewBefore = time.Duration(*before) * time.Second
	}
	if seen.key.State == renewal.KeyRead {
		f.Fingerprint = secret.Fingerprint(seen.key.Key, f.Inputs)
	}
	seen.local.attempts.addTo(&f)
	if seen.isQueued {
		f.QueuedSince = seen.local.attempts.queuedSince
	}
	return f
}
