//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env"
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
	*stage
	session, deployment string
	life                time.Duration
}

func (s *stage) consumers() (all []consumer) {
	s.T.Helper()
	for i := range *consumers {
		life, name := lives()[i%len(lives())], fmt.Sprintf("watched-%d", i)
		s.declare(name, builders.Expiration(life))
		d := s.sample("consumer.yaml", name)
		reader := &d.Spec.Template.Spec.Containers[0]
		reader.Image, reader.Command = propsImage, []string{"/reader", "/billing"}
		s.Create(d)
		all = append(all, consumer{s, name, d.Name, time.Duration(life) * time.Second})
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
func (c consumer) readings() (seen []reading, err error) {
	pods, err := c.podsOf(c.deployment)
	if err != nil {
		return nil, err
	}
	if len(pods) != 1 || slices.ContainsFunc(pods[0].Status.ContainerStatuses, func(s corev1.ContainerStatus) bool { return s.RestartCount > 0 }) {
		return nil, fmt.Errorf("%s does not run in one pod that never stopped", c.deployment)
	}
	log, err := c.logOf(c.T.Context(), pods[0].Name)
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
func (s *stage) watch(all []consumer) {
	s.T.Helper()
	var left []time.Duration
	looks := 0
	for _, c := range all {
		seen := c.await(*renewals)
		if i := slices.IndexFunc(seen, reading.isBad); i >= 0 {
			s.T.Errorf("%s: the file held what nobody can use: %+v", c.session, seen[i])
		}
		looks += len(seen)
		left = append(left, lifeLeftAtRenewals(seen)...)
	}
	slices.Sort(left)
	at := func(quantile int) time.Duration {
		return left[(len(left)-1)*quantile/100].Round(100 * time.Millisecond)
	}
	s.T.Logf("life left of the URL in a pod's file when the next one arrived there:\n"+
		"  min %s, median %s, p90 %s, max %s\n  of %d renewals in %d pods, which read %d times",
		at(0), at(50), at(90), at(100), len(left), len(all), looks)
}

// await waits for renewals, each of which takes no longer than a life.
func (c consumer) await(count int) (seen []reading) {
	c.T.Helper()
	env.EventuallyWithin(c.T, time.Duration(count+1)*c.life+patience, c.session+" is renewed", func() string {
		time.Sleep(time.Second) // the pace of looking: a log is long
		var err error
		seen, err = c.readings()
		got := len(lifeLeftAtRenewals(seen))
		return env.Unless(err == nil && got >= count, fmt.Sprintf("%d of %d times: %v", got, count, err))
	})
	return seen
}

// nothingWasted holds each request against when it was due: a margin of 120 seconds and
// a jitter of up to a tenth of the life before the URL expires that it replaces. What was
// granted while there was no API server to store it may be lost.
func (e *endpoint) nothingWasted(all []consumer, away outage) {
	e.T.Helper()
	for _, c := range all {
		asked := e.requests(c.keyOf(c.session))
		for i, r := range asked {
			if r.Outcome != standin.Granted {
				e.T.Errorf("%s: request %d was %s", c.session, i+1, r.Outcome)
			}
			if i == 0 || away.has(asked[i-1].Time) {
				continue
			}
			due := asked[i-1].Time.Add(c.life - c.life/10 - 2*time.Minute)
			if early := due.Sub(r.Time); early > 2*time.Second { // times on the wire are whole seconds
				e.T.Errorf("%s: request %d came %s before one was due", c.session, i+1, early)
			}
		}
	}
}

// quiet waits for a moment at which no request is under way, nor about to be for a while.
func (s *stage) quiet(while time.Duration) {
	s.T.Helper()
	s.eventually("nothing is to be renewed for a while", func() error {
		var sessions v1alpha1.BillingSessionList
		if err := s.cluster.List(s.T.Context(), &sessions); err != nil {
			return err
		}
		for _, session := range sessions.Items {
			if due := session.Status.RenewalTime; due != nil && time.Until(due.Time) < while {
				return fmt.Errorf("%s is to be renewed at %s", session.Name, due)
			}
		}
		return nil
	})
}
