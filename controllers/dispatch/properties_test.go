package dispatch

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"
)

// world drives a Dispatcher as workers would, keeps its own books, and judges each
// turn by them.
type world struct {
	*rapid.T
	*bench
	slots    int
	wants    map[types.NamespacedName]wish
	flying   map[types.NamespacedName]wish
	keys     map[KeyID]*keyBook
	keyOf    func(types.NamespacedName) KeyID
	arrivals int
	starts   int
	// since is what each waiting namespace has seen others have.
	since map[classed]*patience
	// need counts the turns by class.
	need map[bool]*needBook
}

// wish is a session that is queued, or was.
type wish struct {
	key      KeyID
	priority Priority
	arrival  int
	reserved bool
	paused   bool // is to decide anew, as its key was paused
	started  int  // when its request was, in the order of starts
}

// classed is a namespace among those that are due, or among those requested.
type classed struct {
	namespace string
	requested bool
}

// patience counts turns that others had: all in a row that a namespace could have
// had, and all that it could have had although its keys were held in between.
type patience struct{ row, turns, waiting int }

type needBook struct {
	turns, byNeed int
	held          bool // some session was, at some turn
}

// keyBook is what is known of a key.
type keyBook struct {
	closed bool
	until  time.Time
	probe  types.NamespacedName
	flying int
	used   time.Time
}

func newWorld(t *rapid.T, slots int) *world {
	return &world{
		T: t, bench: newBench(0, 1, slots), slots: slots,
		wants: map[types.NamespacedName]wish{}, flying: map[types.NamespacedName]wish{},
		keys: map[KeyID]*keyBook{}, since: map[classed]*patience{},
		need: map[bool]*needBook{false: {}, true: {}},
	}
}

func (w *world) key(id KeyID) *keyBook {
	if w.keys[id] == nil {
		w.keys[id] = &keyBook{}
	}
	return w.keys[id]
}

// could reports whether a request with the key may start, but for slots and rate.
func (w *world) could(id KeyID) bool {
	k := w.key(id)
	return !w.clock.Now().Before(k.until) && k.probe == (types.NamespacedName{}) && k.flying < max(1, w.slots/2)
}

func classOf(name types.NamespacedName, p Priority) classed {
	return classed{name.Namespace, p.kind == requested}
}

// candidates are the queued sessions that could go, of one class.
func (w *world) candidates(requested bool) (names []types.NamespacedName) {
	for name, wish := range w.wants {
		if !wish.reserved && !wish.paused && classOf(name, wish.priority).requested == requested && w.could(wish.key) {
			names = append(names, name)
		}
	}
	return names
}

// neediest returns the candidates that go first of their kind.
func (w *world) neediest(candidates []types.NamespacedName) (first []types.NamespacedName) {
	best := map[kind]types.NamespacedName{}
	for _, name := range candidates {
		wish := w.wants[name]
		b, ok := best[wish.priority.kind]
		if c := wish.priority.order.Compare(w.wants[b].priority.order); !ok || c < 0 || c == 0 && wish.arrival < w.wants[b].arrival {
			best[wish.priority.kind] = name
		}
	}
	return slices.Collect(maps.Values(best))
}

func (w *world) waitingNamespaces(requested bool) int {
	namespaces := map[string]bool{}
	for name, wish := range w.wants {
		if !wish.reserved && classOf(name, wish.priority).requested == requested {
			namespaces[name.Namespace] = true
		}
	}
	return len(namespaces)
}

// given judges a turn that a queued session had, and books it.
func (w *world) given(name types.NamespacedName) {
	class := classOf(name, w.wants[name].priority)
	if class.requested && len(w.candidates(false)) > 0 {
		w.Fatalf("%s goes, which was only requested, while %v are due", name, w.candidates(false))
	}
	if p := w.wants[name].priority; p.kind == renewal && !w.clock.Now().Before(p.order) {
		w.Fatalf("%s goes, whose URL expired in the queue", name)
	}
	candidates := w.candidates(class.requested)
	if !slices.Contains(candidates, name) {
		w.Fatalf("%s goes, whose key is held", name)
	}
	own := slices.DeleteFunc(slices.Clone(candidates), func(n types.NamespacedName) bool { return n.Namespace != name.Namespace })
	if !slices.Contains(w.neediest(own), name) {
		w.Fatalf("%s goes before %v of its namespace", name, w.neediest(own))
	}
	w.judgeNeed(class, slices.Contains(w.neediest(candidates), name), len(candidates) < w.queuedOf(class.requested))
	w.count(class, candidates)
	wish := w.wants[name]
	wish.reserved = true
	w.wants[name] = wish
	w.begin(name, wish.key)
}

// judgeNeed holds that of two turns one goes to the neediest session of all; of four,
// where keys were held and came free for turns by need only.
func (w *world) judgeNeed(class classed, byNeed, held bool) {
	n := w.need[class.requested]
	n.turns++
	n.held = n.held || held
	if byNeed {
		n.byNeed++
	}
	part := 2
	if n.held {
		part = 4
	}
	if n.byNeed < (n.turns-1)/part {
		w.Fatalf("of %d turns %d went to the neediest of all", n.turns, n.byNeed)
	}
}

func (w *world) queuedOf(requested bool) (n int) {
	for name, wish := range w.wants {
		if !wish.reserved && classOf(name, wish.priority).requested == requested {
			n++
		}
	}
	return n
}

// count holds that each namespace that could go has at least every 2w-th turn.
func (w *world) count(class classed, candidates []types.NamespacedName) {
	waiting := w.waitingNamespaces(class.requested)
	for _, name := range candidates {
		c := classOf(name, w.wants[name].priority)
		if w.since[c] == nil {
			w.since[c] = &patience{}
		}
	}
	for c, p := range w.since {
		could := slices.ContainsFunc(candidates, func(n types.NamespacedName) bool { return n.Namespace == c.namespace })
		switch {
		case c.requested != class.requested:
		case c == class:
			delete(w.since, c)
		case !could:
			p.row = 0
		default:
			p.row++
			p.turns++
			p.waiting = max(p.waiting, waiting)
			if p.row >= 2*p.waiting || p.turns >= 4*p.waiting {
				w.Fatalf("%q had none of %d turns in a row, or %d, while %d namespaces waited", c.namespace, p.row, p.turns, p.waiting)
			}
		}
	}
}

// left forgets what was counted for namespaces that do not wait any more.
func (w *world) left() {
	waiting := map[classed]bool{}
	for name, wish := range w.wants {
		if !wish.reserved && !wish.paused {
			waiting[classOf(name, wish.priority)] = true
		}
	}
	maps.DeleteFunc(w.since, func(c classed, _ *patience) bool { return !waiting[c] })
}

func (w *world) begin(name types.NamespacedName, id KeyID) {
	k := w.key(id)
	k.flying++
	if !k.closed {
		k.probe = name
	}
}

func (w *world) end(name types.NamespacedName, id KeyID) {
	k := w.key(id)
	k.flying--
	k.used = w.clock.Now()
	if k.probe == name {
		k.probe = types.NamespacedName{}
	}
}

// want is what a worker does with a session that wants to ask.
func (w *world) want(name types.NamespacedName, key KeyID, p Priority) {
	if _, busy := w.flying[name]; busy {
		return
	}
	if before, ok := w.wants[name]; ok && before.reserved {
		delete(w.wants, name)
		if before.key == key && !w.clock.Now().Before(w.key(key).until) {
			before.started = w.start()
			w.flying[name] = before
			if !w.ask(name, key, p) {
				w.Fatalf("%s was woken and may not ask", name)
			}
			return
		}
		w.end(name, before.key)
	}
	w.key(key).used = w.clock.Now()
	before, queued := w.wants[name]
	delete(w.wants, name)
	due := len(w.candidates(false)) > 0
	goes := !queued && !due && (p.kind != requested || len(w.candidates(true)) == 0) && w.could(key) && w.underWay() < w.slots
	switch asks := w.ask(name, key, p); {
	case asks != goes:
		w.Fatalf("%s may ask: %t", name, asks)
	case asks:
		w.begin(name, key)
		w.flying[name] = wish{key: key, started: w.start()}
	default:
		arrival := before.arrival
		if !queued {
			w.arrivals++
			arrival = w.arrivals
		}
		w.wants[name] = wish{key: key, priority: p, arrival: arrival, paused: w.clock.Now().Before(w.key(key).until)}
	}
	w.left()
}

func (w *world) start() int {
	w.starts++
	return w.starts
}

func (w *world) underWay() (n int) {
	for _, k := range w.keys {
		n += k.flying
	}
	return n
}

// answer ends a request; throttled or not, or without an answer.
func (w *world) answer(name types.NamespacedName, throttled, abandoned bool) {
	id, k, now := w.flying[name].key, w.key(w.flying[name].key), w.clock.Now()
	delete(w.flying, name)
	switch open := now.Before(k.until); {
	case abandoned:
	case throttled:
		k.closed = false
	case !open && (k.closed || k.probe == name):
		k.closed = true
	}
	if abandoned {
		w.turns[name].Abandon()
	} else {
		k.until = w.answered(name, throttled, 0)
		if paused := now.Before(k.until); throttled && !paused {
			w.Fatal("no pause after a throttled answer")
		}
	}
	w.end(name, id)
	for name, wish := range w.wants {
		wish.paused = wish.paused || wish.key == id && !wish.reserved && now.Before(k.until)
		w.wants[name] = wish
	}
	w.left()
}

func (w *world) cancel(name types.NamespacedName) {
	if wish, ok := w.wants[name]; ok {
		delete(w.wants, name)
		if wish.reserved {
			w.end(name, wish.key)
		}
	}
	w.Cancel(name)
	w.left()
}

// look gives out turns. It returns who must decide anew.
func (w *world) look() (anew []types.NamespacedName) {
	now := w.clock.Now()
	w.dispatch()
	w.forgotten()
	for _, name := range w.woken {
		if w.HasTurn(name) {
			w.given(name)
			continue
		}
		wish, ok := w.wants[name]
		expired := wish.priority.kind == renewal && !now.Before(wish.priority.order)
		if !ok || !wish.paused && !expired {
			w.Fatalf("%s is woken for nothing", name)
		}
		delete(w.wants, name)
		w.left()
		anew = append(anew, name)
	}
	w.woken = nil
	if left := append(w.candidates(false), w.candidates(true)...); len(left) > 0 && w.underWay() < w.slots {
		w.Fatalf("%d of %d slots are used while %v could go", w.underWay(), w.slots, left)
	}
	return anew
}

// forgotten books what is not known of keys any more.
func (w *world) forgotten() {
	for id, k := range w.keys {
		if _, known := w.breakers[id]; known {
			continue
		}
		idle := min(w.clock.Since(k.used), w.clock.Since(k.until))
		for _, wish := range w.wants {
			if wish.key == id && !wish.paused {
				idle = 0
			}
		}
		if k.flying > 0 || idle < time.Minute {
			w.Fatal("a key is forgotten that is in use")
		}
		delete(w.keys, id)
	}
}

// check compares the books.
func (w *world) check() {
	queued, byNamespace := 0, map[string]int{}
	for name, wish := range w.wants {
		if w.HasTurn(name) != wish.reserved {
			w.Fatalf("%s has a turn: %t", name, !wish.reserved)
		}
		if !wish.reserved {
			queued++
			byNamespace[name.Namespace]++
		}
	}
	if w.Len() != queued || !maps.Equal(w.WaitingByNamespace(), byNamespace) {
		w.Fatalf("%d queued, in namespaces %v; want %v", w.Len(), w.WaitingByNamespace(), byNamespace)
	}
	if w.inFlight != w.underWay() || w.underWay() > w.slots {
		w.Fatalf("%d under way, %d are counted, of %d", w.underWay(), w.inFlight, w.slots)
	}
	for name := range w.flying {
		if w.HasTurn(name) {
			w.Fatalf("%s has a turn and asks already", name)
		}
	}
	for id, k := range w.keys {
		if k.flying > max(1, w.slots/2) || !w.PausedUntil(id).Equal(k.until) && w.clock.Now().Before(k.until) {
			w.Fatalf("a key has %d of %d slots; paused until %s, want %s", k.flying, w.slots, w.PausedUntil(id), k.until)
		}
	}
}

// drained holds that nothing is left.
func (w *world) drained() {
	w.clock.Step(time.Hour)
	w.dispatch()
	if w.Len() != 0 || w.inFlight != 0 || len(w.breakers)+len(w.reserved)+len(w.queue)+len(w.WaitingByNamespace()) != 0 {
		w.Fatalf("left: %d queued, %d in flight, %d keys, %d turns, %d namespaces", len(w.queue), w.inFlight, len(w.breakers), len(w.reserved), len(w.WaitingByNamespace()))
	}
}

func TestTurns(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, rapid.IntRange(1, 6).Draw(t, "slots"))
		keys := rapid.IntRange(1, 16).Draw(t, "keys")
		var names []types.NamespacedName
		index := map[types.NamespacedName]int{}
		namespaces := rapid.IntRange(1, 5).Draw(t, "namespaces")
		for i := range rapid.IntRange(1, 16).Draw(t, "sessions") {
			index[in(fmt.Sprintf("namespace-%d", i%namespaces), fmt.Sprint(i))] = i / 2 // neighbours share a key
			names = append(names, in(fmt.Sprintf("namespace-%d", i%namespaces), fmt.Sprint(i)))
		}
		anyone := rapid.SampledFrom(names)
		w.keyOf = func(name types.NamespacedName) KeyID { return keyNumber(index[name] % keys) }
		want := func(t *rapid.T, name types.NamespacedName) {
			at := w.clock.Now().Add(time.Duration(rapid.IntRange(1, 1500).Draw(t, "seconds")) * time.Second)
			p := []Priority{FirstIssue(at), Renewal(at), Requested(at)}[rapid.IntRange(0, 2).Draw(t, "kind")]
			w.want(name, w.keyOf(name), p)
		}
		t.Repeat(map[string]func(*rapid.T){
			"want": func(t *rapid.T) { want(t, anyone.Draw(t, "who")) },
			"crowd": func(t *rapid.T) {
				for _, name := range names {
					want(t, name)
				}
			},
			"answer": func(t *rapid.T) {
				name := anyone.Draw(t, "who")
				if _, ok := w.flying[name]; !ok {
					t.Skip("nothing under way")
				}
				how := rapid.IntRange(0, 9).Draw(t, "how")
				w.answer(name, how == 0, how == 1)
			},
			"busy": func(t *rapid.T) {
				// Answers come one by one, the oldest first, and who had one wants the next.
				for range rapid.IntRange(1, 60).Draw(t, "answers") {
					if oldest, ok := w.oldest(); ok {
						wish := w.flying[oldest]
						w.answer(oldest, false, false)
						w.want(oldest, wish.key, FirstIssue(w.clock.Now()))
					}
					w.come(names, w.look())
				}
			},
			"leave": func(t *rapid.T) {
				name := anyone.Draw(t, "who")
				if _, busy := w.flying[name]; busy {
					t.Skip("its worker is busy")
				}
				w.cancel(name)
			},
			"time": func(t *rapid.T) {
				w.clock.Step(time.Duration(rapid.IntRange(0, 200).Draw(t, "seconds")) * time.Second)
			},
			"look": func(t *rapid.T) {
				for _, name := range w.look() {
					want(t, name)
				}
				if rapid.Bool().Draw(t, "workers are there") {
					w.come(names, nil)
				}
			},
			"rotate": func(t *rapid.T) {
				index[anyone.Draw(t, "who")] = rapid.IntRange(0, 15).Draw(t, "key")
			},
			"": func(*rapid.T) { w.check() },
		})
		w.finish(names)
		w.drained()
	})
}

// oldest returns the session whose request has been under way for longest.
func (w *world) oldest() (name types.NamespacedName, ok bool) {
	for n, wish := range w.flying {
		if !ok || wish.started < w.flying[name].started {
			name, ok = n, true
		}
	}
	return name, ok
}

// come lets the workers come that were woken: for a turn, or to decide anew.
func (w *world) come(names, anew []types.NamespacedName) {
	for _, name := range anew {
		w.want(name, w.keyOf(name), FirstIssue(w.clock.Now()))
	}
	for _, name := range names {
		if wish := w.wants[name]; wish.reserved {
			w.want(name, w.keyOf(name), wish.priority)
		}
	}
}

// finish lets the endpoint be well, until everybody that wants to ask has asked.
func (w *world) finish(names []types.NamespacedName) {
	w.clock.Step(time.Hour)
	for range 4 * len(names) {
		w.look()
		w.come(names, nil)
		for _, name := range names {
			if _, ok := w.flying[name]; ok {
				w.answer(name, false, false)
				break
			}
		}
		w.check()
	}
	if len(w.wants)+len(w.flying) > 0 {
		w.Fatalf("forgotten: %v, %v", w.wants, w.flying)
	}
}

// TestNamespaceAloneIsServedByNeed compares each turn with a list that is searched.
func TestNamespaceAloneIsServedByNeed(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b := newBench(0, 1, rapid.IntRange(1, 3).Draw(t, "slots"))
		m := &model{}
		wants := map[types.NamespacedName]Priority{}
		var flying []types.NamespacedName
		ask := func(name types.NamespacedName, p Priority) {
			// Each has a key of its own, so that none is held.
			asks := b.ask(name, KeyID([]byte(fmt.Sprintf("%32s", name.Name))), p)
			m.agrees(t, name.Name, p, asks)
			if asks {
				flying = append(flying, name)
			} else if len(flying) < b.slots {
				t.Fatalf("%s waits while %d are under way", name, len(flying))
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"come": func(t *rapid.T) {
				for range rapid.IntRange(1, 20).Draw(t, "how many") {
					name, at := called(fmt.Sprint(len(wants))), b.clock.Now().Add(time.Duration(rapid.IntRange(1, 1e6).Draw(t, "at"))*time.Second)
					wants[name] = FirstIssue(at)
					if rapid.Bool().Draw(t, "alive") {
						wants[name] = Renewal(at)
					}
					ask(name, wants[name])
				}
			},
			"answer": func(t *rapid.T) {
				for range min(len(flying), rapid.IntRange(1, 30).Draw(t, "how many")) {
					b.answered(flying[0], false, 0)
					flying = flying[1:]
					b.dispatch()
					for _, name := range b.woken {
						ask(name, wants[name])
					}
					b.woken = nil
				}
			},
		})
	})
}

// model is the rule for one namespace in its simplest form: of ten turns nine go to
// URLs that are alive, what expires first first; one goes to who has been without
// for longest.
type model struct {
	given   int
	waiting []modelWaiter
}

type modelWaiter struct {
	name     string
	priority Priority
}

// agrees holds that a session which asks may, if and only if it is its turn.
func (m *model) agrees(t interface{ Fatalf(string, ...any) }, name string, p Priority, asks bool) {
	i := slices.IndexFunc(m.waiting, func(w modelWaiter) bool { return w.name == name })
	switch {
	case !asks && i >= 0:
		m.waiting[i].priority = p
		return
	case !asks:
		m.waiting = append(m.waiting, modelWaiter{name, p})
		return
	case i < 0 && len(m.waiting) > 0:
		t.Fatalf("turn %d goes to the newcomer %s, while %d wait", m.given, name, len(m.waiting))
	case i >= 0:
		if first := m.first(); i != first {
			t.Fatalf("turn %d goes to %+v, want %+v", m.given, m.waiting[i], m.waiting[first])
		}
		m.waiting = slices.Delete(m.waiting, i, i+1)
	}
	m.given++
}

func (m *model) first() (first int) {
	wanted := renewal
	if m.given%10 == 9 {
		wanted = firstIssue
	}
	for i, w := range m.waiting {
		f := m.waiting[first]
		if w.priority.kind == wanted && f.priority.kind != wanted ||
			w.priority.kind == f.priority.kind && w.priority.order.Before(f.priority.order) {
			first = i
		}
	}
	return first
}
