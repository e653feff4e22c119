package controllers

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/renewal"
)

func TestRankOf(t *testing.T) {
	t.Parallel()
	now := time.Date(2040, 1, 1, 0, 0, 0, 0, time.UTC)
	created, asked := now.Add(-time.Hour), now.Add(-time.Minute)
	expiringIn := func(life time.Duration) *renewal.Grant {
		return &renewal.Grant{Issued: asked, Expire: now.Add(life)}
	}
	failed := &v1alpha1.Attempt{Time: metav1.NewTime(asked)}
	for why, row := range map[string]struct {
		held *renewal.Grant
		last *v1alpha1.Attempt
		want rank
	}{
		"a URL counts until a turn cannot keep it alive any more": {expiringIn(time.Minute), nil, rank{true, now.Add(time.Minute - lastMoment)}},
		"also after a failure":                      {expiringIn(time.Minute), failed, rank{true, now.Add(time.Minute - lastMoment)}},
		"one in its last moment is as good as none": {expiringIn(lastMoment), nil, rank{false, created}},
		"without one the age counts":                {nil, nil, rank{false, created}},
		"or when it was asked for in vain":          {nil, failed, rank{false, asked}},
	} {
		session := &v1alpha1.BillingSession{ObjectMeta: metav1.ObjectMeta{CreationTimestamp: metav1.NewTime(created)}}
		if got := rankOf(session, renewal.Facts{Now: now, Last: row.last}, renewal.Plan{Active: row.held}); got != row.want {
			t.Errorf("%s: %v, want %v", why, got, row.want)
		}
	}
}
