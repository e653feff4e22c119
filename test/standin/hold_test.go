package standin_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/standin"
)

func TestHoldsAddUp(t *testing.T) {
	s := start(t)
	first, second := s.Hold(), s.Hold()
	answered := make(chan int, 3)
	ask := func() { answered <- s.ask("api_key=123").status }
	go ask()
	go ask()
	env.Until(t, "both requests are held", func() bool { return len(s.Grants(key)) == 2 })
	first()
	first() // releasing twice is harmless
	go ask()
	env.Until(t, "a third request is held", func() bool { return len(s.Grants(key)) == 3 })
	if len(answered) > 0 || s.InFlight() != 3 || s.Requests(key) != 3 || s.lastRequest().Outcome != standin.Pending {
		t.Errorf("%d answered and %d in flight during the second hold", len(answered), s.InFlight())
	}
	second()
	for range 3 {
		if status := <-answered; status != http.StatusOK {
			t.Errorf("status = %d", status)
		}
	}
	env.Until(t, "nothing is in flight", func() bool { return s.InFlight() == 0 })
}

func TestClientsThatLeaveAreNoticed(t *testing.T) {
	for why, arm := range map[string]func(*standin.Server){
		"while the answer is held": func(s *standin.Server) { s.Hold() },
		"while the answer is late": func(s *standin.Server) { s.Misbehave(standin.Latency(time.Hour)) },
	} {
		t.Run(why, func(t *testing.T) {
			s := start(t)
			arm(s.Server)
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
