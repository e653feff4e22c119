package standin_test

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/standin"
)

func TestCountsAreExactUnderLoad(t *testing.T) {
	s := start(t, standin.AcceptAnyKey())
	const clients, each = 16, 20
	var wait sync.WaitGroup
	for client := range clients {
		wait.Go(func() {
			for range each {
				s.ask("api_key=" + strconv.Itoa(client%4))
			}
		})
		wait.Go(func() { // all other methods may be called at the same time
			s.Misbehave(standin.Latency(0), standin.Sometimes(0.5, standin.NoDate()))
			s.MisbehaveFor(strconv.Itoa(client%4), standin.RateLimit(1000, time.Hour))
			s.AddKeys("new")
			s.SetClockOffset(time.Duration(client))
			_, _, _, _ = s.Log(), s.Grants("0"), s.InFlight(), s.Visits()
		})
	}
	wait.Wait()
	for name := range 4 {
		if got := s.Requests(strconv.Itoa(name)); got != clients/4*each {
			t.Errorf("Requests(%d) = %d, want %d", name, got, clients/4*each)
		}
	}
	if s.Total() != clients*each || len(s.Log()) != clients*each {
		t.Errorf("Total = %d with a log of %d, want %d", s.Total(), len(s.Log()), clients*each)
	}
}

func TestHoldHoldsAnswersUntilReleased(t *testing.T) {
	s := start(t)
	release := s.Hold()
	answered := make(chan answer, 1)
	go func() { answered <- s.ask("api_key=123") }()
	env.Until(t, "the request is held", func() bool { return len(s.Grants(key)) == 1 })
	if s.InFlight() != 1 || s.Requests(key) != 1 || s.lastRequest().Outcome != standin.Pending {
		t.Errorf("%d in flight, log %+v", s.InFlight(), s.Log())
	}
	select {
	case got := <-answered:
		t.Fatalf("answered while held: %+v", got)
	default:
	}
	release()
	release() // releasing twice is harmless
	if got := <-answered; got.status != 200 {
		t.Errorf("status = %d", got.status)
	}
	env.Until(t, "nothing is in flight", func() bool { return s.InFlight() == 0 })
	if got := s.ask("api_key=123"); got.status != 200 {
		t.Errorf("after the hold: %d", got.status)
	}
}

func TestHoldsAddUp(t *testing.T) {
	s := start(t)
	first, second := s.Hold(), s.Hold()
	answered := make(chan answer, 3)
	ask := func() { answered <- s.ask("api_key=123") }
	go ask()
	go ask()
	env.Until(t, "both requests are held", func() bool { return len(s.Grants(key)) == 2 })
	first()
	go ask()
	env.Until(t, "a third request is held", func() bool { return len(s.Grants(key)) == 3 })
	if len(answered) > 0 || s.InFlight() != 3 {
		t.Errorf("%d answered during the second hold", len(answered))
	}
	second()
	for range 3 {
		<-answered
	}
}

func TestClientsThatLeaveAreNoticed(t *testing.T) {
	for _, row := range []struct {
		why string
		arm func(*standin.Server)
	}{
		{"while the answer is held", func(s *standin.Server) { s.Hold() }},
		{"while the answer is late", func(s *standin.Server) { s.Misbehave(standin.Latency(time.Hour)) }},
	} {
		t.Run(row.why, func(t *testing.T) {
			s := start(t)
			row.arm(s.Server)
			ctx, cancel := context.WithCancel(t.Context())
			failed := make(chan error, 1)
			go func() {
				_, err := s.try(s.request(http.MethodPost, standin.Path, formType, "api_key=123").WithContext(ctx))
				failed <- err
			}()
			env.Until(t, "the request is under way", func() bool { return len(s.Grants(key)) == 1 })
			cancel()
			if err := <-failed; !errors.Is(err, context.Canceled) {
				t.Errorf("error = %v", err)
			}
			env.Until(t, "nothing is in flight", func() bool { return s.InFlight() == 0 })
			if got := s.lastRequest(); got.Outcome != standin.Abandoned || got.Status != 0 || got.Life != 0 {
				t.Errorf("logged as %+v", got)
			}
		})
	}
}

func TestObserverSeesEachAnswer(t *testing.T) {
	var mu sync.Mutex
	var seen []standin.Outcome
	s := start(t, standin.OnAnswer(func(r standin.Request) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, r.Outcome)
	}))
	s.ask("api_key=123")
	s.ask("api_key=unknown")
	s.ask()
	mu.Lock()
	defer mu.Unlock()
	want := []standin.Outcome{standin.Granted, standin.Refused, standin.Invalid}
	if err := differs("outcomes", want, seen); err != nil {
		t.Error(err)
	}
}

// A server that runs for months must not keep all grants.
func TestDropsGrantsThatExpiredLongAgo(t *testing.T) {
	s := start(t)
	first := s.ask("api_key=123").grant(t).URL[0]
	for range 3000 {
		s.clock.Step(time.Hour)
		s.ask("api_key=123")
	}
	if got := len(s.Grants(key)); got > 1100 {
		t.Errorf("%d grants are kept", got)
	}
	if got := s.open(first); got.status != 403 {
		t.Errorf("status = %d", got.status)
	}
}
