package flux

import "testing"

// What every example must have so that a session which comes late does not fail for good, and
// must not have because it would delete sessions.
func TestExamples(t *testing.T) {
	examples, err := readExamples()
	if err != nil {
		t.Fatal(err)
	}
	waiting := 0
	for _, example := range examples {
		if example.Spec.Force {
			t.Errorf("%s deletes a session whose change is refused", example.Name)
		}
		if !example.Spec.Wait {
			continue
		}
		waiting++
		if len(example.Spec.HealthCheckExprs) != 1 || example.Spec.RetryInterval == nil || example.Spec.Timeout == nil {
			t.Errorf("%s waits for sessions without expressions, interval of retries or timeout", example.Name)
		}
	}
	if len(examples) != 3 || waiting != 2 {
		t.Errorf("%d of %d examples wait", waiting, len(examples))
	}
}
