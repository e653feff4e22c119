package manager

import (
	"flag"
	"strconv"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/test/env/builders"
)

// soak is for how long the shortest life is renewed; ten minutes is a good look.
var soak = flag.Duration("soak", 40*time.Second, "for how long a URL with the shortest life is renewed")

// TestShortestLifeNeverExpiresInItsSecret looks at the Secret four times a second.
func TestShortestLifeNeverExpiresInItsSecret(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.StartManager()
	s.Session("acme", builders.Expiration(60))
	s.Ready("acme")
	looks, urls, least := 0, map[string]bool{}, time.Hour
	ticker := time.NewTicker(250 * time.Millisecond)
	defer ticker.Stop()
	for end := time.Now().Add(*soak); time.Now().Before(end); <-ticker.C {
		var secret corev1.Secret
		if err := s.Client.Get(t.Context(), client.ObjectKey{Namespace: s.Namespace, Name: "acme"}, &secret); err != nil {
			t.Fatal(err)
		}
		expire, err := strconv.ParseInt(string(secret.Data["expire"]), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		left := time.Until(time.Unix(expire, 0))
		if left <= 0 {
			t.Fatalf("look %d: the URL in the Secret expired %s ago", looks, -left)
		}
		looks, least = looks+1, min(least, left)
		urls[string(secret.Data["url"])] = true
	}
	if len(urls) != s.Standin.Total() {
		t.Errorf("%d URLs were seen, %d were asked for", len(urls), s.Standin.Total())
	}
	t.Logf("%d looks in %s, %d URLs, least life left %s", looks, *soak, len(urls), least.Round(time.Second))
}
