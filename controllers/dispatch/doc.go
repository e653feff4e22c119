// Package dispatch decides whose turn it is to ask the endpoint: it keeps the rate
// limit, the number of requests under way, each key's part of them, and the pauses of
// throttled keys. It knows no Kubernetes client.
//
// A session that may not ask at once is queued. Turns are given to queued sessions
//
//	by need       nine of ten to the URL that expires first, one of ten to the
//	              session that has been without one for longest
//	by fairness   to the neediest session of the namespace that has waited for
//	              longest for such a turn
//
// in alternation. With w waiting namespaces each has at least every 2w-th turn,
// whatever the others do: of two turns one goes by fairness, and a namespace that had
// it goes behind the w-1 others. A namespace that waits alone is served by need.
// A session that a person asked a fresh URL for, and that is not due, goes behind
// all that are due; among these the same rules hold.
//
// A session whose key cannot be used now, as its probe is under way or as it has its
// part of the slots, is passed over, and keeps its place.
//
// A turn costs O(log n) for n queued sessions, plus O(f) when a key begins or ceases
// to be held for which sessions in f namespaces wait.
package dispatch
