package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env/builders"
	"github.com/xtracta/billing-operator/test/standin"
)

// lives are those for which the default margin must do: the shortest that it is meant
// for and, where there is time, a longer one.
func lives() []int32 {
	if *renewals > 1 {
		return []int32{240, 240, 300}
	}
	return []int32{240}
}

// consumer is a session and a pod that mounts its Secret, as config/samples/consumer.yaml
// does, and reads it each second.
type consumer struct {
	*v1alpha1.BillingSession
	deployment string
	life       time.Duration
}

func newConsumers(t *testing.T, namespace string) (all []consumer) {
	t.Helper()
	for i := range *consumers {
		life := lives()[i%len(lives())]
		session := declare(t, namespace, fmt.Sprintf("watched-%d", i), builders.Expiration(life))
		d := sample(t, "consumer.yaml", namespace, session.Name)
		d.Spec.Template.Spec.Containers[0].Image = propsImage
		d.Spec.Template.Spec.Containers[0].Command = []string{"/reader", "/billing"}
		create(t, d)
		all = append(all, consumer{session, d.Name, time.Duration(life) * time.Second})
	}
	return all
}

// reading is what the pod saw at one moment.
type reading struct {
	Time   time.Time
	Expire int64
	Digest string
	Error  string
}

func (r reading) isBad() bool { return r.Error != "" || !r.Time.Before(time.Unix(r.Expire, 0)) }

// readings is all that the consumer's pod has logged.
func (c consumer) readings(ctx context.Context) (seen []reading, err error) {
	pods, err := podsOf(ctx, c.Namespace, c.deployment)
	if err != nil {
		return nil, err
	}
	if len(pods) != 1 || pods[0].Status.ContainerStatuses[0].RestartCount > 0 {
		return nil, fmt.Errorf("%s does not run in one pod that never stopped", c.deployment)
	}
	log, err := cluster.core.CoreV1().Pods(c.Namespace).GetLogs(pods[0].Name, &corev1.PodLogOptions{}).DoRaw(ctx)
	if err != nil {
		return nil, err
	}
	for decoder := json.NewDecoder(bytes.NewReader(log)); ; {
		var r reading
		switch err := decoder.Decode(&r); {
		case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF): // a line that is being written
			return seen, nil
		case err != nil:
			return nil, err
		}
		seen = append(seen, r)
	}
}

// lifeLeftAtRenewals is what was left of each URL when the next one arrived in the pod.
func lifeLeftAtRenewals(seen []reading) (left []time.Duration) {
	for i := 1; i < len(seen); i++ {
		if last := seen[i-1]; seen[i].Digest != last.Digest {
			left = append(left, time.Unix(last.Expire, 0).Sub(seen[i].Time))
		}
	}
	return left
}

// watch waits until each consumer's file was renewed so often, and judges all that the
// pods saw.
func watch(t *testing.T, all []consumer) {
	t.Helper()
	var left []time.Duration
	looks, bad := 0, 0
	for _, c := range all {
		seen := c.await(t, *renewals)
		if i := slices.IndexFunc(seen, reading.isBad); i >= 0 {
			t.Errorf("%s: the file held what nobody can use: %+v", c.Name, seen[i])
			bad++
		}
		looks += len(seen)
		left = append(left, lifeLeftAtRenewals(seen)...)
	}
	slices.Sort(left)
	if bad > 0 {
		t.Errorf("the files of %d pods did; life left at renewals: %s", bad, left)
		return
	}
	at := func(quantile int) time.Duration {
		return left[(len(left)-1)*quantile/100].Round(100 * time.Millisecond)
	}
	fmt.Printf("\nLife left of the URL in a pod's file when the next one arrived there:\n"+
		"  min %s, median %s, p90 %s, max %s\n"+
		"  of %d renewals in %d pods, which read %d times and never found an expired one\n\n",
		at(0), at(50), at(90), at(100), len(left), len(all), looks)
}

// await waits for renewals, each of which takes no longer than a life.
func (c consumer) await(t *testing.T, count int) (seen []reading) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(count+1)*c.life+patience)
	defer cancel()
	for {
		var err error
		seen, err = c.readings(ctx)
		if err == nil && len(lifeLeftAtRenewals(seen)) >= count {
			return seen
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: %d renewals, %v", c.Name, len(lifeLeftAtRenewals(seen)), err)
		case <-time.After(5 * pace):
		}
	}
}

// nothingWasted holds each request against when it was due: a margin of 120 seconds and
// a jitter of up to a tenth of the life before the URL expires that it replaces. What was
// granted while there was no API server to store it may be lost.
func nothingWasted(t *testing.T, e *endpoint, all []consumer, away outage) {
	t.Helper()
	for _, c := range all {
		asked := e.requests(t, keyOf(c.Namespace, c.Name))
		for i, r := range asked {
			if r.Outcome != standin.Granted {
				t.Errorf("%s: request %d was %s", c.Name, i+1, r.Outcome)
			}
			if i == 0 || away.has(asked[i-1].Time) {
				continue
			}
			due := asked[i-1].Time.Add(c.life - c.life/10 - 2*time.Minute)
			if early := due.Sub(r.Time); early > 2*time.Second { // times on the wire are whole seconds
				t.Errorf("%s: request %d came %s before one was due", c.Name, i+1, early)
			}
		}
	}
}

// quiet waits for a moment at which no request is under way, nor about to be for a while.
func quiet(t *testing.T, namespace string, while time.Duration) {
	t.Helper()
	eventually(t, "nothing is to be renewed for a while", func(ctx context.Context) error {
		var sessions v1alpha1.BillingSessionList
		if err := cluster.List(ctx, &sessions, client.InNamespace(namespace)); err != nil {
			return err
		}
		for _, s := range sessions.Items {
			if s.Status.RenewalTime != nil && time.Until(s.Status.RenewalTime.Time) < while {
				return fmt.Errorf("%s is to be renewed at %s", s.Name, s.Status.RenewalTime)
			}
		}
		return nil
	})
}

// leaksNothing looks for keys and URLs in what the operator says.
func leaksNothing(t *testing.T, all []consumer) {
	t.Helper()
	pods, err := podsOf(t.Context(), systemNamespace, operatorName)
	if err != nil {
		t.Fatal(err)
	}
	for _, pod := range pods {
		log, err := cluster.core.CoreV1().Pods(systemNamespace).GetLogs(pod.Name, &corev1.PodLogOptions{}).DoRaw(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if text := string(log); strings.Contains(text, pageHost) || strings.Contains(text, keyOf(all[0].Namespace, "")) {
			t.Errorf("pod %s logs a key or a URL", pod.Name)
		}
	}
}
