package prometheus

import (
	"testing"
	"time"
)

func expectDashboard(t *testing.T, s *server, since time.Time) {}
func expectMetrics(t *testing.T, text string)                  {}
func expectLog(t *testing.T, log string)                       {}
func (s *stage) exposition() string                            { return "" }
