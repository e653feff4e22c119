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
	<-r.released
	return r.Reader.Get(ctx, key, object, options...)
}

func newSlowReader() *slowReader {
	secret := builders.KeySecretOf("finance", "key", "123")
	secret.UID, secret.ResourceVersion = wanted.UID, wanted.ResourceVersion
	return &slowReader{Reader: fake.NewClientBuilder().WithObjects(secret).Build(), released: make(chan struct{})}
}

var wanted = Version{UID: "uid", ResourceVersion: "1"}

// TestAReadThatHangsHoldsUpNobodyElse: neither who looks a key up nor who shares it waits for long.
func TestAReadThatHangsHoldsUpNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader := newSlowReader()
		cache := NewCache(reader, clock.RealClock{})
		ref := refTo("key", "api-key")
		loaded := make(chan Status)
		go func() {
			status, err := cache.Load(t.Context(), ref, wanted)
			if err != nil {
				t.Error(err)
			}
			loaded <- status
		}()
		synctest.Wait()

		begun := time.Now()
		if got := cache.Lookup(ref, &wanted); got.State != renewal.KeyUnread {
			t.Errorf("it is looked up as %+v", got)
		}
		if waited := time.Since(begun); waited != 0 {
			t.Errorf("looking it up took %s", waited)
		}
		for _, want := range []time.Duration{maxReadWait, 0, 0} {
			begun = time.Now()
			if _, err := cache.Load(t.Context(), ref, wanted); !errors.Is(err, ErrBusy) {
				t.Errorf("a second session gets %v", err)
			}
			if waited := time.Since(begun); waited != want {
				t.Errorf("a second session waits %s, want %s", waited, want)
			}
		}

		close(reader.released)
		if status := <-loaded; status.State != renewal.KeyRead {
			t.Errorf("in the end it is %+v", status)
		}
		if got := cache.Lookup(ref, &wanted); got.State != renewal.KeyRead {
			t.Errorf("then it is looked up as %+v", got)
		}
		if reader.reads != 1 {
			t.Errorf("%d reads, want 1", reader.reads)
		}
	})
}

// TestSessionsThatShareAKeyShareItsRead: however many ask while it is under way.
func TestSessionsThatShareAKeyShareItsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader := newSlowReader()
		cache := NewCache(reader, clock.RealClock{})
		const sessions = 20
		results := make(chan error)
		for range sessions {
			go func() {
				_, err := cache.Load(t.Context(), refTo("key", "api-key"), wanted)
				results <- err
			}()
		}
		synctest.Wait()
		close(reader.released)
		for range sessions {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
		if reader.reads != 1 {
			t.Errorf("%d reads, want 1", reader.reads)
		}
	})
}

// TestAnEvictedKeyIsNotRememberedByItsRead: the Secret was deleted while it was read.
func TestAnEvictedKeyIsNotRememberedByItsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader := newSlowReader()
		cache := NewCache(reader, clock.RealClock{})
		ref := refTo("key", "api-key")
		go func() { _, _ = cache.Load(t.Context(), ref, wanted) }()
		synctest.Wait()
		cache.Evict(ref.Secret)
		close(reader.released)
		synctest.Wait()
		if cache.Len() != 0 {
			t.Error("it is remembered")
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
