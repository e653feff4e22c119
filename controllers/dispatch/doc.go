// Package dispatch decides whose turn it is to ask the endpoint. It keeps the rate
// limit, the number of requests under way, the share that one key has of them, and the
// pauses of throttled keys. It knows no Kubernetes client.
//
// A session that may not ask at once is queued. Queued sessions that are due have
// turns alternately
//
//	by need      nine of ten for the URL that expires first, one of ten for the
//	             session that has been without a URL for longest
//	by fairness  for the neediest session of the namespace that had such a turn
//	             longest ago
//
// Turns that they cannot use go, by the same rules, to sessions that a person asked a
// fresh URL for. What follows, for w namespaces that wait:
//
//   - Each namespace has one of 2w turns, whatever the others do: every other turn goes
//     by fairness, and whoever had one goes behind the w-1 others. At a limit of q
//     requests a second, that is q/2w a second.
//   - A namespace that waits alone is served by need only.
//   - No turn is left unused while a session could have it.
//   - A session whose key is held is passed over and loses no place. A key is held
//     while its probe is under way, and while it has its share of the slots. If a shared
//     key is held at the turns by fairness, some of its turns by need make up for them.
//
// The queue is in no order. Each turn looks through all of it and applies the rules as they
// are written here: that takes up to half a millisecond of a processor while 10,000 sessions
// wait, and five while 100,000 do. A session that joins the queue looks through nothing.
package dispatch
