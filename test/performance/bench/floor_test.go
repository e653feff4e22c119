//go:build bench

package bench

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/utils/ptr"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

const (
	// floorVariable makes this program the floor. It holds a floorOrder.
	floorVariable  = "BENCH_FLOOR"
	floorUserAgent = "bench-floor"
)

// floorOrder says what the floor serves.
type floorOrder struct{ Kubeconfig, Namespace, Endpoint string }

// floor does the least that each session needs, and nothing else: no cache, no
// watch, no decision, no retry. What it writes is as long as what the manager writes.
type floor struct {
	core     kubernetes.Interface
	sessions rest.Interface
	http     *http.Client
	floorOrder

	mu   sync.Mutex
	keys map[string]*sharedKey
}

// sharedKey is read once.
type sharedKey struct {
	once  sync.Once
	value string
	err   error
}

// runFloor serves all sessions, and then waits to be stopped.
func runFloor(text string) {
	var order floorOrder
	err := json.Unmarshal([]byte(text), &order)
	if err == nil {
		err = serveAll(context.Background(), order)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "the floor:", err)
		os.Exit(1)
	}
	time.Sleep(patience)
}

func serveAll(ctx context.Context, order floorOrder) error {
	f, err := newFloor(order)
	if err != nil {
		return err
	}
	var list v1alpha1.BillingSessionList
	if err := f.sessions.Get().Namespace(f.Namespace).Resource("billingsessions").Do(ctx).Into(&list); err != nil {
		return err
	}
	var group errgroup.Group
	group.SetLimit(concurrency)
	for i := range list.Items {
		group.Go(func() error { return f.serve(ctx, &list.Items[i]) })
	}
	return group.Wait()
}

func newFloor(order floorOrder) (*floor, error) {
	config, err := clientcmd.BuildConfigFromFlags("", order.Kubeconfig)
	if err != nil {
		return nil, err
	}
	config.QPS, config.UserAgent = -1, floorUserAgent // as the manager's: no limit of its own
	ours := rest.CopyConfig(config)
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	ours.APIPath, ours.GroupVersion = "/apis", &v1alpha1.GroupVersion
	ours.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	sessions, err := rest.RESTClientFor(ours)
	if err != nil {
		return nil, err
	}
	config.ContentType, config.AcceptContentTypes = runtime.ContentTypeProtobuf, runtime.ContentTypeProtobuf
	core, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	return &floor{
		core: core, sessions: sessions, floorOrder: order,
		http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: concurrency}},
		keys: map[string]*sharedKey{},
	}, nil
}

func (f *floor) serve(ctx context.Context, session *v1alpha1.BillingSession) error {
	key, err := f.key(ctx, session.Spec.APIKeySecretRef.Name)
	if err != nil {
		return err
	}
	granted, err := f.ask(ctx, key)
	if err != nil {
		return err
	}
	if _, err := f.core.CoreV1().Secrets(f.Namespace).Create(ctx, granted.secret(session), metav1.CreateOptions{}); err != nil {
		return err
	}
	patch, err := granted.patch(session)
	if err != nil {
		return err
	}
	err = f.sessions.Patch(types.MergePatchType).Namespace(f.Namespace).Resource("billingsessions").
		Name(session.Name).SubResource("status").Body(patch).Do(ctx).Error()
	if err != nil {
		return err
	}
	_, err = f.core.EventsV1().Events(f.Namespace).Create(ctx, granted.event(session), metav1.CreateOptions{})
	return err
}

func (f *floor) key(ctx context.Context, name string) (string, error) {
	f.mu.Lock()
	key, ok := f.keys[name]
	if !ok {
		key = &sharedKey{}
		f.keys[name] = key
	}
	f.mu.Unlock()
	key.once.Do(func() {
		secret, err := f.core.CoreV1().Secrets(f.Namespace).Get(ctx, name, metav1.GetOptions{})
		if err == nil {
			key.value = string(secret.Data[v1alpha1.DefaultAPIKeySecretKey])
		}
		key.err = err
	})
	return key.value, key.err
}

// granted is what the endpoint answers.
type granted struct {
	URL    string `xml:"url"`
	Expire int64  `xml:"expire"`
	at     time.Time
}

func (f *floor) ask(ctx context.Context, key string) (granted, error) {
	form := url.Values{"api_key": {key}, "expire": {strconv.Itoa(life)}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, f.Endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return granted{}, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := f.http.Do(request)
	if err != nil {
		return granted{}, err
	}
	defer func() { _ = response.Body.Close() }()
	answer := granted{at: time.Now()}
	if response.StatusCode != http.StatusOK {
		return answer, fmt.Errorf("the stand-in answered %s", response.Status)
	}
	return answer, xml.NewDecoder(response.Body).Decode(&answer)
}

func (g granted) secret(session *v1alpha1.BillingSession) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Name: session.Name, Namespace: session.Namespace,
			Labels: map[string]string{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy, v1alpha1.LabelSession: session.Name},
			Annotations: map[string]string{
				"billing.xtracta.com/issue-time":           g.at.UTC().Format(time.RFC3339),
				"billing.xtracta.com/clock-offset-seconds": "0",
				"billing.xtracta.com/issued-for":           mustEncode(g.inputs(session)),
				"billing.xtracta.com/inputs-hmac":          strings.Repeat("0", 64),
				"billing.xtracta.com/digest":               strings.Repeat("0", 64),
			},
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: v1alpha1.GroupVersion.String(), Kind: "BillingSession", Name: session.Name, UID: session.UID,
				Controller: ptr.To(true), BlockOwnerDeletion: ptr.To(false),
			}},
		},
		Type: corev1.SecretTypeOpaque,
		Data: map[string][]byte{
			v1alpha1.SecretKeyURL:    []byte(g.URL),
			v1alpha1.SecretKeyExpire: []byte(strconv.FormatInt(g.Expire, 10)),
		},
	}
}

func (g granted) inputs(session *v1alpha1.BillingSession) v1alpha1.Inputs {
	return v1alpha1.Inputs{
		KeySecretUID: session.UID, KeySecretResourceVersion: session.ResourceVersion, KeySecretKey: v1alpha1.DefaultAPIKeySecretKey,
		ExpirationSeconds: life, Endpoint: "http://127.0.0.1:12345/v1/billings/billing_ui",
	}
}

func (g granted) patch(session *v1alpha1.BillingSession) ([]byte, error) {
	expire, issue := metav1.NewTime(time.Unix(g.Expire, 0)), metav1.NewTime(g.at)
	status := v1alpha1.BillingSessionStatus{
		ObservedGeneration: session.Generation,
		URL:                g.URL, IssueTime: &issue, ExpirationTime: &expire, RenewalTime: &expire,
		SecretName: session.Name,
		IssuedFor:  &v1alpha1.IssuedFor{Inputs: g.inputs(session)},
		Conditions: []metav1.Condition{{
			Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonIssued, Message: g.message(),
			ObservedGeneration: session.Generation, LastTransitionTime: issue,
		}},
	}
	return json.Marshal(map[string]any{
		"metadata": map[string]string{"resourceVersion": session.ResourceVersion}, "status": status,
	})
}

func (g granted) event(session *v1alpha1.BillingSession) *eventsv1.Event {
	return &eventsv1.Event{
		ObjectMeta:          metav1.ObjectMeta{Namespace: session.Namespace, Name: fmt.Sprintf("%s.%x", session.Name, g.at.UnixNano())},
		EventTime:           metav1.NewMicroTime(g.at),
		ReportingController: "billing-operator", ReportingInstance: "billing-operator-bench",
		Action: "Issue", Reason: v1alpha1.ReasonIssued, Type: corev1.EventTypeNormal, Note: g.message(),
		Regarding: corev1.ObjectReference{
			APIVersion: v1alpha1.GroupVersion.String(), Kind: "BillingSession", Namespace: session.Namespace,
			Name: session.Name, UID: session.UID, ResourceVersion: session.ResourceVersion,
		},
	}
}

func (g granted) message() string {
	return "The URL is alive until " + time.Unix(g.Expire, 0).UTC().Format(time.RFC3339)
}

func mustEncode(value any) string {
	text, _ := json.Marshal(value) // of strings and numbers it always works
	return string(text)
}
