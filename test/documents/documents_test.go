package documents

import (
	"regexp"
	"testing"
)

// TestCommands runs each command in turn, as one reader after another would, in the same cluster.
func TestCommands(t *testing.T) {
	shown := commands(t)
	s := newStage(t)
	for _, step := range steps() {
		text := find(t, shown, step.document, step.command)
		// Each command needs what those before it have left.
		ok := t.Run(step.document+": "+text, func(t *testing.T) {
			s := s.on(t)
			if step.before != nil {
				step.before(s)
			}
			s.shell(text)
			if !regexp.MustCompile(step.prints).MatchString(s.output) {
				t.Fatalf("it does not print %q:\n%s", step.prints, s.output)
			}
			if step.after != nil {
				step.after(s)
			}
		})
		if !ok {
			t.FailNow()
		}
	}
}
