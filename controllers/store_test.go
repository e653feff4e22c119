package controllers

import (
	"context"
	"maps"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

// memoryStore gives copies of what it holds, as a cache does, and takes writes as
// an API server does. It is faster than a fake client, of which tests with thousands of objects
// would take minutes.
type memoryStore struct {
	client.Client
	sessions map[types.NamespacedName]*v1alpha1.BillingSession
	secrets  map[types.NamespacedName]*corev1.Secret
	version  int
	made     writes
	// onRead is called before a Secret or its metadata is read; nil for nothing.
	onRead func(types.NamespacedName)
	// refuse is the error of every write of a Secret; nil for none.
	refuse error
}

// writes counts those that a store has taken.
type writes struct{ secrets, dryRuns, statuses int }

func (s *memoryStore) addSession(session *v1alpha1.BillingSession) {
	session.UID, session.ResourceVersion = types.UID("uid-"+session.Name), "1"
	session.Status.ObservedGeneration = -1
	s.sessions[client.ObjectKeyFromObject(session)] = session
}

func (s *memoryStore) next() string {
	s.version++
	return strconv.Itoa(100 + s.version)
}

func (s *memoryStore) add(secret *corev1.Secret) {
	secret.UID, secret.ResourceVersion = types.UID("uid-"+secret.Name), s.next()
	s.secrets[client.ObjectKeyFromObject(secret)] = secret.DeepCopy()
}

func (s *memoryStore) Get(_ context.Context, name types.NamespacedName, into client.Object, _ ...client.GetOption) error {
	if _, ok := into.(*v1alpha1.BillingSession); !ok && s.onRead != nil {
		s.onRead(name)
	}
	secret := s.secrets[name]
	switch into := into.(type) {
	case *v1alpha1.BillingSession:
		if session := s.sessions[name]; session != nil {
			session.DeepCopyInto(into)
			return nil
		}
	case *corev1.Secret:
		if secret != nil {
			secret.DeepCopyInto(into)
			return nil
		}
	case *metav1.PartialObjectMetadata:
		if secret != nil {
			into.ObjectMeta = *secret.ObjectMeta.DeepCopy()
			_, err := stripSecret(into)
			return err
		}
	}
	return apierrors.NewNotFound(schema.GroupResource{}, name.Name)
}

// List finds all sessions, or those that a field selects.
func (s *memoryStore) List(_ context.Context, into client.ObjectList, options ...client.ListOption) error {
	wanted := (&client.ListOptions{}).ApplyOptions(options)
	sessions, ok := into.(*v1alpha1.BillingSessionList)
	if !ok {
		return nil
	}
	var field fields.Requirement
	if wanted.FieldSelector != nil {
		field = wanted.FieldSelector.Requirements()[0]
	}
	for name, session := range s.sessions {
		if field.Field == "" || name.Namespace == wanted.Namespace && hasField(session, field.Field, field.Value) {
			sessions.Items = append(sessions.Items, *session)
		}
	}
	return nil
}

func hasField(session *v1alpha1.BillingSession, field, value string) bool {
	if field == indexSecrets {
		return slices.Contains(namedSecrets(session), value)
	}
	return session.Name == value
}

func (s *memoryStore) Create(_ context.Context, object client.Object, options ...client.CreateOption) error {
	return s.write(object, (&client.CreateOptions{}).ApplyOptions(options).DryRun)
}

func (s *memoryStore) Update(_ context.Context, object client.Object, options ...client.UpdateOption) error {
	return s.write(object, (&client.UpdateOptions{}).ApplyOptions(options).DryRun)
}

// Patch merges, as a merge patch that removes nothing does.
func (s *memoryStore) Patch(_ context.Context, object client.Object, _ client.Patch, options ...client.PatchOption) error {
	patched := object.(*corev1.Secret) //nolint:forcetypeassert // nothing else is patched
	merged := s.secrets[client.ObjectKeyFromObject(patched)].DeepCopy()
	maps.Copy(merged.Labels, patched.Labels)
	maps.Copy(merged.Annotations, patched.Annotations)
	maps.Copy(merged.Data, patched.Data)
	err := s.write(merged, (&client.PatchOptions{}).ApplyOptions(options).DryRun)
	*patched = *merged
	return err
}

func (s *memoryStore) write(object client.Object, dryRun []string) error {
	switch {
	case s.refuse != nil:
		return s.refuse
	case len(dryRun) > 0:
		s.made.dryRuns++
	default:
		s.made.secrets++
		s.add(object.(*corev1.Secret)) //nolint:forcetypeassert // nothing else is written
	}
	return nil
}

func (s *memoryStore) Status() client.SubResourceWriter { return statusStore{store: s} }

type statusStore struct {
	client.SubResourceWriter
	store *memoryStore
}

func (s statusStore) Patch(_ context.Context, object client.Object, _ client.Patch, _ ...client.SubResourcePatchOption) error {
	s.store.made.statuses++
	object.SetResourceVersion(s.store.next())
	s.store.sessions[client.ObjectKeyFromObject(object)] = object.(*v1alpha1.BillingSession).DeepCopy() //nolint:forcetypeassert // only sessions have one
	return nil
}
