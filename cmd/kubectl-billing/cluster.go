package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers"
)

const kind = "BillingSession"

// cluster reads and changes the sessions of a cluster.
type cluster struct {
	client    client.WithWatch
	namespace string
	// namespaceGiven is true if the command line names the namespace. The commands that
	// an error suggests must then name it too.
	namespaceGiven bool
}

var scheme = func() *runtime.Scheme {
	s := runtime.NewScheme()
	must(corev1.AddToScheme(s))
	must(appsv1.AddToScheme(s))
	must(v1alpha1.AddToScheme(s))
	return s
}()

// must panics: such an error is a defect that every start would show.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

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
	c, err := client.NewWithWatch(config, client.Options{Scheme: scheme, Mapper: mapper()})
	if err != nil {
		return nil, fmt.Errorf("the cluster's address or credentials cannot be used: %w; check --kubeconfig and --context", err)
	}
	return &cluster{client: c, namespace: namespace, namespaceGiven: namespaceGiven}, nil
}

// mapper knows the few kinds that the plugin uses. Without it each start would spend
// requests on discovery.
func mapper() meta.RESTMapper {
	m := meta.NewDefaultRESTMapper(nil)
	m.Add(v1alpha1.GroupVersion.WithKind(kind), meta.RESTScopeNamespace)
	m.Add(corev1.SchemeGroupVersion.WithKind("Secret"), meta.RESTScopeNamespace)
	m.Add(corev1.SchemeGroupVersion.WithKind("Namespace"), meta.RESTScopeRoot)
	m.Add(appsv1.SchemeGroupVersion.WithKind("Deployment"), meta.RESTScopeNamespace)
	m.Add(crdKind, meta.RESTScopeRoot)
	return m
}

// scope selects sessions to list or watch. The zero scope is all of the namespace.
type scope struct {
	allNamespaces bool
	selector      string
	name          string
}

func (c *cluster) options(s scope) *client.ListOptions {
	options := &client.ListOptions{Namespace: c.namespace}
	if s.allNamespaces {
		options.Namespace = metav1.NamespaceAll
	}
	if s.selector != "" {
		options.LabelSelector, _ = labels.Parse(s.selector) // checked with the arguments
	}
	if s.name != "" {
		options.FieldSelector = fields.OneTermEqualSelector(metav1.ObjectNameField, s.name)
	}
	return options
}

func (c *cluster) list(ctx context.Context, s scope) (v1alpha1.BillingSessionList, error) {
	var sessions v1alpha1.BillingSessionList
	err := c.client.List(ctx, &sessions, c.options(s))
	if s.allNamespaces && apierrors.IsForbidden(err) {
		err = fmt.Errorf("%w; name one namespace with -n instead of all with -A", err)
	}
	return sessions, c.explainError(err, "")
}

func (c *cluster) session(ctx context.Context, name string) (*v1alpha1.BillingSession, error) {
	var session v1alpha1.BillingSession
	err := c.client.Get(ctx, client.ObjectKey{Namespace: c.namespace, Name: name}, &session)
	return &session, c.explainError(err, name)
}

// selected returns the sessions of a selection. If one of them is missing it returns
// an error, so that nothing is done by halves.
func (c *cluster) selected(ctx context.Context, s selection) ([]*v1alpha1.BillingSession, error) {
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
	list, err := c.list(ctx, scope{allNamespaces: s.allNamespaces, selector: s.selector})
	for i := range list.Items {
		sessions = append(sessions, &list.Items[i])
	}
	return sessions, err
}

// patch applies a merge patch to a session, and returns the result.
func (c *cluster) patch(ctx context.Context, session *v1alpha1.BillingSession, patch string) (*v1alpha1.BillingSession, error) {
	changed := &v1alpha1.BillingSession{ObjectMeta: metav1.ObjectMeta{Namespace: session.Namespace, Name: session.Name}}
	err := c.client.Patch(ctx, changed, client.RawPatch(types.MergePatchType, []byte(patch)), client.FieldOwner(fieldManager))
	return changed, c.explainError(err, session.Name)
}

// unreadableError is about an object that the user may not read. The session itself could
// be read.
type unreadableError struct {
	session *v1alpha1.BillingSession
	error
}

func (e *unreadableError) Unwrap() error { return e.error }

// preview returns the decision that the controller takes about a session, or an
// unreadableError.
func (c *cluster) preview(ctx context.Context, env *environment, name string) (*controllers.Preview, error) {
	session, err := c.session(ctx, name)
	if err != nil {
		return nil, err
	}
	preview, err := controllers.NewPreview(ctx, c.client, client.ObjectKey{Namespace: c.namespace, Name: name}, env.clock)
	switch {
	case apierrors.IsForbidden(err):
		return nil, &unreadableError{session, c.explainError(err, name)}
	case err != nil:
		return nil, c.explainError(err, name)
	case preview == nil:
		return nil, failf(exitNotReady, "session %q is being deleted; the controller does nothing for it any more", name)
	}
	return preview, nil
}

// watch calls visit for every change after the version, until visit returns true or
// an error, or the context ends.
func (c *cluster) watch(ctx context.Context, s scope, version string, visit func(*v1alpha1.BillingSession, watch.EventType) (done bool, err error)) error {
	watcher, err := watchtools.NewRetryWatcherWithContext(ctx, version, &cache.ListWatch{
		WatchFuncWithContext: func(ctx context.Context, raw metav1.ListOptions) (watch.Interface, error) {
			options := c.options(s)
			options.Raw = &raw
			return c.client.Watch(ctx, &v1alpha1.BillingSessionList{}, options)
		},
	})
	if err != nil {
		return fmt.Errorf("watch sessions: %w", err)
	}
	defer watcher.Stop()
	for event := range watcher.ResultChan() {
		session, ok := event.Object.(*v1alpha1.BillingSession)
		if !ok {
			return c.explainError(apierrors.FromObject(event.Object), "")
		}
		if done, err := visit(session, event.Type); done || err != nil {
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
