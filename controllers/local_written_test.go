package controllers

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"
)

// TestNoEditIsMissed makes writes of ours and of others in all orders, with a cache that lags
// and that sometimes shows only the newest version. Whenever the cache shows an edit of
// others, a look must follow. Where nobody else writes, no look may.
func TestNoEditIsMissed(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20_000) {
		m := newEchoModel(seed)
		m.run()
		if problem := m.problem(); problem != "" {
			t.Fatalf("seed %d: %s\n%s", seed, problem, strings.Join(m.story, "\n"))
		}
	}
}

// echoModel is an object in a cluster, a cache of it, and a worker of ours.
type echoModel struct {
	random  *rand.Rand
	written written[*corev1.Secret]
	clock   *clocktesting.FakeClock
	// version is the object's, shown that of the cache, and events are the versions that
	// the cache has not seen yet.
	version, shown int
	events         []int
	// others are the versions of others that no look has followed, with whether the cache
	// shows them.
	others  map[int]bool
	isAlone bool
	wakes   int
	// ours is our last write, and outdated reports whether we based one on an older version.
	ours     int
	outdated bool
	story    []string
}

func newEchoModel(seed uint64) *echoModel {
	return &echoModel{
		random: rand.New(rand.NewPCG(seed, 1)), clock: clocktesting.NewFakeClock(time.Unix(1_800_000_000, 0)),
		version: 1, shown: 1, others: map[int]bool{}, isAlone: seed%4 == 0,
	}
}

func (m *echoModel) sayf(format string, args ...any) {
	m.story = append(m.story, fmt.Sprintf(format, args...))
}

func (m *echoModel) run() {
	for range 12 {
		switch m.random.IntN(3) {
		case 0:
			m.editByOthers()
		case 1:
			m.deliver()
		case 2:
			m.writeOurs()
		}
	}
	for len(m.events) > 0 {
		m.deliver()
	}
}

func (m *echoModel) editByOthers() {
	if m.isAlone {
		return
	}
	m.version++
	m.events = append(m.events, m.version)
	m.others[m.version] = false
	m.sayf("others write %d", m.version)
}

// deliver shows the next version in the cache or, as after a list, the newest one.
func (m *echoModel) deliver() {
	if len(m.events) == 0 {
		return
	}
	skipped := m.random.IntN(len(m.events))
	if m.random.IntN(4) > 0 {
		skipped = 0
	}
	before := m.shown
	m.shown, m.events = m.events[skipped], m.events[skipped+1:]
	for version := range m.others {
		m.others[version] = version <= m.shown
	}
	m.sayf("the cache shows %d", m.shown)
	if !m.written.shows(strconv.Itoa(before), secretOfVersion(m.shown)) {
		m.wake()
	}
}

// wake is followed by a look at what the cache shows.
func (m *echoModel) wake() {
	m.wakes++
	m.sayf("a look at %d", m.shown)
	for version, isShown := range m.others {
		if isShown {
			delete(m.others, version)
		}
	}
}

// writeOurs is a write that the API server takes if it is based on the object's version.
func (m *echoModel) writeOurs() {
	for m.isAlone && len(m.events) > 0 {
		m.deliver() // two writes of ours within the lag of the cache are rare, and may wake
	}
	cached := secretOfVersion(m.shown)
	if m.random.IntN(2) == 0 {
		m.deliver() // after the cache was read
	}
	base, _ := m.written.latest(cached, false, m.clock.Now())
	if newer(strconv.Itoa(m.ours), base.ResourceVersion) {
		m.outdated = true
	}
	version, written := 0, secretOfVersion(0)
	_ = m.written.write(written, m.clock, m.wake, func() error {
		m.happenMeanwhile()
		fails := base.ResourceVersion != strconv.Itoa(m.version)
		if !fails {
			// Its author has seen what it is based on.
			clear(m.others)
			m.version++
			m.events = append(m.events, m.version)
			version, written.ResourceVersion = m.version, strconv.Itoa(m.version)
			m.sayf("we write %d", m.version)
		}
		m.happenMeanwhile()
		if fails || !m.isAlone && m.random.IntN(4) == 0 {
			m.sayf("our write fails, or its answer is lost")
			return errors.New("no answer")
		}
		m.ours = version
		return nil
	})
}

func (m *echoModel) happenMeanwhile() {
	for range m.random.IntN(3) {
		if m.random.IntN(2) == 0 {
			m.editByOthers()
		}
		m.deliver()
	}
}

func (m *echoModel) problem() string {
	for version := range m.others {
		return fmt.Sprintf("no look followed after the cache showed %d", version)
	}
	if latest, _ := m.written.latest(secretOfVersion(m.shown), false, m.clock.Now()); latest.ResourceVersion != strconv.Itoa(m.version) {
		return fmt.Sprintf("version %s counts as the latest, want %d", latest.ResourceVersion, m.version)
	}
	if m.outdated {
		return "we wrote on the base of what was older than our own last write"
	}
	if m.isAlone && m.wakes > 0 {
		return fmt.Sprintf("our own writes woke %d times", m.wakes)
	}
	return ""
}

func secretOfVersion(version int) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{ResourceVersion: strconv.Itoa(version)}}
}

// TestDeletionAfterAWrite: what the cache had shown before it was read is deleted when it is not
// there any more. What the cache has not shown yet is not: it may lag.
func TestDeletionAfterAWrite(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name                 string
		during, after, while func(*written[*corev1.Secret])
		isDeleted            bool
	}{
		{"the cache lags", nothing, nothing, nothing, false},
		{"it shows the write after the answer", nothing, shows("1", 2), nothing, true},
		{"it shows the write before the answer", shows("1", 2), nothing, nothing, true},
		{"it shows the write while it is read", nothing, nothing, shows("1", 2), false},
		{"it shows what the write is based on", shows("", 1), nothing, nothing, false},
		{"it shows a later write by others, and no look has followed", nothing, shows("2", 3), nothing, false},
	} {
		var w written[*corev1.Secret]
		clock := clocktesting.NewFakeClock(time.Unix(0, 0))
		_ = w.write(secretOfVersion(2), clock, func() {}, func() error { row.during(&w); return nil })
		row.after(&w)
		caughtUp := w.isCaughtUp()
		row.while(&w)
		if got, isDoubtful := w.latest(nil, caughtUp, clock.Now()); (got == nil) != row.isDeleted || isDoubtful {
			t.Errorf("%s: %v counts as the latest version (doubtful: %t)", row.name, got, isDoubtful)
		}
	}
}

func nothing(*written[*corev1.Secret]) {}

func shows(before string, version int) func(*written[*corev1.Secret]) {
	return func(w *written[*corev1.Secret]) { w.shows(before, secretOfVersion(version)) }
}

// TestEventsPassAfterAPanic: a write that panics must not hold back events for ever.
func TestEventsPassAfterAPanic(t *testing.T) {
	t.Parallel()
	var w written[*corev1.Secret]
	func() {
		defer func() { _ = recover() }()
		_ = w.write(secretOfVersion(2), clocktesting.NewFakeClock(time.Unix(0, 0)), func() {}, func() error { panic("in the client") })
	}()
	if w.shows("1", secretOfVersion(2)) {
		t.Error("an event after the panic is held back")
	}
}

// TestOneEventIsOurs: after a restore of etcd, another object may get the version of our
// last write.
func TestOneEventIsOurs(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name    string
		between func(*written[*corev1.Secret])
		want    bool
	}{
		{"nothing between", func(*written[*corev1.Secret]) {}, true},
		{"it was shown before", func(w *written[*corev1.Secret]) { w.shows("1", secretOfVersion(2)) }, false},
		{"another was shown before", func(w *written[*corev1.Secret]) { w.shows("2", secretOfVersion(1)) }, false},
		{"the cluster was restored", func(w *written[*corev1.Secret]) { w.restored() }, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			var w written[*corev1.Secret]
			_ = w.write(secretOfVersion(2), clocktesting.NewFakeClock(time.Unix(0, 0)), func() {}, func() error { return nil })
			row.between(&w)
			if got := w.shows("1", secretOfVersion(2)); got != row.want {
				t.Errorf("the event counts as our own: %v, want %v", got, row.want)
			}
		})
	}
}

// TestTheCachesCopyIsShared: a copy of the last write would cost memory until the next look.
func TestTheCachesCopyIsShared(t *testing.T) {
	t.Parallel()
	for _, during := range []bool{true, false} {
		var w written[*corev1.Secret]
		shown := secretOfVersion(2)
		_ = w.write(secretOfVersion(2), clocktesting.NewFakeClock(time.Unix(0, 0)), func() {}, func() error {
			if during {
				w.shows("1", shown)
			}
			return nil
		})
		if !during {
			w.shows("1", shown)
		}
		if w.last != shown {
			t.Errorf("with the event during the write: %v, a copy is kept", during)
		}
	}
}

// TestVersionsThatWentBackAreSeenBetweenLooks: our own event is not looked at, so the versions
// may go back to what the last look has seen.
func TestVersionsThatWentBackAreSeenBetweenLooks(t *testing.T) {
	t.Parallel()
	var w written[*corev1.Secret]
	if w.look("1") {
		t.Error("the first look finds that versions went back")
	}
	w.shows("1", secretOfVersion(5))
	w.shows("5", secretOfVersion(1))
	if !w.look("1") {
		t.Error("versions that went back are overlooked")
	}
	if w.look("1") {
		t.Error("they count twice")
	}
}
