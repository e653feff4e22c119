package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

// cluster reads and changes the sessions of a cluster, and tells the time by its clock.
type cluster struct {
	serverClock
	client    dynamic.Interface
	namespace string
	// namespaceGiven is true if the command line names the namespace. The commands that
	// an error suggests must then name it too.
	namespaceGiven bool
}

// What the plugin reads.
var (
	sessionResource   = v1alpha1.GroupVersion.WithResource("billingsessions")
	secretResource    = corev1.SchemeGroupVersion.WithResource("secrets")
	namespaceResource = corev1.SchemeGroupVersion.WithResource("namespaces")
	crdResource       = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
)

// connect returns a client for the cluster that the flags and the kubeconfig name. It
// does not talk to it yet.
func connect(flags *genericclioptions.ConfigFlags, warnings io.Writer) (*cluster, error) {
	config, err := flags.ToRESTConfig()
	if err != nil {
		return nil, fmt.Errorf("no cluster is configured: %w; check --kubeconfig and --context", err)
	}
	c := &cluster{}
	if c.namespace, c.namespaceGiven, err = flags.ToRawKubeConfigLoader().Namespace(); err != nil {
		return nil, fmt.Errorf("the kubeconfig names no usable namespace: %w; choose one with -n", err)
	}
	config.UserAgent = "kubectl-billing"
	config.QPS, config.Burst = 50, 300 // as kubectl
	config.Wrap(c.follow)
	config.WarningHandler = rest.NewWarningWriter(warnings, rest.WarningWriterOptions{Deduplicate: true})
	if c.client, err = dynamic.NewForConfig(config); err != nil {
		return nil, fmt.Errorf("the cluster's address or credentials cannot be used: %w; check --kubeconfig and --context", err)
	}
	return c, nil
}

// get reads an object. Its namespace is empty if its kind has none.
func (c *cluster) get(ctx context.Context, resource schema.GroupVersionResource, namespace, name string, object any) error {
	found, err := c.client.Resource(resource).Namespace(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	return runtime.DefaultUnstructuredConverter.FromUnstructured(found.Object, object)
}

func (c *cluster) session(ctx context.Context, name string) (*v1alpha1.BillingSession, error) {
	var session v1alpha1.BillingSession
	err := c.get(ctx, sessionResource, c.namespace, name, &session)
	return &session, c.explainError(err, name)
}

// find returns the chosen sessions, and what is to be said of the named ones that do not
// exist. Whoever names some may lack the permission to list all.
func (c *cluster) find(ctx context.Context, s selection) (found v1alpha1.BillingSessionList, missing, err error) {
	if len(s.names) == 0 {
		found, err = c.list(ctx, s)
		return found, nil, err
	}
	for _, name := range s.names {
		var session v1alpha1.BillingSession
		err := c.get(ctx, sessionResource, c.namespace, name, &session)
		switch {
		case apierrors.IsNotFound(err):
			missing = errors.Join(missing, c.explainError(err, name))
		case err != nil:
			return found, missing, c.explainError(err, name)
		default:
			found.Items = append(found.Items, session)
			found.ResourceVersion = session.ResourceVersion // a watch, which is of one, continues there
		}
	}
	return found, missing, nil
}

func (c *cluster) list(ctx context.Context, s selection) (sessions v1alpha1.BillingSessionList, err error) {
	from, options := c.in(s)
	found, err := from.List(ctx, options)
	if err == nil {
		err = runtime.DefaultUnstructuredConverter.FromUnstructured(found.UnstructuredContent(), &sessions)
	}
	if s.allNamespaces && apierrors.IsForbidden(err) {
		err = fmt.Errorf("%w; name one namespace with -n instead of all with -A", err)
	}
	return sessions, c.explainError(err, "")
}

// in returns where the chosen sessions are, and the options that choose them. Of names it
// knows one.
func (c *cluster) in(s selection) (dynamic.ResourceInterface, metav1.ListOptions) {
	options := metav1.ListOptions{LabelSelector: s.selector}
	if len(s.names) > 0 {
		options.FieldSelector = fields.OneTermEqualSelector(metav1.ObjectNameField, s.names[0]).String()
	}
	if s.allNamespaces {
		return c.client.Resource(sessionResource), options
	}
	return c.client.Resource(sessionResource).Namespace(c.namespace), options
}

// watch calls visit for every change after the version, until that returns an error or the
// context ends.
func (c *cluster) watch(ctx context.Context, s selection, version string, visit func(*v1alpha1.BillingSession, watch.EventType) error) error {
	watcher := &cache.ListWatch{WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
		from, chosen := c.in(s)
		options.LabelSelector, options.FieldSelector = chosen.LabelSelector, chosen.FieldSelector
		return from.Watch(ctx, options)
	}}
	_, err := watchtools.Until(ctx, version, watcher, func(event watch.Event) (bool, error) {
		object, ok := event.Object.(*unstructured.Unstructured)
		if !ok {
			return false, apierrors.FromObject(event.Object)
		}
		session := &v1alpha1.BillingSession{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, session); err != nil {
			return false, err
		}
		return false, visit(session, event.Type)
	})
	if errors.Is(err, watchtools.ErrWatchClosed) {
		return errors.New("the API server ended the watch; run the command again")
	}
	return c.explainError(err, "")
}

// patch applies a merge patch to a session, and returns the result.
func (c *cluster) patch(ctx context.Context, session *v1alpha1.BillingSession, patch string) (*v1alpha1.BillingSession, error) {
	changed, options := &v1alpha1.BillingSession{}, metav1.PatchOptions{FieldManager: fieldManager}
	found, err := c.client.Resource(sessionResource).Namespace(session.Namespace).Patch(ctx, session.Name, types.MergePatchType, []byte(patch), options)
	if err == nil {
		err = runtime.DefaultUnstructuredConverter.FromUnstructured(found.Object, changed)
	}
	return changed, c.explainError(err, session.Name)
}

// advise formats a command for the user to run next.
func (c *cluster) advise(format string, values ...any) string {
	command := "kubectl billing " + fmt.Sprintf(format, values...)
	if c.namespaceGiven {
		command += " -n " + c.namespace
	}
	return command
}

// explainError turns an error of the API server into a sentence that names the cure.
func (c *cluster) explainError(err error, name string) error {
	unreachable := (*url.Error)(nil)
	switch {
	case err == nil || errors.Is(err, context.DeadlineExceeded):
		return err
	case apierrors.IsNotFound(err) && apierrors.HasStatusCause(err, metav1.CauseTypeUnexpectedServerResponse):
		return errors.New("this cluster knows no BillingSessions: install the operator, or choose another cluster with --context")
	case apierrors.IsNotFound(err):
		return fmt.Errorf("there is no session %q in namespace %q; list those that exist with: %s", name, c.namespace, c.advise("list"))
	case apierrors.IsForbidden(err):
		return fmt.Errorf("%w; ask who administers the cluster for that permission", err)
	case apierrors.IsUnauthorized(err):
		return errors.New("the cluster does not accept your credentials: log in again, or check --kubeconfig and --context")
	case errors.As(err, &unreachable):
		return fmt.Errorf("the cluster cannot be reached: %w; check --kubeconfig, --context and --server", unreachable.Err)
	}
	return err
}
