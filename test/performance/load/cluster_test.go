package load

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllertest"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

// callTime is how long each write to the cluster takes. Reads of keys take none: who
// waits for another's read holds no timer, and time would stand still.
const callTime = 5 * time.Millisecond

// memoryCluster is an API server in memory, together with the cache of one
// manager after the other: as much of both as the controller needs. All of its
// time is that of the bubble that it runs in.
type memoryCluster struct {
	mu       sync.Mutex
	version  int
	sessions toolscache.Indexer
	secrets  toolscache.Indexer
	watches  *watches
	// written is called with each generated Secret, before and after; before is nil
	// for the first.
	written func(before, after *corev1.Secret)
}

// watcher is told of changes to objects of a kind: a session, or the metadata of a
// Secret.
type watcher struct {
	kind client.Object
	toolscache.ResourceEventHandler
}

// watches are those of one manager. A manager that is stopped while it starts still
// registers handlers, which must not end up among those of its successor.
type watches struct{ watchers []watcher }

// newWatches ends the watches of the manager before.
func (c *memoryCluster) newWatches() *watches {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.watches = &watches{}
	return c.watches
}

func newMemoryCluster() *memoryCluster {
	return &memoryCluster{
		sessions: toolscache.NewIndexer(toolscache.MetaNamespaceKeyFunc, toolscache.Indexers{}),
		secrets:  toolscache.NewIndexer(toolscache.MetaNamespaceKeyFunc, toolscache.Indexers{}),
		watches:  &watches{},
	}
}

// create puts an object there, as kubectl would.
func (c *memoryCluster) create(object client.Object) {
	c.mu.Lock()
	c.stamp(object)
	object.SetUID(types.UID(fmt.Sprintf("uid-%d", c.version)))
	object.SetCreationTimestamp(metav1.NewTime(time.Now().Truncate(time.Second)))
	created := c.put(object)
	c.mu.Unlock()
	c.notify(nil, created)
}

// stamp gives an object the next version.
func (c *memoryCluster) stamp(object client.Object) {
	c.version++
	object.SetResourceVersion(strconv.Itoa(c.version))
}

func (c *memoryCluster) storeOf(object client.Object) toolscache.Indexer {
	if _, ok := object.(*v1alpha1.BillingSession); ok {
		return c.sessions
	}
	return c.secrets
}

// put stores a copy and returns it. The caller goes on changing its own object, which
// watchers therefore must not see.
func (c *memoryCluster) put(object client.Object) client.Object {
	stored := object.DeepCopyObject().(client.Object) //nolint:forcetypeassert // a copy has the type of the original
	_ = c.storeOf(object).Add(stored)                 // fails only for an object without a name
	return stored
}

// stored is the object as it is; it must not be changed.
func (c *memoryCluster) stored(object client.Object, key client.ObjectKey) (client.Object, error) {
	found, ok, _ := c.storeOf(object).GetByKey(key.String())
	if !ok {
		return nil, apierrors.NewNotFound(schema.GroupResource{Resource: fmt.Sprintf("%T", object)}, key.Name)
	}
	return found.(client.Object), nil //nolint:forcetypeassert // only objects are put
}

// notify tells the watchers of a change; before is nil for a new object.
func (c *memoryCluster) notify(before, after client.Object) {
	c.mu.Lock()
	watchers := c.watches.watchers
	c.mu.Unlock()
	for _, w := range watchers {
		seen := asKind(w.kind, after)
		switch {
		case seen == nil:
		case before == nil:
			w.OnAdd(seen, false)
		default:
			w.OnUpdate(asKind(w.kind, before), seen)
		}
	}
}

// asKind is the object as a watch of that kind shows it; nil when it does not.
func asKind(kind, object client.Object) client.Object {
	secret, isSecret := object.(*corev1.Secret)
	switch kind.(type) {
	case *v1alpha1.BillingSession:
		if !isSecret {
			return object
		}
	case *metav1.PartialObjectMetadata:
		if isSecret {
			return metadataOf(secret)
		}
	}
	return nil
}

func metadataOf(secret *corev1.Secret) *metav1.PartialObjectMetadata {
	return &metav1.PartialObjectMetadata{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		ObjectMeta: secret.ObjectMeta,
	}
}

// memoryClient reads and writes the cluster as a manager's client does.
type memoryClient struct {
	client.Client
	*memoryCluster
}

// Get implements client.Reader.
func (c memoryClient) Get(_ context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	kind := into
	if _, ok := into.(*metav1.PartialObjectMetadata); ok {
		kind = &corev1.Secret{}
	}
	found, err := c.stored(kind, key)
	if err != nil {
		return err
	}
	switch into := into.(type) {
	case *v1alpha1.BillingSession:
		found.(*v1alpha1.BillingSession).DeepCopyInto(into)
	case *metav1.PartialObjectMetadata:
		metadataOf(found.(*corev1.Secret)).DeepCopyInto(into)
	case *corev1.Secret:
		found.(*corev1.Secret).DeepCopyInto(into)
	}
	return nil
}

// List implements client.Reader, of sessions by an index.
func (c memoryClient) List(_ context.Context, list client.ObjectList, options ...client.ListOption) error {
	o := (&client.ListOptions{}).ApplyOptions(options)
	field := o.FieldSelector.Requirements()[0]
	found, err := c.sessions.ByIndex(field.Field, o.Namespace+"/"+field.Value)
	if err != nil {
		return err
	}
	sessions := list.(*v1alpha1.BillingSessionList)
	for _, object := range found {
		sessions.Items = append(sessions.Items, *object.(*v1alpha1.BillingSession).DeepCopy())
	}
	return nil
}

// Create implements client.Writer.
func (c memoryClient) Create(_ context.Context, object client.Object, _ ...client.CreateOption) error {
	time.Sleep(callTime)
	if _, err := c.stored(object, client.ObjectKeyFromObject(object)); err == nil {
		return apierrors.NewAlreadyExists(schema.GroupResource{Resource: "secrets"}, object.GetName())
	}
	c.create(object)
	c.written(nil, object.(*corev1.Secret))
	return nil
}

// Update implements client.Writer.
func (c memoryClient) Update(_ context.Context, object client.Object, _ ...client.UpdateOption) error {
	before, err := c.replace(object)
	if err == nil {
		c.written(before.(*corev1.Secret), object.(*corev1.Secret))
	}
	return err
}

// Patch implements client.Writer.
func (c memoryClient) Patch(ctx context.Context, object client.Object, _ client.Patch, _ ...client.PatchOption) error {
	return c.Update(ctx, object)
}

// replace puts another object in the place of the one that is there, unless that has changed.
func (c memoryClient) replace(after client.Object) (before client.Object, err error) {
	time.Sleep(callTime)
	c.mu.Lock()
	before, err = c.stored(after, client.ObjectKeyFromObject(after))
	if err == nil && before.GetResourceVersion() != after.GetResourceVersion() {
		err = apierrors.NewConflict(schema.GroupResource{Resource: fmt.Sprintf("%T", after)}, after.GetName(), nil)
	}
	if err != nil {
		c.mu.Unlock()
		return nil, err
	}
	c.stamp(after)
	stored := c.put(after)
	c.mu.Unlock()
	c.notify(before, stored)
	return before, nil
}

// Status implements client.StatusClient.
func (c memoryClient) Status() client.SubResourceWriter { return memoryStatus{client: c} }

// memoryStatus patches statuses, which is all that the controller does to them.
type memoryStatus struct {
	client.SubResourceWriter
	client memoryClient
}

// Patch implements client.SubResourceWriter.
func (s memoryStatus) Patch(_ context.Context, session client.Object, _ client.Patch, _ ...client.SubResourcePatchOption) error {
	_, err := s.client.replace(session)
	return err
}

// memoryCache is the cache of a manager.
type memoryCache struct {
	cache.Cache
	memoryClient
	watches *watches
}

// Get implements client.Reader.
func (c memoryCache) Get(ctx context.Context, key client.ObjectKey, into client.Object, options ...client.GetOption) error {
	return c.memoryClient.Get(ctx, key, into, options...)
}

// List implements client.Reader.
func (c memoryCache) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	return c.memoryClient.List(ctx, list, options...)
}

// GetInformer implements cache.Informers.
func (c memoryCache) GetInformer(_ context.Context, kind client.Object, _ ...cache.InformerGetOption) (cache.Informer, error) {
	return memoryInformer{controllertest.NewFakeInformer(controllertest.Synced), c.memoryCluster, c.watches, kind}, nil
}

// IndexField implements client.FieldIndexer.
func (c memoryCache) IndexField(_ context.Context, _ client.Object, field string, extract client.IndexerFunc) error {
	if _, ok := c.sessions.GetIndexers()[field]; ok {
		return nil // by the manager before
	}
	return c.sessions.AddIndexers(toolscache.Indexers{field: func(object any) ([]string, error) {
		session := object.(*v1alpha1.BillingSession)
		var keys []string
		for _, value := range extract(session) {
			keys = append(keys, session.Namespace+"/"+value)
		}
		return keys, nil
	}})
}

// WaitForCacheSync implements cache.Informers.
func (memoryCache) WaitForCacheSync(context.Context) bool { return true }

// Start implements cache.Informers.
func (memoryCache) Start(ctx context.Context) error { <-ctx.Done(); return nil }

// memoryInformer shows each handler what there is as its first list, and then
// what changes.
type memoryInformer struct {
	*controllertest.FakeInformer
	cluster *memoryCluster
	watches *watches
	kind    client.Object
}

// AddEventHandlerWithOptions implements cache.Informer.
func (i memoryInformer) AddEventHandlerWithOptions(handler toolscache.ResourceEventHandler, options toolscache.HandlerOptions,
) (toolscache.ResourceEventHandlerRegistration, error) {
	i.cluster.mu.Lock()
	defer i.cluster.mu.Unlock()
	for _, object := range i.cluster.storeOf(i.kind).List() {
		if seen := asKind(i.kind, object.(client.Object)); seen != nil {
			handler.OnAdd(seen, true)
		}
	}
	i.watches.watchers = append(i.watches.watchers, watcher{i.kind, handler})
	return i.FakeInformer.AddEventHandlerWithOptions(handler, options)
}
