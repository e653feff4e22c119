//go:build long

package chaos

import (
	"math/rand/v2"
	"slices"
	"time"
)

// kind is what a disturbance does, in words for the report.
type kind string

// What happens to the machines.
const (
	killManager    kind = "the manager is killed"
	stopManager    kind = "the manager is told to stop"
	killStandby    kind = "the replica that stands by is killed"
	runPair        kind = "two replicas elect a leader"
	runAlone       kind = "one replica runs alone"
	stopAPIServer  kind = "the API server stops and starts"
	cutConnections kind = "all connections to the API server are cut"
	stormOfWrites  kind = "half of all writes fail"
)

// What happens to the endpoint.
const (
	endpointFault kind = "the endpoint misbehaves for a key"
	endpointDown  kind = "the endpoint is down for all"
)

// disturbance is something that goes wrong, or that people do.
type disturbance struct {
	At      time.Duration
	Kind    kind
	Session int           // whose, where it is about one
	Lasts   time.Duration // until it is over, where it is not at once
	Choice  int           // among the ways in which it can be done
}

const (
	// firstTrouble leaves the manager a moment to begin with.
	firstTrouble = 2 * time.Second
	// betweenFaults of the endpoint for a session's key, and betweenActs of people upon
	// a session, is that much on average.
	betweenFaults = 15 * time.Second
	betweenActs   = 25 * time.Second
	// betweenOutages of the whole endpoint.
	betweenOutages = 40 * time.Second
)

// drawPlan is what will go wrong: the same for the same seed.
func drawPlan(seed uint64, lasting time.Duration, sessions int) []disturbance {
	d := drawing{rand.New(rand.NewPCG(seed, 0)), lasting, sessions}
	plan := slices.Concat(d.machines(), d.endpoint(), d.people())
	slices.SortStableFunc(plan, func(a, b disturbance) int { return int(a.At - b.At) })
	return plan
}

type drawing struct {
	*rand.Rand
	lasting  time.Duration
	sessions int
}

// machines is rounds of one replica that runs alone, and then of two that elect a
// leader: it takes the other one 15 seconds to notice that the leader was killed.
func (d drawing) machines() (plan []disturbance) {
	at := firstTrouble
	add := func(k kind, least, most time.Duration) {
		plan = append(plan, disturbance{At: at, Kind: k, Lasts: d.between(time.Second, 6*time.Second)})
		at += d.between(least, most)
	}
	for at < d.lasting {
		for _, k := range d.shuffled(killManager, stopManager, cutConnections, stormOfWrites) {
			add(k, 3*time.Second, 6*time.Second)
		}
		add(runPair, 5*time.Second, 7*time.Second)
		add(killManager, 17*time.Second, 20*time.Second)
		add(stopAPIServer, 15*time.Second, 20*time.Second)
		for _, k := range d.shuffled(killManager, stopManager, killStandby, cutConnections) {
			add(k, 8*time.Second, 20*time.Second)
		}
		add(runAlone, 3*time.Second, 6*time.Second)
		add(stopAPIServer, 15*time.Second, 20*time.Second)
	}
	return slices.DeleteFunc(plan, func(x disturbance) bool { return x.At >= d.lasting })
}

func (d drawing) endpoint() (plan []disturbance) {
	for range d.howMany(betweenFaults) {
		plan = append(plan, disturbance{
			At: d.sometime(), Kind: endpointFault, Session: d.IntN(d.sessions), Lasts: d.between(5*time.Second, 25*time.Second),
			Choice: d.IntN(len(endpointFaults)),
		})
	}
	for at := d.between(0, betweenOutages); at < d.lasting; at += betweenOutages {
		plan = append(plan, disturbance{At: at, Kind: endpointDown, Lasts: d.between(3*time.Second, 8*time.Second)})
	}
	return plan
}

func (d drawing) people() (plan []disturbance) {
	var often []habit // each as many times as people do it
	for _, h := range habits {
		often = append(often, slices.Repeat([]habit{h}, h.often)...)
	}
	for range d.howMany(betweenActs) {
		plan = append(plan, disturbance{
			At: d.sometime(), Kind: often[d.IntN(len(often))].kind, Session: d.IntN(d.sessions),
			Lasts: d.between(2*time.Second, 20*time.Second), Choice: d.IntN(1000),
		})
	}
	return plan
}

// howMany disturbances there are, when each session has one in that time on average.
func (d drawing) howMany(interval time.Duration) int {
	return int(float64(d.sessions) * d.lasting.Seconds() / interval.Seconds())
}

func (d drawing) sometime() time.Duration { return d.between(0, d.lasting) }

// between is in whole milliseconds, to be read by people.
func (d drawing) between(least, most time.Duration) time.Duration {
	return (least + time.Duration(d.Int64N(int64(most-least)))).Truncate(time.Millisecond)
}

func (d drawing) shuffled(kinds ...kind) []kind {
	d.Shuffle(len(kinds), func(i, j int) { kinds[i], kinds[j] = kinds[j], kinds[i] })
	return kinds
}
