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

// cluster reads and changes the sessions of a cluster.
type cluster struct {
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
// does not talk to it yet. The clock follows the answers.
func connect(flags *genericclioptions.ConfigFlags, warnings io.Writer, clock *serverClock) (*cluster, error) {
	config, err := flags.ToRESTConfig()
	if err != nil {
		return nil, fmt.Errorf("no cluster is configured: %w; check --kubeconfig and --context", err)
	}
	namespace, namespaceGiven, err := flags.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return nil, fmt.Errorf("the kubeconfig names no usable namespace: %w; choose one with -n", err)
	}
	config.UserAgent = "kubectl-billing"
	config.QPS, config.Burst = 50, 300 // as kubectl
	config.Wrap(clock.follow)
	config.WarningHandler = rest.NewWarningWriter(warnings, rest.WarningWriterOptions{Deduplicate: true})
	c, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("the cluster's address or credentials cannot be used: %w; check --kubeconfig and --context", err)
	}
	return &cluster{client: c, namespace: namespace, namespaceGiven: namespaceGiven}, nil
}

// get reads an object. Its namespace is empty if its kind has none.
func (c *cluster) get(ctx context.Context, resource schema.GroupVersionResource, namespace, name string, object any) error {
	found, err := c.client.Resource(resource).Namespace(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	return runtime.DefaultUnstructuredConverter.FromUnstructured(found.Object, object)
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

func (c *cluster) session(ctx context.Context, name string) (*v1alpha1.BillingSession, error) {
	var session v1alpha1.BillingSession
	err := c.get(ctx, sessionResource, c.namespace, name, &session)
	return &session, c.explainError(err, name)
}

// selected returns the sessions of a selection, and notes if there are none. If one of them
// is missing it returns an error, so that nothing is done by halves.
func (c *cluster) selected(ctx context.Context, env *environment, s selection) ([]*v1alpha1.BillingSession, error) {
	var sessions []*v1alpha1.BillingSession
	for _, name := range s.names {
		session, err := c.session(ctx, name)
		switch {
		case err != nil && len(s.names) > 1:
			return nil, fmt.Errorf("%w; nothing was done for the others either", err)
		case err != nil:
			return nil, err
		}
		sessions = append(sessions, session)
	}
	if len(s.names) > 0 {
		return sessions, nil
	}
	list, err := c.list(ctx, s)
	for i := range list.Items {
		sessions = append(sessions, &list.Items[i])
	}
	if err == nil && len(sessions) == 0 {
		c.noteNone(env, s)
	}
	return sessions, err
}

func (c *cluster) noteNone(env *environment, s selection) {
	if s.allNamespaces {
		env.note("No billing sessions found.")
	} else {
		env.note("No billing sessions found in namespace %s.", c.namespace)
	}
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

// watch calls visit for every change after the version, until that returns an error or the
// context ends.
func (c *cluster) watch(ctx context.Context, s selection, version string, visit func(*v1alpha1.BillingSession, watch.EventType) error) error {
	watcher, err := watchtools.NewRetryWatcherWithContext(ctx, version, &cache.ListWatch{
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			from, chosen := c.in(s)
			options.LabelSelector, options.FieldSelector = chosen.LabelSelector, chosen.FieldSelector
			return from.Watch(ctx, options)
		},
	})
	if err != nil {
		return fmt.Errorf("watch sessions: %w", err)
	}
	defer watcher.Stop()
	for event := range watcher.ResultChan() {
		object, ok := event.Object.(*unstructured.Unstructured)
		if !ok {
			return c.explainError(apierrors.FromObject(event.Object), "")
		}
		session := &v1alpha1.BillingSession{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, session); err != nil {
			return err
		}
		if err := visit(session, event.Type); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return errors.New("the API server ended the watch; run the command again")
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

// reference formats a session as "list -o name" prints it.
func reference(session *v1alpha1.BillingSession) string { return kinds[0] + "/" + session.Name }
