// Package bench measures the manager, as a process, against a real API server and a stand-in of the
// endpoint. TestCost compares it with the least that its work can cost: a bare loop that makes, for
// each session, one request to the endpoint and three calls to the API server. TestLatency measures how
// long people wait for a URL, and judges nothing. Both read /proc, so they need Linux.
package bench
