package prometheus

import "testing"

func expectLog(t *testing.T, log string) {}
