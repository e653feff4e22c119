package apikey

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/xtracta/billing-operator/controllers/renewal"
	"github.com/xtracta/billing-operator/test/env/builders"
)

// slowReader answers once it is released.
type slowReader struct {
	client.Reader
	released chan struct{}
	reads    int
	panics   bool
}

func (r *slowReader) Get(ctx context.Context, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
	r.reads++
	if r.panics {
		panic("a defect")
	}
	select {
	case <-r.released:
	case <-ctx.Done():
		return ctx.Err()
	}
	return r.Reader.Get(ctx, key, object, options...)
}

func newSlowReader() *slowReader {
	secret := builders.KeySecretOf("finance", "key", "123")
	secret.UID, secret.ResourceVersion = wanted.UID, wanted.ResourceVersion
	return &slowReader{Reader: fake.NewClientBuilder().WithObjects(secret).Build(), released: make(chan struct{})}
}

var wanted = Version{UID: "uid", ResourceVersion: "1"}

// TestAReadThatHangsEnds, for all that wait for it, and nobody else waits meanwhile.
func TestAReadThatHangsEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader := newSlowReader()
		cache := NewCache(reader, clock.RealClock{})
		ref, begun := refTo("key", "api-key"), time.Now()
		ended := make(chan error)
		for range 2 {
			go func() {
				_, err := cache.Load(t.Context(), ref, wanted)
				ended <- err
			}()
		}
		synctest.Wait()
		if got := cache.Lookup(ref, &wanted); got.State != renewal.KeyUnread || time.Since(begun) != 0 {
			t.Errorf("it is looked up as %+v after %s", got, time.Since(begun))
		}
		for range 2 {
			if err := <-ended; !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("it ends with %v", err)
			}
		}
		if waited := time.Since(begun); waited != maxRead || reader.reads != 1 {
			t.Errorf("%d reads took %s", reader.reads, waited)
		}
	})
}

// TestAPanicWhileReadingLeavesNobodyWaiting: the next one reads it.
func TestAPanicWhileReadingLeavesNobodyWaiting(t *testing.T) {
	t.Parallel()
	reader := newSlowReader()
	close(reader.released)
	reader.panics = true
	cache := NewCache(reader, clock.RealClock{})
	func() {
		defer func() { _ = recover() }()
		_, _ = cache.Load(t.Context(), refTo("key", "api-key"), wanted)
	}()
	reader.panics = false
	if status, err := cache.Load(t.Context(), refTo("key", "api-key"), wanted); err != nil || status.State != renewal.KeyRead {
		t.Errorf("%+v %v", status, err)
	}
}
